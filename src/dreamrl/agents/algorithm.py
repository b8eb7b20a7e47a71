"""The part that a method supplies: parameters, behaviour in training, losses, and the agent.

An `Algorithm` may see problem IDs; an agent (a greedy `Actor`) is all that meta-test gets, and none
of its functions takes one. `loop.Trainer` plays, stores, samples, descends and reports for all.
"""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import jax
import optax
from jaxtyping import Array, Float, Int, PyTree

from dreamrl.families.family import Family, draw_ids, prior_of
from dreamrl.learners import replay
from dreamrl.learners.schedules import adam
from dreamrl.trial import Actor, Extras, Trial, TrialKeys, trial_keys
from dreamrl.types import Key, ProblemID

Agent = Actor
"""A trained agent: a greedy actor."""

Metrics = dict[str, Array]

Loss = Callable[[PyTree], tuple[Float[Array, ""], Metrics]]
"""A group of parameters -> its loss, and what to report."""


def prefixed(part: str, metrics: Metrics) -> Metrics:
    """Return metrics by names that begin with the part of the trial that they are of."""
    return {f"{part}_{name}": value for name, value in metrics.items()}


class Experience(NamedTuple):
    """Trials, what they were played in, and how; leading axis B."""

    problem_id: Any
    """`ProblemID`s; None where a method's replay needs none."""
    conditions: PyTree
    """The conditions of each trial: noise, shares, privileged context."""
    trial: Trial


class Snapshot(NamedTuple):
    """The state of a method in training, and how far training has come."""

    params: PyTree
    """All networks."""
    progress: Float[Array, ""]
    """From 0 to 1."""
    memory: PyTree = ()
    """The method's memory besides its parameters."""
    target: PyTree = None
    """The target network of an off-policy learner; None on-policy."""


@runtime_checkable
class Algorithm(Protocol):
    """One method on one family, subclassed by name; only what it does not need is left out.

    Parameters are trained in named groups, each by its own loss, with its own optimiser: no
    gradient of one group's loss reaches another.
    """

    family: Family
    settings: Any
    """A frozen dataclass with `budget` and `learner`."""

    interleaved: ClassVar[bool] = True
    """True where a minibatch takes every n-th trial, so as to hold its share of every kind."""

    def init(self, key: Key) -> tuple[PyTree, Key]:
        """Return first parameters, and the key that training goes on with."""
        ...

    def behave(self, now: Snapshot, conditions: PyTree) -> Actor:
        """Return the actor that plays one trial in training."""
        ...

    def prepare(self, now: Snapshot, experience: Experience) -> tuple[PyTree, Metrics]:
        """Return what the losses need of trials, and what to report of them.

        The leading axis of every leaf is B, or a multiple of it: minibatches are cut from it.

        On-policy this is done once, for an iteration's new trials; off-policy at every update, for
        the trials replayed. New trials are reported of either way.
        """
        ...

    def losses(self, now: Snapshot, batch: PyTree, recalled: PyTree, key: Key) -> dict[str, Loss]:
        """Return the loss of each group of parameters on a minibatch, and on what was recalled."""
        ...

    def agent(self, params: PyTree) -> Agent:
        """Return the agent that meta-test gets."""
        ...

    def groups(self, params: PyTree) -> dict[str, PyTree]:
        """Return the parameters that are trained, by the name of their loss."""
        return {"policy": params}

    def merge(self, params: PyTree, groups: dict[str, PyTree]) -> PyTree:
        """Return the parameters with their trained groups replaced."""
        return groups["policy"]

    def target(self, params: PyTree) -> PyTree:
        """Return what an off-policy learner keeps a slower copy of."""
        return params

    def optimisers(self) -> dict[str, optax.GradientTransformation]:
        """Return one optimiser for all groups, or one by group."""
        return dict.fromkeys(self.group_names, self.adam())

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names of the groups, in the order of their losses."""
        return ("policy",)

    def starts(self) -> dict[str, int]:
        """Return how many trials are played before each group learns."""
        return dict.fromkeys(self.group_names, self.settings.learner.starts)

    def adam(self) -> optax.GradientTransformation:
        """Return Adam as the settings have it."""
        budget, learner = self.settings.budget, self.settings.learner
        updates = budget.iterations * learner.updates
        rates = (budget.learning_rate, budget.last_learning_rate)
        return adam(*rates, updates, learner.max_norm)

    def problems(self, key: Key, played: Int[Array, ""]) -> ProblemID:
        """Return the problems of new trials, when so many have been `played` before."""
        ids = self.family.train_ids
        numbers = draw_ids(ids, key, self.settings.budget.trials, prior_of(self.family, ids))
        return ProblemID(numbers)

    def conditions(
        self, now: Snapshot, problem_id: ProblemID, key: Key, key_episodes: Key
    ) -> tuple[PyTree, TrialKeys]:
        """Return what makes each trial's behaviour, and each trial's random keys, all [B, ...].

        `key_episodes` is for methods whose exploitation episodes draw from a key of their own.
        """
        budget = self.settings.budget
        split = jax.random.split(key, budget.trials)
        return None, jax.vmap(lambda key: trial_keys(key, budget.episodes))(split)

    @property
    def replayed_episodes(self) -> int:
        """Episodes that are kept for replay."""
        return self.settings.learner.capacity * (1 + self.settings.budget.episodes)

    def memory(self, params: PyTree) -> PyTree:
        """Return what is kept besides parameters from one iteration to the next."""
        return ()

    def remember(self, memory: PyTree, experience: Experience) -> PyTree:
        """Return the memory with new trials in it."""
        return memory

    def recalled(self, memory: PyTree, key: Key) -> PyTree:
        """Return what the updates of one iteration need of the memory, [updates * n, ...]."""
        return ()

    def stored(self, experience: Experience) -> Experience:
        """Return trials as replay keeps them: what networks made of them is worked out anew."""
        trial = experience.trial._replace(beliefs=None, extras=Extras())
        return experience._replace(trial=trial)

    def replayed(self, now: Snapshot, stored: replay.Replay, key: Key) -> PyTree:
        """Return what the losses need of the trials that one off-policy update replays."""
        experience = replay.sample(stored, key, self.settings.learner.batch)
        return self.prepare(now, experience)[0]

    def conclude(
        self, now: Snapshot, experience: Experience, metrics: Metrics
    ) -> tuple[Snapshot, Metrics]:
        """Return what is learned, and the metrics, at the end of an iteration."""
        return now, metrics

    def encode(self, params: PyTree, problem_id: ProblemID) -> Float[Array, "... Z"] | None:
        """Return the true z of a training problem, to draw beside beliefs; None without one."""
        return None
