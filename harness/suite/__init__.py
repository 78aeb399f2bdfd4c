"""Read a suite and an adapter, bind what they name, and say what of them is run."""
