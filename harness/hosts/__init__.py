"""Where a model lives, and how it is asked there."""
