"""Time calls so that a busy machine does not decide who wins."""
