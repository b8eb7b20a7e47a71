"""One episode in a custom loop: observe, act, observe, act, ... until done."""

import math
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import jax
import numpy as np
from jaxtyping import Float, PyTree, Shaped

from dreamrl.deploy.environment import Environment, allowed_in
from dreamrl.errors import UserError
from dreamrl.families.family import Family
from dreamrl.spaces import Discrete, Space
from dreamrl.trial import blank
from dreamrl.types import Percept, Trajectory
from dreamrl.values import flag, number

Decide = Callable[[PyTree, Percept, np.int32], tuple[PyTree, Any, Any]]
"""(memory, percept, number of the step) -> memory, action, stop."""

TBelief = TypeVar("TBelief")
Value = TypeVar("Value")


class Driver(Generic[TBelief]):
    """Acts for an agent, one step at a time.

        explorer.observe(robot.reset())
        while not explorer.done:
            explorer.observe(*robot.step(explorer.act()))

    Of a family with an action mask `observe` is also told, as `allowed`, which actions are possible
    next. Every call out of turn, and every observation that the agent could not know from its
    training, is a UserError; the episode then stands as before the call.
    """

    def __init__(
        self,
        family: Family,
        memory: PyTree,
        decide: Decide,
        read: Callable[[Trajectory], TBelief],
        name: str,
        exploring: bool,
    ):
        self._family, self._memory, self._decide, self._belief_of = family, memory, decide, read
        self._name = name
        self._trajectory = blank(family, exploring)
        self._steps = 0
        self._action: np.ndarray | None = None
        self._has_begun = self._is_waiting = self._done = False

    def __copy__(self) -> "Driver[TBelief]":
        """Return one that stands where this one does, and goes on without it."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _trajectory=jax.tree.map(np.copy, self._trajectory))
        return other

    @property
    def done(self) -> bool:
        """True once the episode ended, the explorer knows enough, or the horizon is reached."""
        return self._done

    @property
    def trajectory(self) -> Trajectory:
        """The steps taken so far, as NumPy arrays without padding."""
        return first_steps(self._trajectory, self._steps)

    @property
    def belief(self) -> TBelief:
        """An explorer's beliefs so far; of an exploiter those that it acts on."""
        if not self._has_begun:
            raise UserError(f"{self._name} has seen nothing yet: observe(observation) first")
        trajectory = jax.tree.map(np.copy, self._trajectory)
        trajectory.observations[self._steps + 1 :] = trajectory.observations[self._steps]
        return self._belief_of(trajectory)

    def act(self) -> int | Float[np.ndarray, " size"]:
        """Return the action to take now: a number or, where actions are continuous, an array.

        It wants to be answered by `observe`.
        """
        if not self._has_begun:
            raise UserError(f"{self._name} has seen nothing to act on: observe(observation) first")
        if self._done:
            raise UserError(f"{self._name} is done after {self._steps} steps: there is no action")
        if self._is_waiting:
            raise UserError(
                f"{self._name} gave action {self._choice} and awaits what came of it: "
                "observe(observation, reward, terminated, truncated), then act()"
            )
        assert self._action is not None
        self._is_waiting = True
        return self._choice

    def observe(
        self,
        observation: Any,
        reward: Any = None,
        terminated: Any = False,
        truncated: Any = False,
        allowed: Any = None,
    ) -> None:
        """Take what the episode begins with, alone; or what the last action led to.

        Reward and ends are numbers and flags however they are wrapped: as NumPy's, or in an array,
        a list or a tensor of one. `allowed` is a flag for each action, of a family that has an
        `action_mask`, as long as the episode goes on.
        """
        if self._done:
            raise UserError(f"{self._name} is done after {self._steps} steps: nothing more is read")
        if self._has_begun and not self._is_waiting:
            raise UserError(f"{self._name} was shown two observations in a row: act() in between")
        if self._has_begun == (reward is None):
            form = (
                "with the reward of the action" if self._has_begun else "alone, before any reward"
            )
            raise UserError(f"{self._name}: observation {self._count} is to come {form}")
        payoff = 0.0 if reward is None else self._parse(_finite, "reward", reward)
        ends = (
            self._parse(flag, "terminated", terminated),
            self._parse(flag, "truncated", truncated),
        )
        space = self._family.observation_space
        value = checked(space, observation, f"{self._name}: observation {self._count}")
        self._record(value, payoff, *ends, self._possible(allowed, is_over=any(ends)))

    def _parse(self, parse: Callable[[Any], Value], label: str, value: Any) -> Value:
        try:
            return parse(value)
        except ValueError as error:
            raise UserError(f"{self._name}: {label} of step {self._steps + 1}: {error}") from None

    def _possible(self, allowed: Any, is_over: bool) -> np.ndarray | None:
        """Return which actions may be taken next, as training had it."""
        if self._trajectory.allowed is None:
            if allowed is not None:
                name = self._family.name
                raise UserError(f"{self._name}: {name!r} has no action mask here, allowed is given")
            return None
        number = self._trajectory.allowed.shape[-1]
        if is_over or self._steps + self._has_begun == len(self._trajectory.actions):
            return np.ones(number, bool)
        label = f"{self._name}: allowed, of observation {self._count},"
        if allowed is None:
            raise UserError(
                f"{label} is missing: it must say of each action whether it is possible"
            )
        flags = np.asarray(allowed)
        if flags.dtype.kind in "iu" and np.isin(flags, (0, 1)).all():
            flags = flags.astype(bool)
        if flags.shape != (number,) or flags.dtype != bool or not flags.any():
            raise UserError(
                f"{label} must be {number} flags, one at least True: {_short_text(allowed)}"
            )
        return flags

    @property
    def _choice(self) -> int | np.ndarray:
        """The agent's choice, as environments know it."""
        assert self._action is not None
        space = self._family.action_space
        if isinstance(space, Discrete):
            return int(self._action)
        return np.clip(self._action, space.low, space.high)

    @property
    def _count(self) -> int:
        """The number of the next observation; the one that an episode begins with is 0."""
        return self._steps + self._has_begun

    def _record(
        self,
        observation: np.ndarray,
        reward: float,
        terminated: bool,
        truncated: bool,
        allowed: np.ndarray | None,
    ) -> None:
        trajectory, first = self._trajectory, not self._has_begun
        space = self._family.action_space
        action = self._action
        if action is None:
            action = np.zeros(space.shape, space.dtype)
        if not first:
            values = (action, reward, terminated, truncated, True)
            for array, value in zip(trajectory[1:-1], values, strict=True):
                array[self._steps] = value
            self._steps += 1
        trajectory.observations[self._steps] = observation
        if trajectory.allowed is not None:
            masks: Any = trajectory.allowed
            masks[self._steps] = allowed
        self._has_begun, self._is_waiting = True, False
        self._done = terminated or truncated or self._steps == len(self._trajectory.actions)
        if self._done:
            return
        # NumPy's arrays go into a jitted function as they are: putting each there takes longer.
        inputs: tuple[Any, ...] = observation, action, np.float32(reward), np.bool_(first), allowed
        step = np.int32(self._steps)
        self._memory, choice, stop = self._decide(self._memory, Percept(*inputs), step)
        self._action, self._done = np.asarray(choice, space.dtype), bool(stop)


def drive(driver: Driver[TBelief], environment: Environment) -> None:
    """Play an episode to its end.

    Here and not by `trial.rollout`, which is compiled: an environment of a user's is on the host.
    """
    driver.observe(environment.reset(), allowed=allowed_in(environment))
    while not driver.done:
        outcome = environment.step(driver.act())
        if not isinstance(outcome, tuple | list) or len(outcome) != 4:
            raise UserError(
                f"{type(environment).__name__}.step(action) must return "
                f"(observation, reward, terminated, truncated), returned {_short_text(outcome)}"
            )
        driver.observe(*outcome, allowed=allowed_in(environment))


def first_steps(trajectory: Trajectory, number: int) -> Trajectory:
    """Return a copy of a trajectory's first steps, and the observation they led to."""
    steps = jax.tree.map(lambda x: np.array(x[:number]), trajectory)
    arrays = {"observations": trajectory.observations, "allowed": trajectory.allowed}
    return steps._replace(**jax.tree.map(lambda x: np.array(x[: number + 1]), arrays))


def without_padding(trajectory: Trajectory) -> Trajectory:
    """Return the steps that were taken, as NumPy arrays."""
    trajectory = jax.tree.map(np.asarray, trajectory)
    return first_steps(trajectory, int(trajectory.mask.sum()))


def checked(space: Space, value: Any, what: str) -> Shaped[np.ndarray, "..."]:
    """Return a value as training had it; raise UserError unless it is in the space."""
    dtype = np.dtype(space.dtype)
    try:
        raw = np.asarray(value)
        with np.errstate(invalid="ignore"):
            array = raw.astype(dtype)
        fits = raw.dtype.kind in "biuf" and space.contains(array)
        fits = fits and (dtype.kind == "f" or np.array_equal(array, raw))
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise UserError(f"{what} is {_short_text(value)}, which is not in {space}")
    return array


def _finite(value: Any) -> float:
    result = number(value)
    if not math.isfinite(result):
        raise ValueError(f"{result} is not a finite number")
    return result


def _short_text(value: Any) -> str:
    words = repr(value.tolist() if isinstance(value, np.ndarray) else value)
    return words if len(words) <= 80 else f"{words[:70]} ... ({type(value).__name__})"
