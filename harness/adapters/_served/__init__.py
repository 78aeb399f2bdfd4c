"""What adapters that ask a server share: keys, pace, retries, errors, images, cost. Each adds how its API is spoken."""
