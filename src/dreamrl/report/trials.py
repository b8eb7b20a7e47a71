"""Trials of a run's agent, with all that is to be seen of them."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from scipy.special import softmax

from dreamrl.deploy import TrainedAgent
from dreamrl.families.family import Family
from dreamrl.families.grid import HasDrawing
from dreamrl.figures.panels import stopped
from dreamrl.networks.distributions import Categorical
from dreamrl.report import boards
from dreamrl.report.schema import Beliefs, Episode, Known, Point, Swap, Trial
from dreamrl.story import Story, exploit_on, play_story, with_goal
from dreamrl.trial import Decided
from dreamrl.types import Trajectory

KNOWN = 64
"""Problems that are shown of those that the agent was trained on."""


class Plane(NamedTuple):
    """The first two principal components of the known problems' encodings."""

    mean: Float[np.ndarray, " Z"]
    axes: Float[np.ndarray, "2 Z"]
    variance: Point

    def points(self, means: Float[np.ndarray, "n Z"]) -> list[Point]:
        """Return where encodings or beliefs are."""
        return [(_rounded(x), _rounded(y)) for x, y in (means - self.mean) @ self.axes.T]


def plane(encodings: Float[np.ndarray, "problems Z"]) -> Plane:
    """Return the plane in which encodings differ most; a missing axis is all zeros."""
    mean = encodings.mean(0)
    _, spread, axes = np.linalg.svd(encodings - mean, full_matrices=False)
    total = max(float(np.square(spread).sum()), 1e-12)
    directions = np.zeros((2, encodings.shape[1]))
    directions[: len(axes[:2])] = axes[:2]
    shares = [*(np.square(spread) / total), 0.0, 0.0]
    return Plane(mean, directions, (_rounded(shares[0]), _rounded(shares[1])))


def choose(family: Family, number: int, seed: int) -> list[int]:
    """Return problems to look at: unseen ones, and as many of training, where errors are known."""
    rng = np.random.default_rng(seed)
    unseen = [i for i in _sample_ids(family.test_ids, rng, 4 * number) if i not in family.train_ids]
    unseen = unseen[: number // 2]
    training = _sample_ids(family.train_ids, rng, number - len(unseen))
    return [*unseen, *training]


def _sample_ids(ids: Sequence[int], rng: np.random.Generator, number: int) -> list[int]:
    places = rng.choice(len(ids), min(number, len(ids)), replace=False)
    return [int(ids[place]) for place in places]


def trials(
    agent: TrainedAgent,
    problems: Sequence[int],
    seed: int,
    *,
    q_learning: bool,
    draw: bool,
    goal: Shaped[np.ndarray, "..."] | None = None,
) -> tuple[Known | None, list[Trial]]:
    """Play a trial in each problem; return the known problems that matter, and the trials.

    Args:
        agent: The player.
        problems: Their IDs.
        seed: Draws goals, the same ones for every agent.
        q_learning: Whether the agent's logits are by how much an action is worth more.
        draw: Whether to have the first trial drawn by the figures, if the page cannot draw it.
        goal: Of the first trial, in place of the one that is drawn.
    """
    stories = [play_story(agent, problem, seed) for problem in problems]
    if goal is not None:
        stories[0] = with_goal(agent, stories[0], goal)
    known, columns, flat = None, np.arange(0), None
    if agent.known is not None:
        columns, flat = _likeliest(stories), plane(agent.known.encodings)
        known = _known(agent, columns, flat)
    results: list[Trial] = []
    for story in stories:
        swaps = [_swap(agent, story, other, q_learning) for other in stories if other is not story]
        beliefs = _beliefs(story, columns, flat)
        frames = boards.frames(story) if draw and not results else None
        results.append(_trial(story, beliefs, swaps, q_learning, frames))
    return known, results


def _likeliest(stories: Sequence[Story]) -> np.ndarray:
    """Return which of the known problems to show, in their order: those that were ever likely."""
    shares = [story.beliefs.confidence for story in stories]
    highest = np.max([each.max(0) for each in shares if each is not None], axis=0)
    return np.sort(np.argsort(-highest, kind="stable")[:KNOWN])


def _known(agent: TrainedAgent, columns: np.ndarray, flat: Plane) -> Known:
    assert agent.known is not None
    points = flat.points(agent.known.encodings[columns])
    ids = [int(agent.known.ids[i]) for i in columns]
    return {"ids": ids, "points": points, "variance": flat.variance}


def _beliefs(story: Story, columns: np.ndarray, flat: Plane | None) -> Beliefs:
    record, decisions = story.beliefs, story.decided[0]
    shares = None if record.confidence is None else record.confidence[:, columns]
    worth = None if decisions is None else decisions.continuation
    return {
        "errors": None if record.errors is None else _numbers(record.errors),
        "gained": None if record.gained is None else _numbers(record.gained),
        "moved": _numbers(record.moved),
        "worth": None if worth is None else _numbers(worth[: record.steps + 1]),
        "shares": None if shares is None else [_numbers(row, 3) for row in shares],
        "points": None if flat is None else flat.points(record.means),
    }


def _trial(
    story: Story,
    beliefs: Beliefs,
    swaps: list[Swap],
    q_learning: bool,
    frames: list[str] | None,
) -> Trial:
    exploration, exploitation = story.beliefs.trajectory, story.exploitation
    family = story.family
    has_lines = isinstance(family, HasDrawing) and bool(family.drawing(story.problem).lines)
    return {
        "problem": story.problem_id,
        "kind": "training" if story.problem_id in family.train_ids else "unseen",
        "goal": words(story.goal),
        "goal_place": (_rounded(story.goal[0]), _rounded(story.goal[1])) if has_lines else None,
        "explored": _episode(story, True, exploration, story.decided[0], q_learning),
        "beliefs": beliefs,
        "exploited": _episode(story, False, exploitation, story.decided[1], q_learning),
        "swaps": swaps,
        "frames": frames,
    }


def _swap(agent: TrainedAgent, story: Story, other: Story, q_learning: bool) -> Swap:
    done = exploit_on(agent, story, other.beliefs)
    episode = _episode(story, False, done.trajectory, done.decided, q_learning)
    # What was seen otherwise is told by places and actions: pictures would make the page large.
    return {"problem": other.problem_id, "exploited": {**episode, "pictures": None}}


def _episode(
    story: Story, exploring: bool, episode: Trajectory, record: Decided | None, q_learning: bool
) -> Episode:
    family, observations = story.family, np.asarray(episode.observations)
    end: Literal["stopped", "terminated", "truncated"] = "truncated"
    if stopped(episode):
        end = "stopped"
    elif bool(episode.terminated.any()):
        end = "terminated"
    space = family.observation_space
    return {
        "actions": [story.name_of(action, exploring) for action in episode.actions],
        "rewards": _numbers(episode.rewards),
        "end": end,
        "alternatives": _alternatives(record, len(episode.actions) + stopped(episode), q_learning),
        "seen": [] if boards.picture_space(space) else [words(x) for x in observations],
        "places": [(_rounded(x[0]), _rounded(x[1])) for x in observations]
        if isinstance(family, HasDrawing)
        else None,
        "pictures": boards.pictures(space, observations),
    }


def _alternatives(
    record: Decided | None, decisions: int, q_learning: bool
) -> list[list[float]] | None:
    if record is None or not isinstance(record.policy, Categorical):
        return None
    logits = np.asarray(record.policy.logits, float)[:decisions]
    shares = logits - logits.max(-1, keepdims=True) if q_learning else softmax(logits, -1)
    # A masked action's logit is a huge negative number: here it is one that is never taken.
    return [_numbers(np.maximum(row, -1e3), 3) for row in shares]


def words(value: Any) -> str:
    """Return a goal or an observation as text, without decimals that say nothing."""
    return (
        str(np.round(np.asarray(value, float), 3).tolist()).replace(".0,", ",").replace(".0]", "]")
    )


def _numbers(values: Any, digits: int = 4) -> list[float]:
    return np.round(np.nan_to_num(np.asarray(values, float)), digits).tolist()


def _rounded(value: Any, digits: int = 4) -> float:
    """Return a number of few decimals; what is not finite would be no JSON."""
    return round(float(np.nan_to_num(value)), digits)
