"""Environments in slots of a `gymnasium.vector.SyncVectorEnv`: any problem in any slot."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from dreamrl.errors import UserError
from dreamrl.families.gym.spaces import Done, Seen, actions, observations

Make = Callable[[int], gymnasium.Env]


class Interface(NamedTuple):
    """What all problems of a family have in common."""

    observation: gymnasium.Space
    action: gymnasium.Space
    seen: Seen
    done: Done
    has_goals: bool
    """Whether environments are told a goal: `set_goal`."""

    @classmethod
    def of(cls, env: gymnasium.Env, has_goals: bool) -> "Interface":
        """Raises UserError where the environment's spaces are of no use."""
        seen, done = observations(env.observation_space), actions(env.action_space)
        return cls(env.observation_space, env.action_space, seen, done, has_goals)


class Stock:
    """Environments that were made and are not in use; of too many, the oldest are closed."""

    def __init__(self, make: Make, most: int):
        self.make, self.most = make, most
        self.idle: OrderedDict[int, tuple[int, gymnasium.Env]] = OrderedDict()
        """{number: (problem ID, environment)}, the oldest first."""
        self.of: dict[int, list[int]] = {}
        """{problem ID: numbers}"""
        self.count = 0

    def take(self, problem_id: int) -> gymnasium.Env:
        """One that was made before, or else a new one; UserError where it cannot be made."""
        if found := self.of.get(problem_id):
            return self.idle.pop(found.pop())[1]
        try:
            env = self.make(problem_id)
        except Exception as error:
            raise UserError(f"make({problem_id}) {_raised(error)}") from error
        if not isinstance(env, gymnasium.Env):
            raise UserError(f"make({problem_id}) must return a gymnasium.Env, returned {env!r}")
        return env

    def give(self, problem_id: int, env: gymnasium.Env) -> None:
        self.count += 1
        self.idle[self.count] = problem_id, env
        self.of.setdefault(problem_id, []).append(self.count)
        if len(self.idle) > self.most:
            oldest, (of, env) = self.idle.popitem(last=False)
            self.of[of].remove(oldest)
            env.close()


class Slot(gymnasium.Env):
    """One place in a vector. Its vector sees no end, since it refuses to step on behind one."""

    def __init__(self, interface: Interface, stock: Stock):
        self.interface, self.stock = interface, stock
        # Its own: the vector writes into it.
        self.metadata: dict[str, Any] = {"render_modes": []}
        self.observation_space, self.action_space = interface.observation, interface.action
        self.shape, self.dtype = interface.observation.shape, np.dtype(interface.observation.dtype)
        self.env: gymnasium.Env | None = None
        self.problem_id = 0
        """Of the next reset."""
        self.steps = 0
        self.live = True
        """Whether the next step is to be taken; else it stands still."""
        self.goal: Any = None
        """What the environment is told before its first step, if it has goals."""
        self.seen: Any = None
        self.ends = False, False
        """Whether the last step terminated or truncated the episode."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        self.steps, self.ends = 0, (False, False)
        self.env = self.stock.take(self.problem_id)
        try:
            if self.interface.has_goals:
                self.env.get_wrapper_attr("set_goal")(None)
            result = self.env.reset(seed=seed)
        except Exception as error:
            raise UserError(f"{self.where} {_raised(error)}") from error
        if not isinstance(result, tuple) or len(result) != 2:
            raise UserError(
                f"{self.where} must return (observation, info), returned {result!r:.80}"
            )
        self.seen = self._fitting(result[0])
        return self.seen, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.env is None or not self.live:
            return self.seen, 0.0, False, False, {}
        self.steps += 1
        try:
            if self.goal is not None and self.steps == 1:
                self.env.get_wrapper_attr("set_goal")(self.goal)
            result = self.env.step(action)
        except Exception as error:
            raise UserError(f"{self.where} {_raised(error)}") from error
        if not isinstance(result, tuple) or len(result) != 5:
            raise UserError(
                f"{self.where} must return (observation, reward, terminated, truncated, info), "
                f"returned {result!r:.80}"
            )
        seen, reward, terminated, truncated, _ = cast(tuple[Any, ...], result)
        self.seen = self._fitting(seen)
        self.ends = bool(terminated), bool(truncated)
        try:
            return self.seen, float(reward), False, False, {}
        except (TypeError, ValueError):
            raise UserError(
                f"{self.where}: the reward is {reward!r}, and must be a number"
            ) from None

    @property
    def where(self) -> str:
        return f"problem {self.problem_id}, {f'step {self.steps}' if self.steps else 'reset'}"

    def _fitting(self, seen: Any) -> np.ndarray:
        """The observation, or a UserError where its shape or type is another."""
        if isinstance(seen, np.ndarray) and seen.shape == self.shape and seen.dtype == self.dtype:
            return seen
        try:
            found = np.asarray(seen)
        except ValueError:
            found = np.empty((0,))
        if found.shape != self.shape or not np.can_cast(found.dtype, self.dtype, "same_kind"):
            raise UserError(
                f"{self.where}: the observation must be {self.dtype}{self.shape}, as "
                f"observation_space says, is {_kind(seen)}"
            )
        return found

    def leave(self) -> None:
        """Gives the environment back."""
        if self.env is not None:
            self.stock.give(self.problem_id, self.env)
            self.env = None

    def close(self) -> None:
        self.leave()


class Block:
    """Slots side by side, which take one step together; those that are not `live` stand still."""

    def __init__(self, number: int, interface: Interface, stock: Stock):
        self.interface = interface
        self.slots = [Slot(interface, stock) for _ in range(number)]
        makers = [lambda slot=slot: slot for slot in self.slots]
        self.vector = SyncVectorEnv(makers, copy=False, autoreset_mode=AutoresetMode.DISABLED)

    def reset(self, problems: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """The first observations, in environments of those problems."""
        for slot, problem_id in zip(self.slots, problems.tolist(), strict=True):
            slot.problem_id = problem_id
        seen, _ = cast(tuple[Any, Any], self.vector.reset(seed=seeds.tolist()))
        return self._finite(self.interface.seen(seen), "observation")

    def step(
        self, actions: np.ndarray, live: np.ndarray, goals: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Observations, rewards, and [n, 2]: whether each terminated or truncated its episode."""
        for i, (slot, go) in enumerate(zip(self.slots, live.tolist(), strict=True)):
            slot.live, slot.goal = go, None if goals is None else goals[i]
        result: Any = self.vector.step(self.interface.done(actions))
        seen = self._finite(self.interface.seen(result[0]), "observation")
        with np.errstate(over="ignore"):
            rewards = self._finite(result[1].astype(np.float32), "reward")
        return seen, rewards, np.array([slot.ends for slot in self.slots])

    def leave(self) -> None:
        """Gives all environments back."""
        for slot in self.slots:
            slot.leave()

    def _finite(self, values: np.ndarray, what: str) -> np.ndarray:
        if values.dtype.kind == "f" and not (finite := np.isfinite(values)).all():
            row, *_ = np.argwhere(~finite)[0]
            bad = values[row][~finite[row]].ravel()[0]
            raise UserError(f"{self.slots[row].where}: the {what} is {bad}, and must be finite")
        return values


def _kind(seen: Any) -> str:
    if isinstance(seen, np.ndarray | np.generic):
        return f"{seen.dtype}{np.shape(seen)}"
    return f"{type(seen).__name__} {seen!r:.60}"


def _raised(error: Exception) -> str:
    message = str(error).strip().splitlines()
    return f"raised {type(error).__name__}: {message[0] if message else ''}"
