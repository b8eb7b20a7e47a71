"""A family whose problems are Gymnasium environments, which run on the host."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Scalar, Shaped

from dreamrl.errors import FamilyError, HostError, UserError
from dreamrl.families.combined import combined_names
from dreamrl.families.family import GivenIDs, plain_ids
from dreamrl.families.gym.callbacks import Vector, asked, call
from dreamrl.families.gym.episodes import Episodes
from dreamrl.families.gym.host import Host
from dreamrl.families.gym.probe import probe
from dreamrl.families.gym.slots import Interface, first_info
from dreamrl.families.gym.spaces import Unfit
from dreamrl.families.gym.stock import Make, Stock
from dreamrl.families.one_goal import ONE_GOAL
from dreamrl.spaces import ActionSpace, Box, Space
from dreamrl.types import Action, Goal, Key, Observation, Step
from dreamrl.values import shown


class Told(NamedTuple):
    """A problem, and what is known about it in both episodes."""

    number: Int[Array, ""]
    context: Float[Array, " said"]


class GymState(NamedTuple):
    """Names an episode on the host, and how far it is."""

    batch: Int[Array, ""]
    row: Int[Array, ""]
    steps: Int[Array, ""]
    allowed: Bool[Array, " actions"] | None = None
    """Which actions are possible, where environments say so."""


class GymFamily:
    """Any Gymnasium environments, one a problem, that have their spaces in common.

    They run on the host, in `gymnasium.vector`, wherever a compiled program calls `reset` and
    `step`; so all that works on other families works on this one, at the environments' own speed.
    An episode draws from a seed that the program's random key gives: runs can be reproduced as
    far as `env.reset(seed=...)` settles all that is random in an environment.

    An episode that the environment truncates, and one that is still going on after `horizon`
    steps, are truncated; `terminated` is the environment's own. Actions of a Box are from -1 to 1
    here, and are stretched to the bounds that the environment gives.

    A second step from one and the same state gets the first one's answer, whatever the action,
    unless the two are in one batch.

    Environments are closed with `close()`, with the family, and at the end of the program, also
    one by an error, Ctrl-C or SIGTERM.
    """

    end_action = None

    def __init__(
        self,
        name: str,
        make: Make,
        train_ids: GivenIDs,
        test_ids: GivenIDs,
        horizon: int | np.integer,
        describe: Callable[[int], Any] | None = None,
        goals: Callable[[int], Sequence[Any]] | None = None,
        goal_space: Space = ONE_GOAL,
        kept: int | np.integer = 128,
        check: bool = True,
        context: Callable[[int], Any] | None = None,
    ):
        """Bring environments: `make(problem_id)` gives a new one.

        `describe(problem_id)` gives a vector of features that tells the problem, for families of
        too many problems to learn each by its ID. `goals(problem_id)` gives the goals, of
        `goal_space`, that an exploitation episode may have; the environment then needs a method
        `set_goal(goal)`, which gets None before `reset`, and the goal before the first step.
        `context(problem_id)` gives a vector of what agents are told about the problem, in both
        episodes, at meta-test too.

        There are never more than `kept` environments. Half of them at the most are played side by
        side, and further episodes take turns; the others wait for when their problem is drawn
        again. More are faster where environments are quick, and need memory where they are not.

        With `check`, some problems are made, and each is played for one episode at random:
        raises UserError, with the problem and the value, for what breaks Gymnasium's rules.
        """
        self.train_ids = _checked_ids(name, "train_ids", train_ids)
        self.test_ids = _checked_ids(name, "test_ids", test_ids)
        for field, value in (("horizon", horizon), ("kept", kept)):
            is_whole = isinstance(value, int | np.integer)
            if not is_whole or value < 1:
                bound = "at least 1" if is_whole else "a whole number"
                raise UserError(f"family {name!r}: {field} must be {bound}, is {shown(value)}")
        rest = (int(horizon), describe, goals, goal_space, int(kept), False, context)
        self._arguments = (name, make, self.train_ids, self.test_ids, *rest)
        self.name, self.horizon = name, int(horizon)
        self.goal_space = goal_space
        self.at_once = max(1, int(kept) // 2)
        self._goals = goals
        stock = Stock(make, int(kept))
        self._host = host = Host(stock)
        # Nor does an environment outlive its family in a program that goes on.
        weakref.finalize(self, host.close).atexit = False
        try:
            self._interface = host.call(_interface, stock, self.train_ids[0], goals is not None)
            self.observation_space: Space = self._interface.seen.space
            self.action_space: ActionSpace = self._interface.done.space
            self._explore_in(1)
            if ns := self._interface.done.ns:
                self.action_names = combined_names(ns)
            if describe is not None:
                self.describe = Vector("describe", describe, self.train_ids[0])
            self._context = None
            if context is not None:
                self._context = Vector("context", context, self.train_ids[0])
                self.context = _context_of
            if check:
                ids = [*_three_of(self.train_ids), *_three_of(self.test_ids)]
                host.call(probe, name, self._interface, stock, ids, self.horizon)
        except BaseException as error:
            host.close()
            if isinstance(error, UserError) and not isinstance(error, FamilyError):
                raise UserError(f"family {name!r}: {error}") from None
            raise
        self._attributes = frozenset(vars(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy what was asked for: there it has environments of its own."""
        additions = {
            name: value for name, value in vars(self).items() if name not in self._attributes
        }
        additions.pop("_attributes")
        return _rebuild, (type(self), self._arguments, self._episodes.explorations), additions

    def close(self) -> None:
        """Close all environments; whatever is played later makes new ones."""
        self._host.close()
        for family in self._explored_in.values():
            family.close()

    @property
    def explorations(self) -> int:
        """Exploration episodes a trial."""
        return self._episodes.explorations

    @property
    def exploration_horizon(self) -> int:
        return self._episodes.longest

    def explored_in(self, explorations: int) -> "GymFamily":
        """Return the family, explored in so many episodes a trial, in environments of its own.

        An exploration goes on after an end: the last observation is seen, then one step that takes
        no action and pays nothing shows the first observation of the next episode.
        """
        if explorations not in self._explored_in:
            family = _rebuild(type(self), self._arguments, explorations)
            self._explored_in[explorations] = family
        return self._explored_in[explorations]

    def _explore_in(self, explorations: int) -> None:
        self._episodes = Episodes(self._interface, self._host, self.horizon, explorations)
        self._explored_in: dict[int, GymFamily] = {}

    def observation(self, observation: Any) -> Shaped[np.ndarray, "..."]:
        """Return an environment's observation, as agents of this family are to see it.

        For custom loops: `explorer.observe(family.observation(env.reset()[0]))`.
        """
        adapter = self._interface.seen
        try:
            batch = adapter.read(observation)[None]
        except Unfit as error:
            raise UserError(f"family {self.name!r}: {error}") from None
        if (fault := adapter.strange(batch)) is not None:
            raise UserError(f"family {self.name!r}: {fault[1]}")
        return np.asarray(adapter(batch)[0])

    def action(self, chosen: Any) -> Any:
        """Return what agents of this family choose, as an environment takes it."""
        adapter = self._interface.done
        return adapter(np.asarray(chosen, adapter.space.dtype)[None])[0]

    def allowed(self, info: Any) -> Bool[np.ndarray, " actions"] | None:
        """Return which actions an environment's `info` allows, for `explorer.observe(allowed=)`."""
        if not self._interface.masked:
            return None
        try:
            return self._interface.done.mask(info)
        except Unfit as error:
            raise UserError(f"family {self.name!r}: {error}") from None

    def action_mask(
        self, problem: Int[Array, ""] | Told, goal: Goal, state: GymState
    ) -> Bool[Array, " actions"] | None:
        """Return what `info["action_mask"]` says, where the first reset has it."""
        return state.allowed

    def problem(self, problem_id: Int[Scalar, ""]) -> Int[Array, ""] | Told:
        """Return the ID: all that differs is on the host. With it goes the context, if any."""
        number = jnp.asarray(problem_id, jnp.int32)
        return number if self._context is None else Told(number, self._context(number))

    def sample_goal(self, key: Key, problem: Int[Array, ""] | Told) -> Shaped[Array, "..."]:
        """Return one of the goals of a problem, all equally likely."""
        if self._goals is None:
            return jnp.array(0)
        shape = jax.ShapeDtypeStruct(self.goal_space.shape, self.goal_space.dtype)
        bits = jax.random.bits(key, dtype=jnp.uint32)
        return call(self._draw, shape, _number(problem), bits)

    def reset(self, key: Key, problem: Int[Array, ""] | Told) -> tuple[GymState, Observation]:
        # Many environments take no seed from 2^31 on.
        seed = jax.random.bits(key, dtype=jnp.uint32) & jnp.uint32(2**31 - 1)
        shapes = (*_handle_shapes(), self._seen_shape, *self._mask_shape)
        batch, row, steps, observation, *allowed = call(
            self._episodes.reset, shapes, _number(problem), seed
        )
        return GymState(batch, row, steps, *allowed), observation

    def step(
        self, key: Key, problem: Int[Array, ""] | Told, goal: Goal, state: GymState, action: Action
    ) -> tuple[GymState, Step]:
        flag = jax.ShapeDtypeStruct((), jnp.bool_)
        reward = jax.ShapeDtypeStruct((), jnp.float32)
        shapes = (*_handle_shapes(), self._seen_shape, reward, flag, flag, *self._mask_shape)
        goals = () if goal is None or self._goals is None else (goal,)
        take = self._episodes.explore if goal is None else self._episodes.step
        results = call(take, shapes, *state[:3], action, *goals)
        return GymState(*results[:3], *results[7:]), Step(*results[3:7])

    @property
    def _seen_shape(self) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(self.observation_space.shape, self.observation_space.dtype)

    @property
    def _mask_shape(self) -> tuple[jax.ShapeDtypeStruct, ...]:
        shape = jax.ShapeDtypeStruct((self.action_space.features,), jnp.bool_)
        return (shape,) if self._interface.masked else ()

    def _draw(self, ids: Any, bits: Any) -> np.ndarray:
        ids, bits = np.asarray(ids), np.asarray(bits)
        space = self.goal_space
        results = []
        for i, number in zip(ids.ravel().tolist(), bits.ravel().tolist(), strict=True):
            values = () if self._goals is None else asked("goals", self._goals, i)
            try:
                goals = list(values)
            except TypeError:
                goals = []
            if not goals:
                raise HostError(f"goals({i}) must return some goals, returned {shown(values)}")
            choice = goals[number % len(goals)]
            try:
                goal = np.asarray(choice, space.dtype)
                fits = space.contains(goal)
            except (TypeError, ValueError, OverflowError):
                fits = False
            if not fits:
                raise HostError(f"goals({i}): {shown(choice)} is not in goal_space {space}")
            results.append(goal)
        return np.reshape(results, (*ids.shape, *space.shape))


def _rebuild(kind: type[GymFamily], arguments: tuple[Any, ...], explorations: int) -> GymFamily:
    family = kind.__new__(kind)
    # Subclasses ask for other things.
    GymFamily.__init__(family, *arguments)
    family._explore_in(explorations)
    return family


def _interface(stock: Stock, problem_id: int, has_goals: bool) -> Interface:
    env = stock.take(problem_id)
    stock.give(problem_id, env)
    interface = Interface.of(env, has_goals)
    if isinstance(interface.done.space, Box):
        return interface
    return interface._replace(masked="action_mask" in first_info(interface, stock, problem_id))


def _handle_shapes() -> tuple[jax.ShapeDtypeStruct, ...]:
    return (jax.ShapeDtypeStruct((), jnp.int32),) * 3


def _three_of(ids: Sequence[int]) -> Sequence[int]:
    """Return three of them, the first and the last included."""
    return [ids[i] for i in sorted({0, len(ids) // 2, len(ids) - 1})]


def _checked_ids(name: str, split: str, ids: Any) -> tuple[int, ...] | range:
    try:
        numbers = plain_ids(ids)
    except (TypeError, ValueError) as error:
        raise UserError(f"family {name!r}: {split} {error}") from None
    if not numbers:
        raise UserError(f"family {name!r}: {split} is empty")
    return numbers


def _context_of(problem: Told) -> Float[Array, " said"]:
    return problem.context


def _number(problem: Int[Array, ""] | Told) -> Int[Array, ""]:
    return problem.number if isinstance(problem, Told) else problem
