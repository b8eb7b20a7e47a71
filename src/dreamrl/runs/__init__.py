"""Runs on disk."""

from dreamrl.runs.run import Loaded, Run, create, find, of_seed

__all__ = ["Loaded", "Run", "create", "find", "of_seed"]
