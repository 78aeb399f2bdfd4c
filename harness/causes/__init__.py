"""Causes: what differs between two runs, and how much of their difference each change makes."""
