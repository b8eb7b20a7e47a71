"""The faults of a family: every rule tried out, step by step, as faults name their step."""

import collections
import functools
from collections.abc import Callable, Generator, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dreamrl.errors import UserError, raised, raised_on_host
from dreamrl.families.context import context_fault
from dreamrl.families.family import HasActionMask, HasContext, horizon_of, plain, plain_ids
from dreamrl.families.numbered import Numbered
from dreamrl.families.turns import at_once
from dreamrl.spaces import ActionSpace, Box, Discrete, MultiDiscrete, Space
from dreamrl.types import Step

Faults = Generator[str, None, Any]
"""Yields faults; returns what a call came to."""

METHODS = ("problem", "sample_goal", "reset", "step")
ATTRIBUTES = ("name", "train_ids", "test_ids", "horizon", "end_action")
SPACES = ("observation_space", "action_space", "goal_space")
MANY, FEW = 32, 2
"""Problems played: in a batch where the family can be mapped, else one by one."""
LARGEST_ID = 2**31 - 1

_TRACED = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerBoolConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)


def find_faults(family: Any) -> list[str]:
    """Return all faults that can be found; those hidden by others are found once these are gone."""
    family = plain(family)
    faults = list(_attribute_faults(family))
    if any(not callable(getattr(family, method, None)) for method in METHODS):
        return faults
    ids = _ids(family)
    try:
        has_parts = isinstance(getattr(family, "action_space", None), MultiDiscrete)
        family = Numbered(family) if has_parts else family
    except UserError as error:
        return [*faults, str(error)]
    if ids:
        faults += _Trial(family, ids).faults()
    return list(dict.fromkeys(faults))


def _attribute_faults(family: Any) -> Iterator[str]:
    for name in (*ATTRIBUTES, *SPACES, *METHODS):
        if not hasattr(family, name):
            yield f"{name} is missing"
    for method in METHODS:
        if hasattr(family, method) and not callable(getattr(family, method)):
            yield f"{method} must be a method, is {getattr(family, method)!r}"
    if not (isinstance(name := getattr(family, "name", "-"), str) and name):
        yield f"name must be text, is {name!r}"
    for split in ("train_ids", "test_ids"):
        if hasattr(family, split):
            yield from _id_faults(split, getattr(family, split))
    for name in ("horizon", "exploration_horizon"):
        horizon = getattr(family, name, 1)
        if not isinstance(horizon, int) or horizon < 1:
            yield f"{name} must be an integer of at least 1, is {horizon!r}"
    for name in ("observation_space", "goal_space"):
        if hasattr(family, name) and not isinstance(getattr(family, name), Space):
            yield f"{name} must be a space of dreamrl.spaces, is {getattr(family, name)!r}"
    actions = getattr(family, "action_space", None)
    if actions is not None and not isinstance(actions, ActionSpace | MultiDiscrete):
        yield f"action_space must be Discrete, MultiDiscrete or Box of dreamrl.spaces: {actions!r}"
    if isinstance(actions, Box) and not _bounded(actions):
        yield f"action_space must have bounds, the low one first, is {actions!r}"
    end = getattr(family, "end_action", None)
    codes = range(actions.n) if isinstance(actions, Discrete) else range(0)
    if end is not None and actions is not None and not (isinstance(end, int) and end in codes):
        words = f"None or an action, 0..{codes[-1]}" if codes else "None, as actions have no number"
        yield f"end_action must be {words}, is {end!r}"


def _bounded(actions: ActionSpace) -> bool:
    return isinstance(actions, Discrete) or -np.inf < actions.low < actions.high < np.inf


def _id_faults(split: str, value: Any) -> Iterator[str]:
    try:
        ids = plain_ids(value)
    except ValueError as error:
        yield f"{split} {error}"
        return
    counts = collections.Counter(ids)
    if not counts:
        yield f"{split} is empty"
    if repeats := sorted(i for i, count in counts.items() if count > 1):
        yield f"{split} holds {repeats[0]} more than once"
    elif large := sorted(i for i in counts if not 0 <= i <= LARGEST_ID):
        yield f"{split} must hold numbers from 0 to 2^31 - 1, holds {large[0]}"


def _ids(family: Any) -> list[int]:
    """Return some problems of both splits, evenly spread."""
    try:
        all_ids = {i for s in ("train_ids", "test_ids") for i in plain_ids(getattr(family, s, ()))}
    except ValueError:
        return []
    ids = sorted(all_ids)
    number = min(MANY, at_once(family) or MANY)
    return ids[:: max(1, len(ids) // number)][:number]


class _Trial:
    """One family being tried out: each method alone, then whole episodes."""

    def __init__(self, family: Any, ids: list[int]):
        self.family = family
        self.ids = ids
        self.keys = jax.random.split(jax.random.key(0), len(ids))
        self.wide = True
        """True while all methods so far could be jitted and mapped."""

    def faults(self) -> Iterator[str]:
        family, key = self.family, self.keys[0]
        problems = yield from self._problems()
        if not problems:
            return
        problem = problems[0]
        if isinstance(family, HasContext):
            yield from self._contexts(family, problems)
        args: dict[str, tuple] = {"sample_goal": (key, problem), "reset": (key, problem)}
        results = {}
        for method, inputs in args.items():
            results[method] = yield from self._method(method, getattr(family, method), inputs)
        goal, start = results["sample_goal"], results["reset"]
        if goal is not None:
            first = f"sample_goal: problem {self.ids[0]}, goal"
            yield from _membership_faults(family, "goal_space", first, goal)
        if start is None:
            return
        if not isinstance(start, tuple) or len(start) != 2:
            yield f"reset must return (state, observation), returned {_show(start)}"
            return
        yield from _membership_faults(family, "observation_space", "reset: observation", start[1])
        actions = getattr(family, "action_space", None)
        if not isinstance(actions, ActionSpace) or not _bounded(actions):
            return
        action = jnp.asarray(_draw(actions, np.random.default_rng(0), 1)[0])
        for exploring in (True, False):
            if exploring or goal is not None:
                inputs = (key, problem, None if exploring else goal, start[0], action)
                yield from self._step(inputs)

    def _problems(self) -> Faults:
        """Yield faults; return the problems, or None if they cannot be made."""
        problems = []
        for i in self.ids:
            problem = yield from _attempt(f"problem({i})", self.family.problem, jnp.array(i))
            if problem is None:
                return None
            problems.append(problem)
        shape = _signature(problems[0])
        for i, problem in zip(self.ids, problems, strict=True):
            if _signature(problem) != shape:
                yield (
                    f"problem({i}) differs from problem({self.ids[0]}) in structure, shape or "
                    f"dtype: {_signature(problem)[1]}, not {shape[1]}; one batch must hold all"
                )
                return None
        yield from self._method("problem", self.family.problem, (jnp.array(self.ids[0]),))
        return problems

    def _contexts(self, family: Any, problems: list[Any]) -> Iterator[str]:
        """Yield what is wrong with the context of these problems."""
        faults = list(_drain(self._method("context", family.context, (problems[0],))))
        if not faults and (fault := context_fault(family)):
            faults = [fault]
        yield from faults
        for i, problem in zip(self.ids, problems if not faults else (), strict=False):
            if not np.isfinite(context := np.asarray(family.context(problem))).all():
                yield f"context: problem {i}: {_show(context)} is not finite"
                return

    def _method(self, name: str, function: Callable, inputs: tuple) -> Faults:
        """Yield what is wrong with one method; return its plain result, None if it fails."""
        result = yield from _attempt(name, function, *inputs)
        if result is None:
            return None
        repeat = yield from _attempt(name, function, *inputs)
        if repeat is not None and not _equal(result, repeat):
            yield f"{name} is not deterministic: called twice with the same key, it differs"
        # Tracing finds what cannot be compiled, and is much faster than compiling.
        trace = functools.partial(_attempt, f"{name}: cannot be jitted", jax.eval_shape)
        faults = list(_drain(trace(function, *inputs)))
        if not faults:
            batch = jax.tree.map(lambda x: jnp.stack([x, x]), inputs)
            trace = functools.partial(_attempt, f"{name}: cannot be vmapped", jax.eval_shape)
            faults = list(_drain(trace(jax.vmap(function), *batch)))
        self.wide = self.wide and not faults
        yield from faults
        return result

    def _step(self, inputs: tuple) -> Iterator[str]:
        episode = "with goal=None, as in exploration" if inputs[2] is None else "with a goal"
        name = f"step {episode}"
        result = yield from self._method(name, self.family.step, inputs)
        if result is None:
            return
        try:
            state, (observation, reward, terminated, truncated) = result
        except (TypeError, ValueError):
            yield f"{name} must return (state, Step), returned {_show(result)}"
            return
        old_shape, new_shape = _signature(inputs[3]), _signature(state)
        if old_shape != new_shape:
            yield f"{name}: State changes in structure, shape or dtype: {old_shape} -> {new_shape}"
            return
        scalars = {"reward": reward, "terminated": terminated, "truncated": truncated}
        label = f"{name}: observation"
        faults = list(_membership_faults(self.family, "observation_space", label, observation))
        for field, value in scalars.items():
            kind = jnp.floating if field == "reward" else jnp.bool_
            value = jnp.asarray(value)
            if value.shape != () or not jnp.issubdtype(value.dtype, kind):
                faults.append(f"{name}: {field} must be one {kind.__name__}, is {_show(value)}")
        yield from faults
        if not faults and isinstance(getattr(self.family, "horizon", None), int):
            try:
                yield from self._episodes(name, exploring=inputs[2] is None)
            except Exception as error:
                ids = self.ids[: self._number]
                yield f"{name}: an episode of problems {ids} {_error_text(error)}"

    @property
    def _number(self) -> int:
        """Of problems that are played."""
        return len(self.ids) if self.wide else min(FEW, len(self.ids))

    def _episodes(self, name: str, exploring: bool) -> Iterator[str]:
        family, number = self.family, self._number
        lift = (lambda f: jax.jit(jax.vmap(f))) if self.wide else _one_by_one
        ids, keys = jnp.array(self.ids[:number]), self.keys[:number]
        problem = lift(family.problem)(ids)
        goal = None if exploring else lift(family.sample_goal)(keys, problem)
        if goal is not None:
            for i, sample in zip(self.ids, goal, strict=False):
                label = f"sample_goal: problem {i}, goal"
                yield from _membership_faults(family, "goal_space", label, sample)
        state, observation = lift(family.reset)(keys, problem)
        for i, first in zip(self.ids, observation, strict=False):
            yield from _membership_faults(
                family, "observation_space", f"reset: problem {i}, observation", first
            )
        masks = lift(family.action_mask) if isinstance(family, HasActionMask) else None
        step = lift(family.step)
        alive = np.ones(number, bool)
        end = getattr(family, "end_action", None)
        rng = np.random.default_rng(0)
        horizon = horizon_of(family, exploring)
        for t in range(horizon):
            steps = [f"{name}: problem {i}, step {t + 1}" for i in self.ids[:number]]
            mask = None if masks is None else masks(problem, goal, state)
            if mask is not None:
                mask = np.asarray(mask)
                faults = list(_mask_faults(family, steps, alive, mask))
                yield from faults
                if faults:
                    return
            if t in (0, horizon // 2) and isinstance(end, int):
                last = Step(*step(keys, problem, goal, state, jnp.full(number, end))[1])
                ends = np.asarray(last.terminated | last.truncated)
                if (alive & ~ends & (mask is None or mask[:, end])).any():
                    yield f"{name}: end_action {end} does not end the episode"
            action = jnp.asarray(_draw(family.action_space, rng, number, end, mask))
            state, result = step(keys, problem, goal, state, action)
            result = Step(*result)
            yield from _result_faults(family, steps, alive, result)
            alive &= ~np.asarray(result.terminated | result.truncated)
        if alive.any():
            i = self.ids[int(alive.argmax())]
            yield f"{name}: problem {i} is not over after the horizon of {horizon} steps"


def _result_faults(family: Any, steps: list[str], alive: np.ndarray, result: Step) -> Iterator[str]:
    for i in np.flatnonzero(alive)[:4]:
        yield from _membership_faults(
            family, "observation_space", f"{steps[i]}: observation", result.observation[i]
        )
    reward = np.asarray(result.reward)
    for i in np.flatnonzero(alive & ~np.isfinite(reward))[:1]:
        yield f"{steps[i]}: reward is {reward[i]}"
    conflict = np.asarray(result.terminated & result.truncated)
    for i in np.flatnonzero(alive & conflict)[:1]:
        yield f"{steps[i]}: terminated and truncated are both True"


def _mask_faults(
    family: Any, steps: list[str], alive: np.ndarray, mask: np.ndarray
) -> Iterator[str]:
    space = family.action_space
    if isinstance(space, Box):
        yield "action_mask is for numbered actions: those of a Box are always possible"
    elif mask.dtype != bool or mask.shape[1:] != (space.n,):
        yield f"{steps[0]}: action_mask must be {space.n} flags, is {_show(mask[0])}"
    else:
        choices = [a for a in range(space.n) if a != getattr(family, "end_action", None)]
        for i in np.flatnonzero(alive & ~mask[:, choices].any(1))[:1]:
            remainder = "no action beside end_action" if len(choices) < space.n else "no action"
            yield f"{steps[i]}: action_mask leaves {remainder}: let step end the episode before"


def _attempt(label: str, function: Callable, *inputs: Any) -> Faults:
    """Yield a fault if the call fails; return its result, else None."""
    try:
        return function(*inputs)
    except _TRACED as error:
        hint = "uses an array's value in Python (if, int(), range, NumPy); jnp.where or lax.cond do"
        yield f"{label}: {hint} ({type(error).__name__})"
    except Exception as error:
        yield f"{label}: {_error_text(error)}"
    return None


def _error_text(error: Exception) -> str:
    user_error = raised_on_host(error)
    if user_error is not None:
        return str(user_error)
    return raised(error)


def _draw(
    space: ActionSpace,
    rng: np.random.Generator,
    number: int,
    end: int | None = None,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Return random actions, of those possible, other than the one that ends an episode."""
    if isinstance(space, Box):
        return rng.uniform(space.low, space.high, (number, *space.shape)).astype(np.float32)
    choices = [a for a in range(space.n) if a != end] or [0]
    if mask is not None:
        scores = np.where(mask[:, choices], rng.random((number, len(choices))), -1.0)
        return np.array(choices, np.int32)[scores.argmax(1)]
    return rng.choice(choices, number).astype(np.int32)


def _drain(generator: Iterator[str]) -> Iterator[str]:
    """Return the faults without the result."""
    yield from generator


def _one_by_one(function: Callable) -> Callable:
    def mapped(*inputs: Any) -> Any:
        number = len(jax.tree.leaves(inputs)[0])
        singles = [jax.tree.map(lambda x, i=i: x[i], inputs) for i in range(number)]
        return jax.tree.map(lambda *x: jnp.stack(x), *(function(*single) for single in singles))

    return mapped


def _membership_faults(family: Any, space_name: str, label: str, value: Any) -> Iterator[str]:
    space = getattr(family, space_name, None)
    if not isinstance(space, Space):
        return
    if not space.contains(value):
        yield f"{label} {_show(value)} is not in {space_name} {space}"
    elif isinstance(space, Box) and not np.isfinite(value).all():
        yield f"{label} {_show(value)} is not finite"


def _signature(tree: Any) -> tuple:
    leaves, structure = jax.tree.flatten(tree)
    return str(structure), tuple(f"{jnp.asarray(x).dtype}{jnp.shape(x)}" for x in leaves)


def _equal(a: Any, b: Any) -> bool:
    if _signature(a) != _signature(b):
        return False
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.array_equal(_comparable(x), _comparable(y), equal_nan=True) for x, y in pairs)


def _comparable(leaf: Any) -> np.ndarray:
    leaf = jnp.asarray(leaf)
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if is_key else leaf)


def _show(value: Any) -> str:
    if not isinstance(value, jax.Array | np.ndarray):
        return repr(value)[:80]
    value = np.asarray(value)
    if value.size > 12:
        return f"({value.dtype}{value.shape}, {value.min()} to {value.max()})"
    return f"{value.tolist()} ({value.dtype}{value.shape})"
