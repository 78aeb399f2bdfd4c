"""The parts of the latency task."""
