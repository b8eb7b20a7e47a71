"""A family as tables: all states that can be reached, and the best that can be done from each.

Exact, for families that are finite and leave nothing to chance. States are kept apart by the
step they are reached at, so that it does not matter whether a family counts its steps.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, no_type_check

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Shaped

from dreamrl.errors import TooLarge, UserError
from dreamrl.families.family import Family
from dreamrl.references.distinct import distinct
from dreamrl.spaces import Discrete
from dreamrl.types import Step

ENDED = -1
CHUNK = 4096
"""States stepped at once; always as many, so that one program is compiled."""

MOST_ROWS = 10_000_000
MOST_SHARED = 2_000_000
"""Pairs of a problem and a state, over all steps, that shared tables may hold."""
DECIMALS = 6
"""Rewards are rounded to these: sums of float32 rewards that should be equal then are."""


class Layer(NamedTuple):
    """The states after some number of steps, one a row; each belongs to one problem."""

    owners: np.ndarray
    """[rows]: which of the tabulated problems."""
    following: np.ndarray
    """[rows, actions]: row of the next layer, or ENDED."""
    rewards: np.ndarray
    """[rows, actions]"""
    outcomes: np.ndarray
    """[rows, actions]: equal numbers where the same is seen (observation, reward, end)."""


class Tables(NamedTuple):
    layers: list[Layer]
    """By number of steps; row i of the first is the start of problem i."""
    first: np.ndarray
    """[problems]: equal numbers where the first observations are equal."""

    # Called a million times: in tests, checks of its types would take longer than what it does.
    @no_type_check
    def split(
        self, step: int, rows: Int[np.ndarray, " rows"], action: int
    ) -> Iterator[tuple[Int[np.ndarray, " part"], Int[np.ndarray, " part"]]]:
        """Yield rows of one layer by what an action shows, each set with the rows that follow.

        All of a set end together, or none does.
        """
        layer = self.layers[step]
        following = layer.following[rows, action]
        for part in parts(layer.outcomes[rows, action]):
            yield rows[part], following[part]

    @no_type_check
    def after(
        self, step: int, rows: Int[np.ndarray, " rows"], action: int
    ) -> Iterator[Int[np.ndarray, " part"]]:
        """Yield the sets of rows that follow, where the episode goes on."""
        for _, following in self.split(step, rows, action):
            if following[0] != ENDED:
                yield following

    def best(self) -> list[Float[np.ndarray, "rows actions"]]:
        """Return for each layer [rows, actions]: the best return of who knows the problem."""
        returns: list[np.ndarray] = []
        for layer in reversed(self.layers):
            best = layer.rewards
            if returns:
                after = returns[-1].max(1)
                best = best + np.where(layer.following == ENDED, 0.0, after[layer.following])
            returns.append(best)
        return returns[::-1]


class SharedTables(NamedTuple):
    """What each problem would do in all states that any of the problems can lead to."""

    following: list[np.ndarray]
    """By number of steps, [problems, states, actions]: the state that follows, or ENDED."""
    rewards: list[np.ndarray]
    """By number of steps, [problems, states, actions]."""
    start: np.ndarray
    """[problems]: the state of each problem's start."""

    def best(self) -> list[Float[np.ndarray, "problems states actions"]]:
        """Return by number of steps, [problems, states, actions]: the best return from there on."""
        returns: list[np.ndarray] = []
        for following, rewards in zip(self.following[::-1], self.rewards[::-1], strict=True):
            if returns:
                after = returns[-1].max(-1)[np.arange(len(rewards))[:, None, None], following]
                rewards = rewards + np.where(following == ENDED, 0.0, after)
            returns.append(rewards)
        return returns[::-1]


def number_of_actions(family: Family) -> int:
    """Raise UserError where actions have no numbers: they cannot all be tried."""
    if not isinstance(family.action_space, Discrete):
        raise UserError(f"{family.name!r} has continuous actions: not all can be tried")
    return family.action_space.n


class Tabulator:
    """Makes the tables of one family, for any of the problems `ids`."""

    def __init__(self, family: Family, ids: Sequence[int]):
        self.family = family
        self.position = {i: position for position, i in enumerate(ids)}
        self._actions = number_of_actions(family)
        problems = jax.vmap(family.problem)(jnp.asarray(ids))
        actions = jnp.arange(self._actions)

        def pick(position):
            return jax.tree.map(lambda leaf: leaf[position], problems)

        def reset(key, position):
            return family.reset(key, pick(position))

        def step(key, goal, position, state, action):
            return family.step(key, pick(position), goal, state, action)

        over_actions = (None, None, None, None, 0)
        each_action: Callable[..., Any] = jax.vmap(step, over_actions)
        each_row: Callable[..., Any] = jax.vmap(each_action, (None, None, 0, 0, None))
        self._reset = jax.jit(jax.vmap(reset, (None, 0)))
        self._step = jax.jit(lambda key, goal, *rows: each_row(key, goal, *rows, actions))

    def tabulate(self, ids: Sequence[int], goal: Shaped[np.ndarray, "..."] | None) -> Tables:
        """Return everything that can happen in some of the problems under one goal."""
        key, owners = jax.random.key(0), np.arange(len(ids))
        positions = np.array([self.position[i] for i in ids])
        states, observations = self._starts(key, goal, positions)
        _, first = distinct([observations])
        layers: list[Layer] = []
        while len(owners):
            last = len(layers) + 1 == self.family.horizon
            after, result = _in_chunks(self._step, (key, goal), (positions[owners], states))
            layer, owners, states = _layer(owners, after, result, last)
            layers.append(layer)
            if sum(len(layer.owners) for layer in layers) > MOST_ROWS:
                raise UserError(f"no references for {self.family.name!r}: too many states")
        return Tables(layers, first)

    def tabulate_shared(self, ids: Sequence[int], goal: Shaped[np.ndarray, "..."]) -> SharedTables:
        """Return the same for states that count as equal, and are acted in, across problems."""
        key, positions = jax.random.key(0), np.array([self.position[i] for i in ids])
        states, _ = self._starts(key, goal, positions)
        kinds, start = distinct(jax.tree.leaves(states))
        tables, rows = SharedTables([], [], start), 0
        while len(kinds):
            states = jax.tree.map(lambda leaf, kinds=kinds: leaf[kinds], states)
            shape = (len(ids), len(kinds), self._actions)
            rows += shape[0] * shape[1]
            if rows > MOST_SHARED:
                name = self.family.name
                raise TooLarge(f"{name!r} has too many states to try each problem in each")
            tiled = jax.tree.map(lambda leaf: np.concatenate([leaf] * len(ids)), states)
            inputs = np.repeat(positions, len(kinds)), tiled
            after, result = _in_chunks(self._step, (key, goal), inputs)
            ended = result.terminated | result.truncated
            ended = ended.reshape(-1) | (len(tables.following) + 1 == self.family.horizon)
            states = jax.tree.map(lambda x, on=~ended: x.reshape(-1, *x.shape[2:])[on], after)
            kinds, inverse = distinct(jax.tree.leaves(states))
            following = np.full(ended.size, ENDED, np.int32)
            following[~ended] = inverse
            tables.following.append(following.reshape(shape))
            rewards = np.asarray(result.reward, np.float64).round(DECIMALS)
            tables.rewards.append(rewards.reshape(shape))
        return tables

    def _starts(self, key: jax.Array, goal: np.ndarray | None, positions: np.ndarray) -> Any:
        """Return states and observations at each problem's start, for families without chance."""
        states, observations = self._reset(key, positions)
        if _uses(self._reset, key, positions) or _uses(self._step, key, goal, positions, states):
            name = self.family.name
            raise UserError(f"no references for {name!r}: they need a family without chance")
        return jax.tree.map(np.asarray, (states, observations))


@no_type_check
def parts(labels: Int[np.ndarray, " rows"]) -> list[Int[np.ndarray, " part"]]:
    """Return positions of equal labels, together."""
    if (labels == labels[0]).all():
        return [np.arange(len(labels))]
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def _layer(owners: np.ndarray, after: Any, result: Step, last: bool) -> tuple:
    """Return one layer, and the owners and states of the next one's rows."""
    rewards = np.asarray(result.reward, np.float64).round(DECIMALS)
    shape, size = rewards.shape, rewards.size
    ended = result.terminated | result.truncated | last

    def flat(leaf):
        return leaf.reshape(size, *leaf.shape[2:])

    units = np.rint(rewards * 10**DECIMALS).astype(np.int64)
    _, outcomes = distinct([flat(x) for x in (result.observation, units, ended)])
    going = np.flatnonzero(~ended)
    after = jax.tree.map(lambda leaf: flat(leaf)[going], after)
    heirs = np.repeat(owners, shape[1])[going]
    rows, inverse = distinct([heirs, *jax.tree.leaves(after)])
    following = np.full(size, ENDED, np.int32)
    following[going] = inverse
    layer = Layer(owners, following.reshape(shape), rewards, outcomes.reshape(shape))
    return layer, heirs[rows], jax.tree.map(lambda leaf: leaf[rows], after)


def _uses(function: Callable, key: jax.Array, *inputs: Any) -> bool:
    """Return whether anything that a function computes depends on its key."""
    jaxpr = jax.make_jaxpr(function)(key, *inputs).jaxpr
    return _reads(jaxpr, jaxpr.invars[0])


def _reads(jaxpr: Any, variable: Any) -> bool:
    if any(v is variable for v in jaxpr.outvars):
        return True
    for equation in jaxpr.eqns:
        inputs = [i for i, v in enumerate(equation.invars) if v is variable]
        if not inputs:
            continue
        inner = equation.params.get("jaxpr") if equation.primitive.name in ("jit", "pjit") else None
        if inner is None:
            return True
        if any(_reads(inner.jaxpr, inner.jaxpr.invars[i]) for i in inputs):
            return True
    return False


def _in_chunks(function: Callable, shared: tuple, inputs: tuple) -> Any:
    """Return a function of many rows, called with CHUNK of them at a time; NumPy comes back."""
    number = len(inputs[0])
    results = []
    for start in range(0, number, CHUNK):
        rows = np.minimum(np.arange(start, start + CHUNK), number - 1)
        chunk = jax.tree.map(lambda leaf, rows=rows: leaf[rows], inputs)
        results.append(function(*shared, *chunk))
    return jax.tree.map(lambda *x: np.concatenate(x)[:number], *results)
