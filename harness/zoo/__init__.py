"""Models that are built on demand into the user's cache, and the photographs to try them on. None is committed."""
