"""Two runs side by side: what differs, by how much, and what the rules say to it. Nothing here runs anything."""
