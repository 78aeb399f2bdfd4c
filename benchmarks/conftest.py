"""What pytest-benchmark writes of the machine and the commit into a file that is committed: no names."""

from typing import Any


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Keep what ratios depend on."""
    told = {"cpu": machine_info["cpu"].get("brand_raw"), "python": machine_info["python_version"]}
    machine_info.clear()
    machine_info.update(told)


def pytest_benchmark_generate_commit_info(config: Any) -> dict[str, Any]:
    """Say nothing of the branch and the folder; git knows the commit."""
    return {}


def pytest_benchmark_update_json(config: Any, benchmarks: Any, output_json: dict[str, Any]) -> None:
    """Leave out each round's seconds, which nobody compares."""
    for found in output_json["benchmarks"]:
        del found["stats"]["data"]
