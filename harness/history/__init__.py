"""Metrics across commits: asv's result files, change points, and what they mean for the newest commit."""
