"""Print what the harness itself costs, measured now on this machine."""

from benchmarks import overhead as costs  # modules, not classes: asv would find those here a second time
from benchmarks import pipeline as flow


def main() -> None:
    """Run every ``track_`` method of the overhead benchmarks."""
    overhead, startup = costs.Overhead(), costs.Startup()
    measured = overhead.setup_cache()
    for name in sorted(name for name in dir(overhead) if name.startswith("track_")):
        method = getattr(overhead, name)
        print(f"{name.removeprefix('track_'):<24} {method(measured):10.3f} {method.unit}")
    for name in sorted(name for name in dir(startup) if name.startswith("track_")):
        method = getattr(startup, name)
        print(f"{name.removeprefix('track_'):<24} {method():10.3f} {method.unit}")
    pipeline = flow.Pipeline().track_wall_over_larger_sum
    print(f"{'wall_over_larger_sum':<24} {pipeline():10.3f} {pipeline.unit}")


if __name__ == "__main__":
    main()
