"""The protocol of a family of problems. Any object with these attributes is one."""

import functools
import operator
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, cast, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Scalar, Shaped

from dreamrl.errors import UserError
from dreamrl.spaces import ActionSpace, Space
from dreamrl.types import Action, Goal, Key, Observation, Problem, State, Step, Trajectory
from dreamrl.values import Wholes, shown

GivenIDs: TypeAlias = Wholes
"""Problem IDs as they may be given: `plain_ids`."""


class Symmetry(NamedTuple):
    """Other names for the same: a problem and a goal become ones that play out alike."""

    problems: np.ndarray
    """[ids]: the image of each problem ID."""
    goal: Callable[[np.ndarray], np.ndarray]
    """The image of a goal."""
    keeps_actions: bool = True
    """True where the very same actions play out alike; in a mirror others do."""


def plain_ids(ids: Any) -> tuple[int, ...] | range:
    """Return IDs as Python's own numbers, from a list or an array of them; a `range` stays one.

    Raises ValueError, with what is wrong, where they are no whole numbers side by side.
    """
    if isinstance(ids, range):
        return ids
    values = ids.tolist() if isinstance(ids, np.ndarray | jax.Array) else ids
    if isinstance(values, str | bytes | dict) or not isinstance(values, Iterable):
        raise ValueError(f"must be a tuple or a range of integers, is {shown(ids)}")
    numbers = []
    for each in values:
        if isinstance(each, np.ndarray | jax.Array) and each.ndim == 0:
            each = each.item()
        if not isinstance(each, int | np.integer) or isinstance(each, bool):
            raise ValueError(f"must hold integers, holds {shown(each)}")
        numbers.append(int(each))
    return tuple(numbers)


def plain(family: Any) -> Any:
    """Return the family, with Python's own numbers where it has those of NumPy or JAX.

    Whatever takes a family calls this first. A family that has others, or breaks the rules, is
    returned as it is.
    """
    try:
        fields = {
            "train_ids": plain_ids(family.train_ids),
            "test_ids": plain_ids(family.test_ids),
            "horizon": operator.index(family.horizon),
            "end_action": None if family.end_action is None else operator.index(family.end_action),
        }
    except (AttributeError, TypeError, ValueError):
        return family
    kinds = {name: _kinds(getattr(family, name)) for name in fields}
    changes = {name: value for name, value in fields.items() if _kinds(value) != kinds[name]}
    if not changes:
        return family
    try:
        rest = {name: value for name, value in vars(family).items() if name not in changes}
        return _instance_of(
            _class_with_fields(cast(Hashable, type(family)), tuple(changes.items())), rest
        )
    except TypeError:  # Made in C, or with slots.
        return family


def _kinds(value: Any) -> set[type]:
    return {type(value), *map(type, value if isinstance(value, tuple) else ())}


@functools.cache
def _class_with_fields(kind: Any, fields: tuple[tuple[str, Any], ...]) -> type:
    """Return a class like `kind`, of which some attributes are just values.

    The same one each time, so that families of it can be equal.
    """
    # Pickle finds a class by its name, and would find `kind`.
    reduce = lambda self: (_rebuild, (kind, fields, vars(self)))  # noqa: E731
    members = {"__module__": kind.__module__, "__reduce__": reduce, **dict(fields)}
    return type(kind)(kind.__name__, (kind,), members)


def _instance_of(kind: type, attributes: dict[str, Any]) -> Any:
    family: Any = object.__new__(kind)
    vars(family).update(attributes)
    return family


def _rebuild(kind: Any, fields: tuple[tuple[str, Any], ...], attributes: dict[str, Any]) -> Any:
    return _instance_of(_class_with_fields(kind, fields), attributes)


def holds_out(family: "Family") -> bool:
    """Return whether meta-test has problems that training has not: else nothing is unseen."""
    test, train = plain_ids(family.test_ids), plain_ids(family.train_ids)
    return test != train and not set(test) <= set(train)


def draw_ids(
    ids: Sequence[int], key: Key, number: int, prior: Float[np.ndarray, " ids"] | None = None
) -> Int[Array, " number"]:
    """Return `number` of the IDs by their `prior_of`, or each as likely as any other.

    Of a `range` without a prior, no table is made.
    """
    if prior is not None:
        return jax.random.choice(key, jnp.array(ids), (number,), p=jnp.asarray(prior))
    if isinstance(ids, range):
        return ids.start + ids.step * jax.random.randint(key, (number,), 0, len(ids))
    return jax.random.choice(key, jnp.array(ids), (number,))


@runtime_checkable
class Family(Protocol):
    """A family of problems: pure functions over arrays for one trial, made wide by `vmap`.

    `goal` is None in the exploration episode. Nothing resets by itself: after an end,
    whoever steps on gets undefined results.

    Optional parts of a family, for those who need them:

    - what `HasGoals`, `HasSymmetries`, `CanObserve`, `HasDescriptions`, `HasPrior`, `HasLimit`,
      `HasExplorationHorizon`, `HasExplorationWeight`, `HasContext`, `HasActionMask`,
      `HasStatistics`, `HasExploitationStatistics`, `HasActionNames` and `HasExploitationNames` ask
      for, below;
    - `drawing(problem) -> Drawing`, where observations begin with x and y on a grid
      (`dreamrl.families.grid.HasDrawing`: `dreamrl trial` and reports show it).
    """

    @property
    def name(self) -> str: ...

    @property
    def train_ids(self) -> tuple[int, ...] | range:
        """Problems that training may draw. Arrays will do too: see `plain_ids`."""
        ...

    @property
    def test_ids(self) -> tuple[int, ...] | range:
        """Problems of meta-test: unseen ones, or the training ones where none is held out."""
        ...

    @property
    def horizon(self) -> int:
        """Steps after which an episode is truncated."""
        ...

    @property
    def end_action(self) -> int | None:
        """The action that ends an episode, if there is one."""
        ...

    @property
    def observation_space(self) -> Space: ...

    @property
    def action_space(self) -> ActionSpace: ...

    @property
    def goal_space(self) -> Space: ...

    def problem(self, problem_id: Int[Scalar, ""]) -> Problem: ...

    def sample_goal(self, key: Key, problem: Problem) -> Shaped[Array, "..."]: ...

    def reset(self, key: Key, problem: Problem) -> tuple[State, Observation]: ...

    def step(
        self, key: Key, problem: Problem, goal: Goal, state: State, action: Action
    ) -> tuple[State, Step]: ...


@runtime_checkable
class HasGoals(Protocol):
    """A family with goals, as `dreamrl.references` need."""

    def goals(
        self, problem: Problem
    ) -> tuple[Int[Array, "goals ..."] | Float[Array, "goals ..."], Float[Array, " goals"]]:
        """Return all that `sample_goal` may draw, and how likely each is."""
        ...


@runtime_checkable
class HasSymmetries(Protocol):
    """A family with symmetries, which make `dreamrl.references` faster."""

    def symmetries(self) -> Iterable[Symmetry]:
        """Return names that may be swapped without changing anything."""
        ...


@runtime_checkable
class CanObserve(Protocol):
    """A family that can observe any state, as `dreamrl.testing.replay` needs."""

    def observe(self, problem: Problem, state: State) -> Observation: ...


@runtime_checkable
class HasDescriptions(Protocol):
    """Where problems are too many for an encoding each, or drawn anew each time."""

    def describe(self, problem_id: Int[Scalar, ""]) -> Float[Array, " features"]:
        """Return what is known about a problem in training, beside its ID: about -1 to 1 each."""
        ...


@runtime_checkable
class HasPrior(Protocol):
    """Where some problems are met more often than others."""

    def prior(self, ids: Sequence[int]) -> Float[np.ndarray, " ids"] | None:
        """Return how likely each of these problems is, up to a factor; None: all as likely."""
        ...


class Facts(NamedTuple):
    """The facts of a problem: a number each, by name."""

    relevant: dict[str, Int[Array, ""]]
    """Those that exploitation depends on."""
    irrelevant: dict[str, Int[Array, ""]]
    """The rest."""


@runtime_checkable
class HasFacts(Protocol):
    """Where it is known what matters: how much of it z holds is then measured."""

    def facts(self, problem: Problem) -> Facts:
        """Return the facts of a problem."""
        ...


@runtime_checkable
class HasContext(Protocol):
    """Where something is known about the problem from the start: a machine's model, an age.

    Agents see it in both episodes, after each observation (`dreamrl.families.context`).
    """

    def context(self, problem: Problem) -> Shaped[Array, " said"]:
        """Return a vector of numbers, about -1 to 1 each, of one length for all problems."""
        ...


@runtime_checkable
class HasExplorationHorizon(Protocol):
    """Where explorations may last longer, or less long, than exploitations."""

    @property
    def exploration_horizon(self) -> int:
        """Steps after which an exploration is truncated."""
        ...


@runtime_checkable
class HasExplorationWeight(Protocol):
    """Where rewards of an exploration count: tests that cost something."""

    @property
    def exploration_weight(self) -> float:
        """Their weight in what a trial returns: 1 where their unit is the return's."""
        ...


def exploration_weight(family: Family) -> float:
    """Return how much the rewards of an exploration count beside an exploitation's; mostly 0."""
    if not isinstance(family, HasExplorationWeight):
        return 0.0
    weight = float(family.exploration_weight)
    if not 0 <= weight < float("inf"):
        message = f"exploration_weight must be a number of at least 0, is {weight}"
        raise UserError(f"family {family.name!r}: {message}")
    return weight


def horizon_of(family: Family, exploring: bool) -> int:
    """Return the steps after which an exploration, or an exploitation, is truncated."""
    if exploring and isinstance(family, HasExplorationHorizon):
        return operator.index(family.exploration_horizon)
    return family.horizon


@runtime_checkable
class HasLimit(Protocol):
    """Where only so many episodes can be played side by side: further ones take turns."""

    @property
    def at_once(self) -> int | None:
        """The most episodes at once; None: any number."""
        ...


@runtime_checkable
class HasStatistics(Protocol):
    """Statistics of an exploration beside its length; their means are reported."""

    def statistics(self, problem: Problem, exploration: Trajectory) -> dict[str, Shaped[Array, ""]]:
        """Return one number each, by name."""
        ...


@runtime_checkable
class HasExploitationStatistics(Protocol):
    """Statistics of an exploitation beside its return."""

    def exploitation_statistics(
        self, problem: Problem, exploitation: Trajectory
    ) -> dict[str, Shaped[Array, ""]]:
        """Return one number each, by name."""
        ...


@runtime_checkable
class HasActionNames(Protocol):
    """Names of actions, for `dreamrl trial` and reports."""

    @property
    def action_names(self) -> Sequence[str]:
        """A name for each action."""
        ...


@runtime_checkable
class HasExploitationNames(HasActionNames, Protocol):
    """Where actions mean something else with a goal."""

    @property
    def exploitation_names(self) -> Sequence[str]:
        """A name for each action of an exploitation."""
        ...


def action_names(family: Family, exploring: bool = True) -> Sequence[str] | None:
    """Return the names of a family's actions; None where it has none."""
    if not exploring and isinstance(family, HasExploitationNames):
        return family.exploitation_names
    return family.action_names if isinstance(family, HasActionNames) else None


@runtime_checkable
class HasActionMask(Protocol):
    """Where some actions are not possible now. Agents are told which, and never take them."""

    def action_mask(
        self, problem: Problem, goal: Goal, state: State
    ) -> Bool[Array, " actions"] | None:
        """Return which actions are possible; None, for all states alike, where all always are.

        Of MultiDiscrete actions it has an axis for each part: a flag for each combination.

        As long as the episode goes on, one at least must be, beside the end action: agents may be
        kept from taking that one. Where nothing is left to do, let `step` end the episode.
        """
        ...


def mask_of(
    family: Family, problem: Problem, goal: Goal, state: State
) -> Bool[Array, " actions"] | None:
    """Return which actions are possible now; None where all always are."""
    return family.action_mask(problem, goal, state) if isinstance(family, HasActionMask) else None


def has_mask(family: Family, exploring: bool) -> bool:
    """Return whether some actions of explorations, or of exploitations, may be impossible."""
    if not isinstance(family, HasActionMask):
        return False

    def first(key: Key, problem_id: Array) -> Any:
        problem = family.problem(problem_id)
        goal = None if exploring else family.sample_goal(key, problem)
        return mask_of(family, problem, goal, family.reset(key, problem)[0])

    return jax.eval_shape(first, jax.random.key(0), jnp.array(family.train_ids[0])) is not None


def prior_of(family: Family, ids: Sequence[int]) -> Float[np.ndarray, " ids"] | None:
    """Return how likely each of these problems is; None where all are as likely.

    Training, meta-test and reports draw their problems by it.
    """
    shares = family.prior(ids) if isinstance(family, HasPrior) else None
    return None if shares is None else np.asarray(shares) / np.sum(shares)
