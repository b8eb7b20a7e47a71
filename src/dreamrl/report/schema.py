"""The schema of a report: the JSON that `collect` returns, and that the page draws.

`assets/schema.js` says the same to the page's code. Numbers are finite; None stands for what
there is not. Names and texts come from runs and families, and may hold anything.
"""

from typing import Literal, NotRequired, TypedDict

Point = tuple[float, float]


class Line(TypedDict):
    """One seed's values of a metric."""

    seed: int
    x: list[int]
    """Environment steps."""
    y: list[float]


class Band(TypedDict):
    """Mean over seeds and its 95 % interval, where at least two seeds have a value."""

    x: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]


class Series(TypedDict):
    """A metric in all seeds of a run."""

    label: str
    lines: list[Line]
    band: Band | None


class Chart(TypedDict):
    """One metric, or two that are read together, over environment steps."""

    title: str
    high: float | None
    """The axis's end, if that is known."""
    limits: bool
    """True if the exact reference values belong in it."""
    series: list[Series]


class Limit(TypedDict):
    """An exact value to read returns against."""

    label: str
    value: float


class Alarm(TypedDict):
    """A fault, and its remedy."""

    kind: Literal["alarm", "note"]
    what: str
    remedy: str
    seeds: list[int]


class Episode(TypedDict):
    """An episode: n steps, and n + 1 moments."""

    actions: list[str]
    """[n], in words."""
    rewards: list[float]
    """[n]"""
    end: Literal["stopped", "terminated", "truncated"]
    """`stopped`: by the agent."""
    alternatives: list[list[float]] | None
    """Shares of the actions, a row a decision: n, or n + 1 if the agent then stopped."""
    seen: list[str]
    """[n+1] observations in words; empty where they are pictures."""
    places: list[Point] | None
    """[n+1] places on the board."""
    pictures: list[str] | None
    """[n+1] observations as data: addresses of PNG images."""


class Beliefs(TypedDict):
    """The beliefs at each of the exploration's n + 1 moments."""

    errors: list[float] | None
    """[n+1]: squared distance to the true z; of training problems alone."""
    gained: list[float] | None
    """[n]: information gained by each step, as a share of all there was to know."""
    moved: list[float]
    """[n]: squared move of the belief in each step."""
    worth: list[float] | None
    """Value of going on at each decision; the agent stops where it is not above 0."""
    shares: list[list[float]] | None
    """[n+1]: probability of each of the `Known.ids`."""
    points: list[Point] | None
    """[n+1]: the belief among the known problems' encodings."""


class Swap(TypedDict):
    """The same exploitation, with the belief that the exploration of another problem left."""

    problem: int
    exploited: Episode


class Trial(TypedDict):
    """One trial, taken apart."""

    problem: int
    kind: Literal["training", "unseen"]
    goal: str
    goal_place: Point | None
    explored: Episode
    beliefs: Beliefs
    exploited: Episode
    swaps: list[Swap]
    frames: list[str] | None
    """Drawings of the exploration's, then the exploitation's moments, as data: addresses."""


class Known(TypedDict):
    """The training problems as the encoder sees them: the likeliest, where they are many."""

    ids: list[int]
    points: list[Point]
    """Their first two principal components."""
    variance: Point
    """Their shares of all variance."""


class Seed(TypedDict):
    """One seed's agent, and its trials."""

    seed: int
    message: str | None
    """Why there are no trials."""
    alternatives: Literal["probability", "advantage"]
    """Unit of `Episode.alternatives`: of a DQN, by how much an action is worth more."""
    known: Known | None
    trials: list[Trial]


class Group(TypedDict):
    """A run: one seed, or several that were trained together."""

    name: str
    message: str | None
    """Its fault, if it cannot be read."""
    agent: str
    family: str
    state: str
    progress: str
    started: str
    result: list[tuple[str, str]]
    limits: list[Limit]
    alarms: list[Alarm]
    charts: list[Chart]
    settings: dict[str, str]
    """By dotted path."""
    versions: dict[str, str]
    seeds: list[Seed]


class Board(TypedDict):
    """Grid problems: all lines and marks there are, and which of them each problem has."""

    size: int
    lines: list[tuple[int, int, int, int, str]]
    """From x, y to x, y, and a colour as #rrggbb."""
    marks: list[tuple[int, int, str, str]]
    """x, y, text, colour."""
    problems: dict[str, tuple[list[int], list[int]]]
    """{ID: (lines, marks)}"""


class FamilyView(TypedDict):
    """A family as the page must know it."""

    actions: list[str] | None
    """Names of the actions, where they are numbered."""
    exploits: NotRequired[list[str]]
    """Their names in an exploitation, where they mean something else there."""
    board: Board | None


class Together(TypedDict):
    """Runs on one family in one chart."""

    chart: Chart
    limits: list[Limit]


class Difference(TypedDict):
    """A setting that is not the same in all runs."""

    setting: str
    values: list[str | None]
    """One a run; None where a run has no such setting."""


class Report(TypedDict):
    """All that the page shows."""

    format: Literal[1]
    made: str
    version: str
    groups: list[Group]
    families: dict[str, FamilyView]
    differences: list[Difference]
    together: list[Together]
