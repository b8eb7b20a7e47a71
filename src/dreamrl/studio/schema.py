"""The schema of the studio's data, beside that of a report.

`report/assets/studio.js` says the same to the page's code.
"""

from typing import TypedDict

from dreamrl.report.schema import FamilyView, Group, Seed


class Row(TypedDict):
    """A run in the list."""

    key: str
    """The page's name for it; a path would be a way out of the directories."""
    name: str
    agent: str
    family: str
    seeds: int
    state: str
    progress: str
    returned: float | None
    message: str | None


class Choices(TypedDict):
    """Problems to choose from."""

    training: list[int]
    unseen: list[int]


class Shown(TypedDict):
    """A run that is looked at, without its trials."""

    key: str
    group: Group
    choices: Choices | None
    """None where the family is not there."""


class Played(TypedDict):
    """A trial that was asked for, as the only one of its seed."""

    seed: Seed
    view: FamilyView
    goals: list[str]
    """All that the problem may ask for; empty where nobody lists them."""
