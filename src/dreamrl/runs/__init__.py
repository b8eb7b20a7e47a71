"""Runs on disk."""

from dreamrl.runs.run import Loaded, Run, create, find, of_seed, only, settings_of, tell_family
from dreamrl.runs.session import create_from, ensure, open_session, prepare
from dreamrl.runs.terms import Terms

__all__ = [
    "Loaded",
    "Run",
    "Terms",
    "create",
    "create_from",
    "ensure",
    "find",
    "of_seed",
    "only",
    "open_session",
    "prepare",
    "settings_of",
    "tell_family",
]
