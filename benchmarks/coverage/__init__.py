"""How often the intervals of single runs hold the truth: ``python -m benchmarks.coverage``."""
