"""A family as tables: all states that can be reached, and the best that can be done from each.

Exact, for families that are finite and leave nothing to chance. States are kept apart by the
step they are reached at, so that it does not matter whether a family counts its steps.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, no_type_check

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from dreamrl.errors import TooLarge, UserError
from dreamrl.families.family import Family, has_mask, horizon_of, mask_of
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
    """[rows, actions]; -inf where the action is not possible."""
    outcomes: np.ndarray
    """[rows, actions]: equal numbers where the same is seen: observation, reward, end and, if
    there is one, action mask."""

    @no_type_check
    def possible(
        self, row: int, actions: Int[np.ndarray, " actions"]
    ) -> Bool[np.ndarray, " actions"]:
        """Return which of some actions are possible in one row's state."""
        return np.isfinite(self.rewards[row, actions])


class Tables(NamedTuple):
    layers: list[Layer]
    """By number of steps; row i of the first is the start of problem i."""
    first: np.ndarray
    """[problems]: equal numbers where the first observations, and action masks, are equal."""

    # Called a million times: in tests, checks of its types would take longer than what it does.
    @no_type_check
    def split(
        self, step: int, rows: Int[np.ndarray, " rows"], action: int
    ) -> Iterator[tuple[Int[np.ndarray, " part"], Int[np.ndarray, " part"]]]:
        """Yield rows of one layer by what an action shows, each set with the rows that follow.

        All of a set end together, or none does.
        """
        layer = self.layers[step]
        children = layer.following[rows, action]
        for part in parts(layer.outcomes[rows, action]):
            yield rows[part], children[part]

    @no_type_check
    def after(
        self, step: int, rows: Int[np.ndarray, " rows"], action: int
    ) -> Iterator[Int[np.ndarray, " part"]]:
        """Yield the sets of rows that follow, where the episode goes on."""
        for _, children in self.split(step, rows, action):
            if children[0] != ENDED:
                yield children

    def best(self) -> list[Float[np.ndarray, "rows actions"]]:
        """Return for each layer [rows, actions]: the best return if the problem is known."""
        returns: list[np.ndarray] = []
        for layer in reversed(self.layers):
            best = layer.rewards
            if returns:
                values = returns[-1].max(1)
                best = best + np.where(layer.following == ENDED, 0.0, values[layer.following])
            returns.append(best)
        return returns[::-1]


class SharedTables(NamedTuple):
    """The outcomes in each problem of all states that any of the problems can lead to."""

    following: list[np.ndarray]
    """By number of steps, [problems, states, actions]: the state that follows, or ENDED."""
    rewards: list[np.ndarray]
    """By number of steps, [problems, states, actions]; -inf where an action is not possible."""
    start: np.ndarray
    """[problems]: the state of each problem's start."""

    def best(self) -> list[Float[np.ndarray, "problems states actions"]]:
        """Return by number of steps, [problems, states, actions]: the best return from there on."""
        returns: list[np.ndarray] = []
        for children, rewards in zip(self.following[::-1], self.rewards[::-1], strict=True):
            if returns:
                values = returns[-1].max(-1)[np.arange(len(rewards))[:, None, None], children]
                rewards = rewards + np.where(children == ENDED, 0.0, values)
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

        def mask(goal, position, state):
            return mask_of(family, pick(position), goal, state)

        self._mask = jax.jit(jax.vmap(mask, (None, 0, 0)))

    def tabulate(self, ids: Sequence[int], goal: Shaped[np.ndarray, "..."] | None) -> Tables:
        """Return everything that can happen in some of the problems under one goal."""
        key, owners = jax.random.key(0), np.arange(len(ids))
        positions = np.array([self.position[i] for i in ids])
        states, observations = self._starts(key, goal, positions)
        masks = self._possible(goal, positions, states)
        _, first = distinct([observations] if masks is None else [observations, masks])
        layers: list[Layer] = []
        while len(owners):
            last = len(layers) + 1 == horizon_of(self.family, exploring=goal is None)
            next_states, result = _in_chunks(self._step, (key, goal), (positions[owners], states))
            ends = _is_over(result, masks) | last
            going, heirs = _going(ends, owners, next_states)
            next_masks = self._possible(goal, positions[heirs], going)
            layer, owners, indices = _layer(result, masks, ends, owners, going, next_masks)
            states, masks = jax.tree.map(lambda x, rows=indices: x[rows], (going, next_masks))
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
            tiles = jax.tree.map(lambda leaf: np.concatenate([leaf] * len(ids)), states)
            inputs = np.repeat(positions, len(kinds)), tiles
            next_states, result = _in_chunks(self._step, (key, goal), inputs)
            masks = self._possible(goal, *inputs)
            ends = _is_over(result, masks)
            ends = ends.reshape(-1) | (len(tables.following) + 1 == self.family.horizon)
            states = jax.tree.map(
                lambda x, mask=~ends: x.reshape(-1, *x.shape[2:])[mask], next_states
            )
            kinds, inverse = distinct(jax.tree.leaves(states))
            children = np.full(ends.size, ENDED, np.int32)
            children[~ends] = inverse
            tables.following.append(children.reshape(shape))
            tables.rewards.append(_rewards(result, masks).reshape(shape))
        return tables

    def _possible(
        self, goal: np.ndarray | None, positions: np.ndarray, states: Any
    ) -> Bool[np.ndarray, "rows actions"] | None:
        """Return which actions are possible in these states; None where all always are."""
        if not has_mask(self.family, exploring=goal is None):
            return None
        if not len(positions):
            return np.ones((0, self._actions), bool)
        return _in_chunks(self._mask, (goal,), (positions, states))

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


def _is_over(result: Step, masks: np.ndarray | None) -> np.ndarray:
    """Return where an episode is over, or could not have come to."""
    ends = np.asarray(result.terminated | result.truncated)
    return ends if masks is None else ends | ~masks


def _rewards(result: Step, masks: np.ndarray | None) -> np.ndarray:
    rewards = np.asarray(result.reward, np.float64).round(DECIMALS)
    return rewards if masks is None else np.where(masks, rewards, -np.inf)


def _going(ends: np.ndarray, owners: np.ndarray, next_states: Any) -> tuple[Any, np.ndarray]:
    """Return the states that follow where the episode goes on, and whose they are."""
    going = ~ends.reshape(-1)
    states = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[going], next_states)
    return states, np.repeat(owners, ends.shape[1])[going]


def _layer(
    result: Step,
    mask: np.ndarray | None,
    ends: np.ndarray,
    owners: np.ndarray,
    going: Any,
    masks: np.ndarray | None,
) -> tuple:
    """Return one layer, the owners of the next one's rows, and which states of `going` they are."""
    shape, size = ends.shape, ends.size
    units = np.rint(_rewards(result, None) * 10**DECIMALS).astype(np.int64)
    flat = ends.reshape(-1)
    observations = result.observation.reshape(size, *result.observation.shape[2:])
    columns = [observations, units.reshape(-1), flat]
    if masks is not None:
        columns.append(np.ones((size, shape[1]), bool))
        columns[-1][~flat] = masks
    _, outcomes = distinct(columns)
    heirs = np.repeat(owners, shape[1])[~flat]
    rows, inverse = distinct([heirs, *jax.tree.leaves(going)])
    children = np.full(size, ENDED, np.int32)
    children[~flat] = inverse
    rewards = _rewards(result, mask)
    layer = Layer(owners, children.reshape(shape), rewards, outcomes.reshape(shape))
    return layer, heirs[rows], rows


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


def _in_chunks(function: Callable, constants: tuple, inputs: tuple) -> Any:
    """Return a function of many rows, called with CHUNK of them at a time; NumPy comes back."""
    number = len(inputs[0])
    results = []
    for start in range(0, number, CHUNK):
        rows = np.minimum(np.arange(start, start + CHUNK), number - 1)
        chunk = jax.tree.map(lambda leaf, rows=rows: leaf[rows], inputs)
        results.append(function(*constants, *chunk))
    return jax.tree.map(lambda *x: np.concatenate(x)[:number], *results)
