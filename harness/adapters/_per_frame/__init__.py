"""The parts of the adapter that asks about each frame: from a question to questions, from answers to an answer."""
