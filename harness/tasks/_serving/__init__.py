"""The parts of the serving task."""
