"""A soak: runs that are killed, edited, starved of disk, led to dead mounts and lied to by a server, for minutes."""
