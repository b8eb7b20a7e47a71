"""Environments in slots of a `gymnasium.vector.SyncVectorEnv`: any problem in any slot."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from jaxtyping import Bool, Float, Integer, Shaped

from dreamrl.errors import HostError, raised
from dreamrl.families.gym.spaces import (
    ActionAdapter,
    ObservationAdapter,
    Unfit,
    actions,
    observations,
)
from dreamrl.families.gym.stock import Stock
from dreamrl.values import flag, number, shown


class Interface(NamedTuple):
    """The interface that all problems of a family share."""

    observation: gymnasium.Space
    action: gymnasium.Space
    seen: ObservationAdapter
    done: ActionAdapter
    has_goals: bool
    """True if environments are told a goal: `set_goal`."""
    masked: bool = False
    """True if `info` says which actions are possible: `action_mask`."""

    @classmethod
    def of(cls, env: gymnasium.Env, has_goals: bool) -> "Interface":
        """Return the interface.

        Raises:
            UserError: Where the environment's spaces are of no use.
        """
        space: Any = getattr(env, "observation_space", None)
        action: Any = getattr(env, "action_space", None)
        inner = getattr(env.unwrapped, "observation_space", None)
        return cls(space, action, observations(space, inner), actions(action), has_goals)


class Slot(gymnasium.Env):
    """One place in a vector. Its vector sees no end, since it refuses to step on after one."""

    def __init__(self, interface: Interface, stock: Stock):
        self.interface, self.stock = interface, stock
        # Its own: the vector writes into it.
        self.metadata: dict[str, Any] = {"render_modes": []}
        self.observation_space, self.action_space = interface.seen.raw, interface.action
        self.env: gymnasium.Env | None = None
        self.problem_id = 0
        """Of the next reset."""
        self.steps = 0
        self.live = True
        """True if the next step is to be taken; else it stands still."""
        self.goal: Any = None
        """The goal that the environment is told before its first step, if it has goals."""
        self.seen: Any = None
        self.ends = False, False
        """Flags: the last step terminated the episode, or truncated it."""
        self.allowed = np.ones(interface.done.space.features, bool)
        """Flags of the actions that are possible now."""
        self.again: int | None = None
        """The seed of another episode, which the next step begins in place of an action."""

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
            raise HostError(f"{self.where} raised {raised(error)}") from error
        if not isinstance(result, tuple) or len(result) != 2:
            raise HostError(
                f"{self.where} must return (observation, info), returned {shown(result)}"
            )
        self.seen = self._fitting(result[0])
        self._told_allowed(result[1])
        return self.seen, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.env is None or not self.live:
            return self.seen, 0.0, False, False, {}
        if self.again is not None:
            self.leave()
            return self.reset(seed=self.again)[0], 0.0, False, False, {}
        self.steps += 1
        try:
            if self.goal is not None and self.steps == 1:
                self.env.get_wrapper_attr("set_goal")(self.goal)
            result = self.env.step(action)
        except Exception as error:
            raise HostError(f"{self.where} raised {raised(error)}") from error
        if not isinstance(result, tuple) or len(result) != 5:
            raise HostError(
                f"{self.where} must return (observation, reward, terminated, truncated, info), "
                f"returned {shown(result)}"
            )
        observation, reward, terminated, truncated, info = cast(tuple[Any, ...], result)
        self.seen = self._fitting(observation)
        try:
            reward = number(reward)
        except ValueError:
            raise self._must_be("the reward", reward, "a number") from None
        ends = []
        for name, end in (("terminated", terminated), ("truncated", truncated)):
            try:
                ends.append(flag(end))
            except ValueError:
                raise self._must_be(name, end, "True or False") from None
        self.ends = ends[0], ends[1]
        self._told_allowed(info)
        return self.seen, reward, False, False, {}

    def _must_be(self, name: str, value: Any, kind: str) -> HostError:
        return HostError(f"{self.where}: {name} is {shown(value)}, and must be {kind}")

    @property
    def where(self) -> str:
        return f"problem {self.problem_id}, {f'step {self.steps}' if self.steps else 'reset'}"

    def _fitting(self, observation: Any) -> np.ndarray:
        try:
            return self.interface.seen.read(observation)
        except Unfit as error:
            raise HostError(f"{self.where}: {error}") from None

    def _told_allowed(self, info: Any) -> None:
        if any(self.ends):
            self.allowed = np.ones_like(self.allowed)
        elif self.interface.masked:
            try:
                self.allowed = self.interface.done.mask(info)
            except Unfit as error:
                raise HostError(f"{self.where}: {error}") from None

    def leave(self) -> None:
        """Give the environment back."""
        if self.env is not None:
            self.stock.give(self.problem_id, self.env)
            self.env = None

    def close(self) -> None:
        self.leave()

    def drop(self) -> None:
        """Close the environment."""
        if self.env is not None:
            self.stock.drop(self.env)
            self.env = None


def first_info(interface: Interface, stock: Stock, problem_id: int) -> dict[str, Any]:
    """Return what the first reset of a problem tells beside the observation.

    What goes wrong is told by whatever plays the problem next, in words.
    """
    env = stock.take(problem_id)
    try:
        if interface.has_goals:
            env.get_wrapper_attr("set_goal")(None)
        _, info = env.reset(seed=0)
    except Exception:
        stock.drop(env)
        return {}
    stock.give(problem_id, env)
    return info if isinstance(info, dict) else {}


class Block:
    """Slots side by side, which take one step together; those that are not `live` stand still."""

    def __init__(self, number: int, interface: Interface, stock: Stock):
        self.interface = interface
        self.slots = [Slot(interface, stock) for _ in range(number)]
        makers = [lambda slot=slot: slot for slot in self.slots]
        self.vector = SyncVectorEnv(makers, copy=False, autoreset_mode=AutoresetMode.DISABLED)

    def reset(
        self, problems: Integer[np.ndarray, " slots"], seeds: Integer[np.ndarray, " slots"]
    ) -> Shaped[np.ndarray, "slots ..."]:
        """Return the first observations, in environments of those problems."""
        for slot, problem_id in zip(self.slots, problems.tolist(), strict=True):
            slot.problem_id = problem_id
        batch, _ = cast(tuple[Any, Any], self.vector.reset(seed=seeds.tolist()))
        self.check_possible(np.zeros(len(self.slots), bool))
        return self._convert(batch)

    @property
    def allowed(self) -> Bool[np.ndarray, "slots actions"]:
        """Flags of the actions that are possible now."""
        return np.array([slot.allowed for slot in self.slots])

    def check_possible(self, over: Bool[np.ndarray, " slots"]) -> None:
        """Raise HostError where no action is possible in an episode that goes on."""
        for slot, is_over in zip(self.slots, over.tolist(), strict=True):
            if not (is_over or slot.allowed.any()):
                raise HostError(
                    f"{slot.where}: info['action_mask'] leaves no action, and the episode goes on"
                )

    def step(
        self,
        actions: Shaped[np.ndarray, "slots ..."],
        live: Bool[np.ndarray, " slots"],
        goals: Shaped[np.ndarray, "slots ..."] | None,
        again: Sequence[int | None] | None = None,
    ) -> tuple[
        Shaped[np.ndarray, "slots ..."], Float[np.ndarray, " slots"], Bool[np.ndarray, "slots 2"]
    ]:
        """Return observations, rewards, and [n, 2]: whether each terminated or truncated.

        Those with a seed in `again` begin another episode in place of taking their action.
        """
        for i, (slot, is_live) in enumerate(zip(self.slots, live.tolist(), strict=True)):
            slot.live, slot.goal = is_live, None if goals is None else goals[i]
            slot.again = None if again is None else again[i]
        result: Any = self.vector.step(self.interface.done(actions))
        batch = self._convert(result[0])
        with np.errstate(over="ignore"):
            rewards = result[1].astype(np.float32)
        if not (finite := np.isfinite(rewards)).all():
            row = int(finite.argmin())
            place = self.slots[row].where
            raise HostError(f"{place}: the reward is {rewards[row]}, and must be finite")
        return batch, rewards, np.array([slot.ends for slot in self.slots])

    def leave(self) -> None:
        """Give all environments back."""
        for slot in self.slots:
            slot.leave()

    def drop(self) -> None:
        """Close all environments, after one went wrong."""
        for slot in self.slots:
            slot.drop()

    def _convert(self, batch: np.ndarray) -> np.ndarray:
        if (fault := self.interface.seen.strange(batch)) is not None:
            row, message = fault
            raise HostError(f"{self.slots[row].where}: {message}")
        return self.interface.seen(batch)
