"""Frame samplers, one module each."""
