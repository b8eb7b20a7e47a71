"""The method to try on a family: from its references, and from a few random trials."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree, Scalar

from dreamrl import references
from dreamrl.agents.registry import settings_for
from dreamrl.errors import UserError
from dreamrl.evaluation import per_family, spread
from dreamrl.families.family import Family, HasDescriptions, plain_ids, prior_of
from dreamrl.families.turns import at_once
from dreamrl.host import in_own_switches
from dreamrl.spaces import Discrete
from dreamrl.trial import Choice, any_action, play
from dreamrl.types import Belief, Goal, Key, Percept, Trajectory

TRIALS = 512
NOTHING, EASY, SELDOM = 0.02, 0.9, 0.02
"""Shares: of returns that exploring must be worth; that random explorations must be worth of it; of
random exploitations that must be rewarded."""
APART = 0.05
"""Share of the worth of knowing the problem by which the most information may be below the best."""
MANY = 300
"""Training problems of which each is met too seldom to learn an encoding of its own."""


class Values(NamedTuple):
    """Exact mean returns, as far as they are known."""

    told: float
    best: float | None
    """After the best exploration."""
    informed: float | None
    """After the exploration that knows most of what matters: of diagnoses."""
    random: float
    """After a random exploration."""
    blind: float
    """Without any."""


class Probe(NamedTuple):
    """Findings of random trials."""

    explorations_pay: bool
    """True where the returns of explorations differ."""
    rewarded: float
    """Share of exploitations with a reward above the usual one."""


class Advice(NamedTuple):
    """A method for a family, and why."""

    family: str
    method: str
    steps: int
    """Environment steps of its preset."""
    reasons: tuple[str, ...]
    values: Values | None
    probe: Probe


@in_own_switches
def advise(family: Family, seed: int = 0) -> Advice:
    """Return which method to try first on a family, and the reasons; takes as long as references.

    Raises:
        UserError: For a family that cannot be played.
    """
    values, probe = values_of(family, seed), probe_of(family, seed)
    method, why = choose(values)
    budget = settings_for(method, family.name).budget
    reasons = (*why, *cautions(family, probe))
    steps = budget.iterations * budget.steps(family)
    return Advice(family.name, method, steps, reasons, values, probe)


def values_of(family: Family, seed: int = 0) -> Values | None:
    """Return the exact values of a family; None where there are none."""
    try:
        exact = references.references(family, 200, seed)
    except UserError:
        return None
    if isinstance(exact, references.DiagnosisReference):
        informed = None if exact.informed is None else exact.informed.mean
        best = exact.bayes_optimal.low
        return Values(exact.optimum, best, informed, exact.random.mean, exact.no_test)
    random = exact.random_exploration.mean
    return Values(exact.optimum, exact.bayes_optimal, None, random, exact.no_exploration)


def choose(values: Values | None) -> tuple[str, list[str]]:
    """Return the name of a method, and why it is that one."""
    if values is None:
        return "dream", [
            "There are no exact references for this family. Compare no-exploration with oracle "
            "first: what lies between them is all that exploring can be worth."
        ]
    oracle, best, informed, random, blind = values
    worth = oracle - blind
    if worth <= NOTHING * max(abs(oracle), abs(blind)):
        return "no-exploration", [
            f"Who is told the problem returns {oracle:.3f}, who is not and explores nothing "
            f"{blind:.3f}: there is nothing to be gained by exploring."
        ]
    why = [f"Knowing the problem is worth {worth:.3f}: {oracle:.3f} in place of {blind:.3f}."]
    peak = oracle if best is None else best
    if peak - blind <= NOTHING * max(abs(oracle), abs(blind)):
        why.append(f"But the best exploration returns {peak:.3f}: none shows what would help.")
        return "no-exploration", why
    if random - blind >= EASY * (peak - blind):
        why.append(
            f"A random exploration, made the best of, returns {random:.3f} already: exploring is "
            "easy, and learning it no chicken-and-egg problem. E-RL2 is the simpler way."
        )
        return "e-rl2", why
    if informed is not None and best is not None and best - informed > APART * worth:
        why.append(
            f"The tests that tell most about the repair return {informed:.3f}, the best ones "
            f"{best:.3f}. DREAM is paid for information, RL2 for returns: try RL2 first, and DREAM "
            "where RL2 does not learn."
        )
        return "rl2", why
    why.append(
        f"A random exploration, made the best of, returns {random:.3f} of at most {peak:.3f}: "
        "what to look for must be learned while it is not known what for. That is DREAM's case."
    )
    return "dream", why


def cautions(family: Family, probe: Probe) -> list[str]:
    """Return warnings to read before training."""
    lines = []
    if probe.explorations_pay:
        lines.append(
            "Explorations pay, or cost, differently by what is done in them. Of all methods RL2 "
            "alone counts that; the others explore for what the exploitation is worth."
        )
    if probe.rewarded < SELDOM:
        lines.append(
            f"Random exploitations meet a reward above the usual one in {probe.rewarded:.1%} of "
            "the episodes: learning to exploit takes long. Watch return_encoder, which must rise "
            "first; more entropy or episodes help."
        )
    train, test = plain_ids(family.train_ids), plain_ids(family.test_ids)
    held_out = set(test) - set(train)
    if held_out and not isinstance(family, HasDescriptions) and len(train) > MANY:
        lines.append(
            f"{len(train):,} problems have an encoding each, learned one by one. Where something "
            "is known of a problem in training, describe(problem_id) lets what is learned of one "
            "help with others."
        )
    if not isinstance(family.action_space, Discrete):
        lines.append("Actions are continuous: neither PEARL nor a DQN can be trained on it.")
    if (most := at_once(family)) is not None:
        lines.append(
            f"Environments are played in Python, {most} at once: their steps take the time."
        )
    return lines


class _AtRandom(eqx.Module):
    """Takes every action that is possible as often as any other."""

    family: Family = eqx.field(static=True)

    def init_exploration(self) -> PyTree:
        return ()

    def explore(self, carry: PyTree, percept: Percept, key: Key) -> tuple[PyTree, Choice]:
        return carry, Choice(any_action(self.family.action_space, percept, key))

    def beliefs(self, exploration: Trajectory) -> Belief:
        return Belief(jnp.zeros((len(exploration.observations), 1)))

    def init_exploitation(self, belief: Belief, episode: Int[Scalar, ""] | int, key: Key) -> PyTree:
        return ()

    def exploit(
        self, carry: PyTree, percept: Percept, goal: Goal, key: Key
    ) -> tuple[PyTree, Choice]:
        return carry, Choice(any_action(self.family.action_space, percept, key))


def probe_of(family: Family, seed: int = 0) -> Probe:
    """Return the findings of random trials on training problems."""
    ids = plain_ids(family.train_ids)
    problems = np.asarray(spread(ids, TRIALS, seed, prior_of(family, ids)), np.int32)
    keys = jax.random.split(jax.random.key(seed), TRIALS)
    explorations, rewards, mask = map(np.asarray, per_family(_played, family)(problems, keys))
    usual = np.median(rewards[mask])
    rewarded = ((rewards > usual + 1e-6) & mask).any(1).mean()
    return Probe(bool(explorations.std() > 1e-6), float(rewarded))


def _played(family: Family) -> Callable[..., Any]:
    def one(problem_id: Array, key: Key) -> tuple[Float[Array, ""], Array, Array]:
        trial = play(family, family.problem(problem_id), _AtRandom(family), key)
        exploitation = jax.tree.map(lambda x: x[0], trial.exploitation)
        return trial.exploration.episode_return, exploitation.rewards, exploitation.mask

    return jax.vmap(one)
