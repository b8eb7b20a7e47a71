"""The return of Thompson sampling with the true posterior and optimal policies.

The bound that Liu et al. 2021 call PEARL-UB; `docs/references.md` says what is assumed where the
paper does not.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dreamrl.errors import TooLarge
from dreamrl.references.distinct import distinct
from dreamrl.references.exploitation import TOLERANCE, Exploitation, Goal
from dreamrl.references.tables import ENDED, SharedTables, Tables


class _Episodes(NamedTuple):
    """The optimal policies of some problems, each played in every problem, under one goal."""

    policies: np.ndarray
    """[policies]: whose they are, as places among the IDs."""
    returns: np.ndarray
    """[policies, problems]"""
    actions: np.ndarray
    """[T, policies, problems]; ENDED after the end."""


def thompson(exploitation: Exploitation, ids: Sequence[int]) -> float:
    """Return the exact mean return of the trial that `dreamrl.references.thompson` describes."""
    goals = sorted({goal for i in ids for goal in exploitation.goals[i]})
    weights = {g: np.array([exploitation.goals[i].get(g, 0.0) for i in ids]) for g in goals}
    episodes: dict[Goal, _Episodes] = {}
    for goal in goals:
        policies = np.flatnonzero(weights[goal])
        episodes[goal] = _renamed(exploitation, ids, goal, policies, episodes) or _play(
            exploitation, ids, goal, policies
        )
    tables = exploitation.tabulator.tabulate(ids, None)
    values: dict[bytes, float] = {}
    total = 0.0
    for goal in goals:
        chances = weights[goal][weights[goal] > 0]
        for weight, told_apart in zip(
            chances, _groups_by_looks(tables, episodes[goal].actions), strict=True
        ):
            key = told_apart.tobytes()
            if key not in values:
                values[key] = _exploited(told_apart, weights, episodes)
            total += weight * values[key]
    return total / len(ids) ** 2


def _play(
    exploitation: Exploitation, ids: Sequence[int], goal: Goal, policies: np.ndarray
) -> _Episodes:
    array = np.array(goal).reshape(exploitation.family.goal_space.shape)
    tables = exploitation.tabulator.tabulate_shared(ids, array)
    problems, owners = np.arange(len(ids)), policies[:, None]
    states = np.tile(tables.start, (len(policies), 1))
    alive, returns, history = np.ones_like(states, bool), np.zeros(states.shape), []
    for step, choice in enumerate(_choices(tables)):
        actions = choice[owners, states]
        history.append(np.where(alive, actions, ENDED))
        rewards = tables.rewards[step][problems, states, actions]
        if np.isneginf(rewards[alive]).any():
            name = exploitation.family.name
            raise TooLarge(f"{name!r}: what one problem's policy does is not possible in another")
        returns += np.where(alive, rewards, 0.0)
        states = tables.following[step][problems, states, actions]
        alive &= states != ENDED
        states = np.where(alive, states, 0)
    return _Episodes(policies, returns, np.array(history))


def _renamed(
    exploitation: Exploitation,
    ids: Sequence[int],
    goal: Goal,
    policies: np.ndarray,
    episodes: dict[Goal, _Episodes],
) -> _Episodes | None:
    """Return the episodes of a goal that was played before under another name, if there is one."""
    for symmetry in exploitation.symmetries:
        image = tuple(np.asarray(symmetry.goal(np.array(goal))).reshape(-1).tolist())
        images = symmetry.problems[list(ids)]
        if symmetry.keeps_actions and image in episodes and set(images.tolist()) == set(ids):
            places = np.searchsorted(ids, images)
            source = episodes[image]
            rows = np.searchsorted(source.policies, places[policies])
            actions = source.actions[:, rows][:, :, places]
            return _Episodes(policies, source.returns[rows][:, places], actions)
    return None


def _choices(tables: SharedTables) -> list[np.ndarray]:
    """Return the best action by step, [problems, states]; the first of equally good ones."""
    best = tables.best()
    return [(b >= b.max(-1, keepdims=True) - TOLERANCE).argmax(-1) for b in best]


def _groups_by_looks(tables: Tables, actions: np.ndarray) -> np.ndarray:
    """Return [policies, problems]: equal numbers in a row where an exploration looks the same."""
    shape = actions.shape[1:]
    policy, rows = np.indices(shape).reshape(2, -1)
    labels = tables.first[rows]
    for layer, action in zip(tables.layers, actions.reshape(len(actions), -1), strict=False):
        action = np.where(rows == ENDED, ENDED, action)
        outcomes = np.where(action == ENDED, ENDED, layer.outcomes[rows, action])
        _, labels = distinct([policy, labels, action, outcomes])
        rows = np.where(action == ENDED, ENDED, layer.following[rows, action])
    return np.array([_renumbered(row) for row in labels.reshape(shape)])


def _renumbered(labels: np.ndarray) -> np.ndarray:
    """Return the same, but equal whenever the same problems are told apart."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return first[inverse]


def _exploited(
    told_apart: np.ndarray, weights: dict[Goal, np.ndarray], episodes: dict[Goal, _Episodes]
) -> float:
    """Return the sum over problems of the mean return, if those that look alike are not known."""
    matches = (told_apart[:, None] == np.unique(told_apart)).astype(float)
    total = 0.0
    for goal, weight in weights.items():
        is_possible = weight > 0
        priors, members = (
            weight[is_possible, None] * matches[is_possible],
            weight[:, None] * matches,
        )
        returns = (priors * (episodes[goal].returns @ members)).sum(0)
        mass = priors.sum(0)
        total += (returns[mass > 0] / mass[mass > 0]).sum()
    return total
