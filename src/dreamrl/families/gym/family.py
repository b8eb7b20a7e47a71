"""A family whose problems are Gymnasium environments, which run on the host."""

import logging
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Scalar

from dreamrl.errors import UserError, raised_on_host
from dreamrl.families.gym.episodes import Episodes
from dreamrl.families.gym.probe import probe
from dreamrl.families.gym.slots import Interface, Make, Stock
from dreamrl.families.one_goal import ONE_GOAL
from dreamrl.spaces import ActionSpace, Space
from dreamrl.types import Action, Goal, Key, Observation, Step


class GymState(NamedTuple):
    """Names an episode on the host, and how far it is."""

    batch: Int[Array, ""]
    row: Int[Array, ""]
    steps: Int[Array, ""]


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
    """

    end_action = None

    def __init__(
        self,
        name: str,
        make: Make,
        train_ids: Sequence[int],
        test_ids: Sequence[int],
        horizon: int,
        describe: Callable[[int], Any] | None = None,
        goals: Callable[[int], Sequence[Any]] | None = None,
        goal_space: Space = ONE_GOAL,
        kept: int = 2048,
        check: bool = True,
    ):
        """`make(problem_id)` gives a new environment.

        `describe(problem_id)` gives a vector of features that tells the problem, for families of
        too many problems to learn each by its ID. `goals(problem_id)` gives the goals, of
        `goal_space`, that an exploitation episode may have; the environment then needs a method
        `set_goal(goal)`, which gets None before `reset`, and the goal before the first step.
        `kept` environments are kept for later episodes.

        With `check`, some problems are made, and each is played for one episode at random:
        raises UserError, with the problem and the value, for what breaks Gymnasium's rules.
        """
        _check_numbers(name, train_ids, test_ids, horizon)
        self.name, self.horizon = name, horizon
        # A range stays a range, however long.
        self.train_ids, self.test_ids = (
            ids if isinstance(ids, range) else tuple(map(int, ids)) for ids in (train_ids, test_ids)
        )
        self.goal_space = goal_space
        self._goals = goals
        stock, thread = Stock(make, kept), ThreadPoolExecutor(1, "dreamrl-gym")
        has_goals = goals is not None
        try:
            interface = thread.submit(_interface, stock, int(train_ids[0]), has_goals).result()
        except UserError as error:
            raise UserError(f"family {name!r}: {error}") from None
        self.observation_space: Space = interface.seen.space
        self.action_space: ActionSpace = interface.done.space
        self._episodes = Episodes(interface, stock, horizon, thread)
        self._features = 0
        if describe is not None:
            self._features = len(_described(describe, int(train_ids[0])))
            self._describe = describe
            self.describe = self._description
        if check:
            ids = [int(i) for i in (*_few(train_ids), *_few(test_ids))]
            thread.submit(probe, name, interface, stock, ids, horizon).result()

    def problem(self, problem_id: Int[Scalar, ""]) -> Int[Array, ""]:
        """The ID: all that differs is on the host."""
        return jnp.asarray(problem_id, jnp.int32)

    def sample_goal(self, key: Key, problem: Int[Array, ""]) -> Array:
        """One of the goals of a problem, all equally likely."""
        if self._goals is None:
            return jnp.array(0)
        shape = jax.ShapeDtypeStruct(self.goal_space.shape, self.goal_space.dtype)
        bits = jax.random.bits(key, dtype=jnp.uint32)
        return _call(self._draw, shape, problem, bits)

    def reset(self, key: Key, problem: Int[Array, ""]) -> tuple[GymState, Observation]:
        seed = jax.random.bits(key, dtype=jnp.uint32)
        shapes = (*_handle_shapes(), self._seen_shape)
        *handle, seen = _call(self._episodes.reset, shapes, problem, seed)
        return GymState(*handle), seen

    def step(
        self, key: Key, problem: Int[Array, ""], goal: Goal, state: GymState, action: Action
    ) -> tuple[GymState, Step]:
        yes = jax.ShapeDtypeStruct((), jnp.bool_)
        reward = jax.ShapeDtypeStruct((), jnp.float32)
        shapes = (*_handle_shapes(), self._seen_shape, reward, yes, yes)
        told = () if goal is None or self._goals is None else (goal,)
        batch, row, steps, *rest = _call(self._episodes.step, shapes, *state, action, *told)
        return GymState(batch, row, steps), Step(*rest)

    @property
    def _seen_shape(self) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(self.observation_space.shape, self.observation_space.dtype)

    def _description(self, problem_id: Int[Scalar, ""]) -> Float[Array, " features"]:
        """What `describe` says of a problem."""
        shape = jax.ShapeDtypeStruct((self._features,), jnp.float32)

        def look(ids: Any) -> np.ndarray:
            found = [_described(self._describe, i) for i in np.ravel(ids).tolist()]
            return np.reshape(found, (*np.shape(ids), self._features))

        return _call(look, shape, problem_id)

    def _draw(self, ids: Any, bits: Any) -> np.ndarray:
        ids, bits = np.asarray(ids), np.asarray(bits)
        space = self.goal_space
        drawn = []
        for i, number in zip(ids.ravel().tolist(), bits.ravel().tolist(), strict=True):
            goals = self._goals(i) if self._goals is not None else ()
            if not len(goals):
                raise UserError(f"goals({i}) must return some goals, returned {goals!r}")
            goal = np.asarray(goals[number % len(goals)], space.dtype)
            if not space.contains(goal):
                raise UserError(f"goals({i}): {goal.tolist()} is not in goal_space {space}")
            drawn.append(goal)
        return np.reshape(drawn, (*ids.shape, *space.shape))


def _interface(stock: Stock, problem_id: int, has_goals: bool) -> Interface:
    env = stock.take(problem_id)
    stock.give(problem_id, env)
    return Interface.of(env, has_goals)


def _call(function: Callable[..., Any], shapes: Any, *inputs: Any) -> Any:
    """On the host, once for a whole batch; nothing is differentiated through it."""
    inputs = tuple(jax.lax.stop_gradient(jnp.asarray(x)) for x in inputs)
    return jax.pure_callback(function, shapes, *inputs, vmap_method="broadcast_all")


def _quieten() -> None:
    """JAX raises what went wrong on the host: it need not log and repeat it at the exit too."""
    hook = sys.unraisablehook

    def is_news(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], UserError))

    logging.getLogger("jax._src.callback").addFilter(is_news)

    def tell(unraisable: "sys.UnraisableHookArgs") -> None:
        error = unraisable.exc_value
        if not (isinstance(error, Exception) and raised_on_host(error)):
            hook(unraisable)

    sys.unraisablehook = tell


_quieten()


def _handle_shapes() -> tuple[jax.ShapeDtypeStruct, ...]:
    return (jax.ShapeDtypeStruct((), jnp.int32),) * 3


def _few(ids: Sequence[int]) -> Sequence[int]:
    """Three of them, the first and the last included."""
    return [ids[i] for i in sorted({0, len(ids) // 2, len(ids) - 1})]


def _check_numbers(
    name: str, train_ids: Sequence[int], test_ids: Sequence[int], horizon: int
) -> None:
    for split, ids in (("train_ids", train_ids), ("test_ids", test_ids)):
        if not len(ids):
            raise UserError(f"family {name!r}: {split} is empty")
    if horizon < 1:
        raise UserError(f"family {name!r}: horizon must be at least 1, is {horizon}")


def _described(describe: Callable[[int], Any], problem_id: int) -> np.ndarray:
    try:
        found = np.asarray(describe(problem_id), np.float32)
    except (TypeError, ValueError):
        found = np.array(np.nan)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise UserError(
            f"describe({problem_id}) must return a vector of finite numbers, "
            f"returned {describe(problem_id)!r:.80}"
        )
    return found
