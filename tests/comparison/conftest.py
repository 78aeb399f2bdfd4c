from tests.made_runs import make_run, sweep_runs

__all__ = ["make_run", "sweep_runs"]
