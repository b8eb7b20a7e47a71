"""How fast: environments, training, starts, and a trained agent in use."""
