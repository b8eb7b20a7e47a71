"""Runs on disk."""

from dreamrl.runs.run import Loaded, Run, create, find, of_seed, only, tell_family
from dreamrl.runs.session import Watch, ensure, open_session, prepare
from dreamrl.runs.terms import Terms

__all__ = [
    "Loaded",
    "Run",
    "Terms",
    "Watch",
    "create",
    "ensure",
    "find",
    "of_seed",
    "only",
    "open_session",
    "prepare",
    "tell_family",
]
