"""Agents beside one another: cells of an agent on a family, statistics and tables of them."""
