"""Gates: where baselines are kept, and runs that are made to be judged."""
