"""A model behind a queue: dynamic batching, and an HTTP server that speaks chat completions."""
