"""All agents compared: the cells, the search over settings, and the tables of README and docs."""
