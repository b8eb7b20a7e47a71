"""Meta-test: an agent, a problem it is not told, and what that returns."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int, Scalar
from scipy import special

from dreamrl.agents.algorithm import Agent
from dreamrl.errors import UserError, without_jax
from dreamrl.families.adapted import adapted
from dreamrl.families.family import (
    Family,
    GivenIDs,
    HasExploitationStatistics,
    HasStatistics,
    exploration_weight,
    plain_ids,
    prior_of,
)
from dreamrl.families.memory import side_by_side
from dreamrl.host import SOON, in_own_switches, where_unset
from dreamrl.trial import play
from dreamrl.types import Key, Keys
from dreamrl.values import Whole, seed_from, whole

FEW = 5
"""Fewer seeds or unseen problems say little of others."""
FEW_SEEDS = f"Fewer than {FEW} seeds say little: other seeds may turn the order round."


class Outcome(NamedTuple):
    """The counts of one trial."""

    returns: Float[Array, " episodes"]
    """Of each exploitation; where the exploration's rewards count, with these."""
    length: Int[Array, ""]
    """Steps of the exploration."""
    statistics: dict[str, Array]
    """The family's own counts; empty if it has none."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """An agent's results over many trials."""

    family: str
    trials: int
    episodes: int
    """Exploitation episodes a trial."""
    return_mean: float
    return_ci95: tuple[float, float] | None
    """By Student's t over trials; where problems are unseen, over these, and None of one, or where
    fewer than 5 agree exactly."""
    exploration_length_mean: float
    statistics: dict[str, float]
    """Means of the family's own counts."""
    ids: np.ndarray = dataclasses.field(repr=False)
    """[trials]: the problem of each trial."""
    returns: np.ndarray = dataclasses.field(repr=False)
    """[trials, episodes]: with what the exploration was paid, where that counts."""
    lengths: np.ndarray = dataclasses.field(repr=False)
    """[trials]"""


def outcome(
    family: Family, agent: Agent, problem_id: Int[Scalar, ""], key: Key, episodes: int = 1
) -> Outcome:
    """Return the outcome of one trial in a problem; the ID goes no further than the family."""
    problem = family.problem(problem_id)
    trial = play(family, problem, agent, key, episodes=episodes)
    statistics: dict[str, Array] = {}
    if isinstance(family, HasStatistics):
        statistics |= family.statistics(problem, trial.exploration)
    if isinstance(family, HasExploitationStatistics):
        count = functools.partial(family.exploitation_statistics, problem)
        statistics |= {n: x.mean() for n, x in jax.vmap(count)(trial.exploitation).items()}
    returns = jax.vmap(lambda episode: episode.episode_return)(trial.exploitation)
    if weight := exploration_weight(family):
        returns = returns + weight * trial.exploration.episode_return
    return Outcome(returns, trial.exploration.length, statistics)


@in_own_switches
@without_jax()
def evaluate(
    family: Family,
    agent: Agent,
    ids: GivenIDs,
    trials: Whole = 2000,
    seed: Whole = 0,
    episodes: Whole = 1,
) -> Evaluation:
    """Return the mean over `trials` trials, each of `ids` as often as it is likely.

    The same seed gives the same trials and, on one machine, the same numbers.
    """
    family, ids, seed = adapted(family), _checked_ids(ids), seed_from(seed)
    trials, episodes = whole("trials", trials, 2), whole("episodes", episodes, 1)
    problem_ids = spread(ids, trials, seed, prior_of(family, ids))
    keys = jax.random.split(jax.random.key(seed), trials)
    results = per_family(_batched_outcomes, family, episodes)(agent, problem_ids, keys)
    returns, lengths, counts = jax.tree.map(np.asarray, results)
    scores = returns.mean(1)
    return Evaluation(
        family=family.name,
        trials=trials,
        episodes=episodes,
        return_mean=float(scores.mean()),
        return_ci95=_interval(family, problem_ids, scores),
        exploration_length_mean=float(lengths.mean()),
        statistics={name: float(values.mean()) for name, values in counts.items()},
        ids=problem_ids,
        returns=returns,
        lengths=lengths,
    )


def _checked_ids(ids: GivenIDs) -> tuple[int, ...] | range:
    try:
        problem_ids = plain_ids(ids)
    except ValueError as error:
        raise UserError(f"problem IDs {error}") from None
    if not problem_ids:
        raise UserError("there are no problems to evaluate on")
    return problem_ids


def mean_ci95(scores: Float[np.ndarray, " n"]) -> tuple[float, tuple[float, float] | None]:
    """Return the mean, and its 95 % interval by Student's t, which is wide where there are few.

    There is none where fewer than 5 agree exactly, as they do not say how much others differ.
    """
    mean = float(scores.mean())
    if len(scores) < FEW and (scores == scores[0]).all():
        return mean, None
    margin = t_margin(float(scores.std(ddof=1)) / math.sqrt(len(scores)), len(scores) - 1)
    return mean, (mean - margin, mean + margin)


def t_margin(error: float, freedom: float | int) -> float:
    """Return how far a 95 % interval goes to either side of a mean with this standard error."""
    return error * float(special.stdtrit(freedom, 0.975))


def _interval(
    family: Family, problem_ids: np.ndarray, scores: Float[np.ndarray, " trials"]
) -> tuple[float, float] | None:
    """Return that over trials; of unseen problems, over these, as others might have been met.

    There the standard error is that of means of clusters (Liang and Zeger, Biometrika 1986), with a
    degree of freedom a problem but one. Of one problem there is none.
    """
    problems, indices = np.unique(problem_ids, return_inverse=True)
    if np.isin(problems, np.asarray(family.train_ids)).all():
        return mean_ci95(scores)[1]
    count, mean = len(problems), float(scores.mean())
    if count == 1 or (count < FEW and (scores == scores[0]).all()):
        return None
    deviations = np.bincount(indices, scores - mean) / len(scores)
    error = math.sqrt(count / (count - 1) * float(np.square(deviations).sum()))
    margin = t_margin(error, count - 1)
    return mean - margin, mean + margin


def spread(
    ids: Sequence[int],
    number: int,
    seed: int = 0,
    prior: Float[np.ndarray, " ids"] | None = None,
) -> Int[np.ndarray, " number"]:
    """Return `number` of the IDs, in random order, each as often as it is likely, give or take one.

    Without a prior none is drawn more than once more than any other.
    """
    rng = np.random.default_rng(seed)
    if prior is not None:
        # Evenly spaced shares with one random offset: in the mean over seeds, all as is due.
        shares = (np.arange(number) + rng.random()) / number
        rows = np.searchsorted(np.cumsum(prior), shares, side="right")
        return rng.permutation(np.asarray(ids)[np.minimum(rows, len(ids) - 1)]).astype(np.int32)
    rounds = -(-number // len(ids))
    draws = np.concatenate([rng.permutation(np.asarray(ids)) for _ in range(rounds)])
    return draws[:number].astype(np.int32)


def per_family(
    build: Callable[..., Callable[..., Any]], *inputs: Any, soon: bool = False
) -> Callable[..., Any]:
    """Return the jitted function that `build` makes of a family, kept for the next time.

    `soon` is for what is looked at now and then: compiling is what then takes the time.
    """
    try:
        return _compiled(soon, build, *inputs)
    except TypeError:
        # A family that cannot be hashed is compiled anew each time.
        return _compiled.__wrapped__(soon, build, *inputs)


@functools.lru_cache(maxsize=32)
def _compiled(
    soon: bool, build: Callable[..., Callable[..., Any]], *inputs: Any
) -> Callable[..., Any]:
    options = {"compiler_options": where_unset(SOON)} if soon else {}
    jit: Callable[..., Any] = eqx.filter_jit  # Its types do not know what it hands on to JAX.
    return in_own_switches(jit(build(*inputs), **options))


def _batched_outcomes(family: Family, episodes: int) -> Callable[..., Outcome]:
    return lambda agent, ids, keys: outcomes(family, agent, ids, keys, episodes)


def outcomes(
    family: Family, agent: Agent, ids: Int[Array, " trials"], keys: Keys, episodes: int = 1
) -> Outcome:
    """Return those of many trials, side by side as far as their observations fit."""

    def one(inputs: tuple[Array, Key]) -> Outcome:
        problem_id, key = inputs
        return outcome(family, agent, problem_id, key, episodes)

    at_once = side_by_side(family, episodes)
    if len(ids) <= at_once:
        return jax.vmap(one)((ids, keys))
    return jax.lax.map(one, (ids, keys), batch_size=at_once)
