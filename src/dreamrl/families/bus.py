"""Bus lines whose ends must be found out: bus, distracting-bus and map.

Liu et al. 2021, section 6: stops near the start are joined to far destinations, and the
problem says which to which. Riding the right line makes an eight-step walk a three-step trip.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Scalar

from dreamrl.errors import UserError
from dreamrl.families.family import Facts, Symmetry
from dreamrl.families.grid import (
    ACTION_NAMES,
    HORIZON,
    STEP_COST,
    Drawing,
    GridAction,
    GridState,
    Line,
    Mark,
    Underfoot,
    end_cost,
    move,
    standing_on,
)
from dreamrl.families.splits import drawn, others
from dreamrl.spaces import Discrete, MultiDiscrete
from dreamrl.types import Goal, Key, Step, Trajectory

SIZE = 9
START = (4, 4)
MAP = (7, 3)
CORNERS = np.array([(0, 0), (8, 8), (0, 8), (8, 0)])
DESTINATIONS = np.array([(0, 1), (0, 7), (8, 1), (8, 7)])
OTHER_DESTINATIONS = np.array([(0, 4), (4, 0), (8, 4), (4, 8)])
LINE_COLORS = ("tab:blue", "tab:orange", "tab:green", "tab:red")
PROBLEMS = 576
"""With gray lines."""
PERMUTATIONS = np.array(list(itertools.permutations(range(4))))


class _Stops(NamedTuple):
    """Four stops around the start."""

    stops: np.ndarray
    names: tuple[str, ...]
    """Their places, as seen from the start."""


NEXT = _Stops(
    np.array([(4, 5), (5, 4), (3, 4), (4, 3)]),
    ("above", "right", "left", "below"),
)
AT_CORNERS = _Stops(
    np.array([(5, 5), (3, 3), (3, 5), (5, 3)]),
    ("above right", "below left", "above left", "below right"),
)


class BusProblem(NamedTuple):
    partners: Int[Array, "stations 2"]
    """The end of a ride from each station."""
    problem_id: Int[Array, ""]
    """The number on the map, where there is one."""


@dataclasses.dataclass(frozen=True)
class Bus:
    """24 problems: which of four stops leads to which of four destinations.

    `distractors` adds four gray lines that lead nowhere useful (576 problems, 53 of them for
    training); `has_map` adds a place that tells the problem.

    Args:
        training: With distractors, how many problems are for training, drawn at random; 0: every
            eleventh.
        exploration: Steps of an exploration; 0: as many as of an exploitation.
        near: With distractors, whose stops are next to the start: `useful` lines', or `gray` ones',
            and then the useful ones are a step further, at its corners.
    """

    name: str
    distractors: bool = False
    has_map: bool = False
    training: int = 0
    exploration: int = 0
    near: str = "useful"

    def __post_init__(self) -> None:
        """Raise UserError for numbers that make no sense."""
        if not self.distractors and (self.training or self.near != "useful"):
            field = "training" if self.training else "near"
            raise UserError(f"{self.name}: {field} is a field of distracting-bus only")
        if self.near not in ("useful", "gray"):
            raise UserError(f"{self.name}: near must be useful or gray, is {self.near!r}")
        if not 0 <= self.training <= PROBLEMS:
            bounds = f"from 0 to {PROBLEMS}"
            raise UserError(f"{self.name}: training must be {bounds}, is {self.training}")
        if self.exploration < 0:
            raise UserError(f"{self.name}: exploration must be 0 or more, is {self.exploration}")

    horizon = HORIZON
    end_action = int(GridAction.END)
    action_space = Discrete(len(GridAction))
    action_names = ACTION_NAMES
    goal_space = MultiDiscrete((SIZE, SIZE))

    @property
    def exploration_horizon(self) -> int:
        return self.exploration or HORIZON

    @functools.cached_property
    def train_ids(self) -> tuple[int, ...]:
        if not self.distractors:
            return tuple(range(24))
        if not self.training:
            return tuple(range(0, PROBLEMS, 11))
        return drawn(PROBLEMS, self.training)

    @property
    def test_ids(self) -> tuple[int, ...]:
        if not self.distractors:
            return self.train_ids
        return others(PROBLEMS, self.train_ids) or self.train_ids

    @property
    def observation_space(self) -> MultiDiscrete:
        maps = (len(self.train_ids) + 1,) if self.has_map else ()
        return MultiDiscrete((SIZE, SIZE, len(Underfoot), *maps))

    @functools.cached_property
    def _stations(self) -> np.ndarray:
        extra = [self._gray.stops, OTHER_DESTINATIONS] if self.distractors else []
        return np.concatenate([self._useful.stops, DESTINATIONS, *extra])

    @property
    def _useful(self) -> "_Stops":
        return NEXT if self.near == "useful" else AT_CORNERS

    @property
    def _gray(self) -> "_Stops":
        return AT_CORNERS if self.near == "useful" else NEXT

    @functools.cached_property
    def _lines(self) -> np.ndarray:
        """[24, 8, 2]: partners of four stops and their destinations, for each permutation."""
        return _partners(self._useful.stops, DESTINATIONS)

    @functools.cached_property
    def _other_lines(self) -> np.ndarray:
        return _partners(self._gray.stops, OTHER_DESTINATIONS)

    def problem(self, problem_id: Int[Scalar, ""]) -> BusProblem:
        problem_id = jnp.asarray(problem_id)
        partners = jnp.asarray(self._lines)[problem_id % 24]
        if self.distractors:
            extra = jnp.asarray(self._other_lines)[problem_id // 24]
            partners = jnp.concatenate([partners, extra])
        return BusProblem(partners, problem_id)

    def goals(self, problem: BusProblem) -> tuple[Int[Array, "goals 2"], Float[Array, " goals"]]:
        """Return all goals that `sample_goal` may draw, and how likely they are."""
        return jnp.asarray(CORNERS), jnp.full(len(CORNERS), 1 / len(CORNERS))

    def sample_goal(self, key: Key, problem: BusProblem) -> Int[Array, "2"]:
        goals, probabilities = self.goals(problem)
        return jax.random.choice(key, goals, p=probabilities)

    def symmetries(self) -> list[Symmetry]:
        """Return mirror images, left for right and up for down; a map has its place and numbers."""
        if self.has_map:
            return []
        return [self._mirrored(axes) for axes in ([], [0], [1], [0, 1])]

    def _mirrored(self, axes: list[int]) -> Symmetry:
        def mirror(places: np.ndarray) -> np.ndarray:
            places = np.array(places)
            places[..., axes] = SIZE - 1 - places[..., axes]
            return places

        problems = _mirror_permutations(mirror, self._useful.stops, DESTINATIONS)
        if self.distractors:
            extra = _mirror_permutations(mirror, self._gray.stops, OTHER_DESTINATIONS)
            problems = (24 * extra[:, None] + problems).reshape(-1)
        return Symmetry(problems, mirror, keeps_actions=not axes)

    def reset(self, key: Key, problem: BusProblem) -> tuple[GridState, Int[Array, " entries"]]:
        state = GridState(jnp.array(START), jnp.array(0))
        return state, self.observe(problem, state)

    def step(
        self, key: Key, problem: BusProblem, goal: Goal, state: GridState, action: Int[Array, ""]
    ) -> tuple[GridState, Step]:
        stations = standing_on(state.position, self._stations)
        partner = (stations[:, None] * problem.partners).sum(0)
        rides = (action == GridAction.RIDE) & stations.any()
        position = jnp.where(rides, partner, move(state.position, action, SIZE))
        steps = state.steps + 1
        at_goal = jnp.array(False) if goal is None else (position == goal).all()
        last = self.horizon if goal is not None else self.exploration_horizon
        reward = jnp.where(at_goal, 1.0, STEP_COST) + end_cost(action, steps, last)
        terminated = at_goal | (action == GridAction.END)
        truncated = (steps >= last) & ~terminated
        state = GridState(position, steps)
        return state, Step(self.observe(problem, state), reward, terminated, truncated)

    def observe(self, problem: BusProblem, state: GridState) -> Int[Array, " entries"]:
        status = standing_on(state.position, self._stations).any() * int(Underfoot.BUS_STOP)
        entries = [state.position, status[None]]
        if self.has_map:
            on_map = (state.position == jnp.array(MAP)).all()
            entries.append((on_map * (problem.problem_id + 1))[None])
        return jnp.concatenate(entries).astype(jnp.int32)

    def statistics(
        self, problem: BusProblem, exploration: Trajectory
    ) -> dict[str, Float[Array, ""]]:
        """Return `gray_line_ridden`: 1 if the exploration rode a line that leads nowhere useful."""
        if not self.distractors:
            return {}
        gray = np.concatenate([self._gray.stops, OTHER_DESTINATIONS])
        on_gray = jax.vmap(lambda observation: standing_on(observation[:2], gray).any())
        rides = (exploration.actions == GridAction.RIDE) & exploration.mask
        rides_gray = (rides & on_gray(exploration.observations[:-1])).any()
        return {"gray_line_ridden": rides_gray.astype(jnp.float32)}

    def facts(self, problem: BusProblem) -> Facts:
        """Return where each line leads, by its stop near the start; gray ones are irrelevant."""
        ends = SIZE * problem.partners[:, 0] + problem.partners[:, 1]
        pairs = zip(self._useful.names, ends[:4], strict=True)
        lines = {f"line {side}": end for side, end in pairs}
        if not self.distractors:
            return Facts(lines, {})
        gray = zip(self._gray.names, ends[8:12], strict=True)
        return Facts(lines, {f"gray line {side}": end for side, end in gray})

    def drawing(self, problem: BusProblem) -> Drawing:
        """Return corners, the map if there is one, and the lines: a color a stop, or gray."""
        ends = np.asarray(problem.partners)
        marks = [Mark((int(x), int(y)), "", "lightgray") for x, y in CORNERS]
        if self.has_map:
            marks.append(Mark(MAP, "map", "khaki"))
        stops = [*zip(self._useful.stops, LINE_COLORS, range(4), strict=True)]
        if self.distractors:
            stops += [(stop, "tab:gray", 8 + i) for i, stop in enumerate(self._gray.stops)]
        lines = [
            Line((int(stop[0]), int(stop[1])), (int(ends[i][0]), int(ends[i][1])), color)
            for stop, color, i in stops
        ]
        return Drawing(SIZE, tuple(marks), tuple(lines))


def _partners(stops: np.ndarray, destinations: np.ndarray) -> np.ndarray:
    rows = []
    for permutation in PERMUTATIONS:
        inverse = np.argsort(permutation)
        rows.append(np.concatenate([destinations[permutation], stops[inverse]]))
    return np.stack(rows)


def _mirror_permutations(
    mirror: Callable[[np.ndarray], np.ndarray], stops: np.ndarray, destinations: np.ndarray
) -> np.ndarray:
    """Return [24]: the permutation that each permutation becomes when all places are mirrored."""

    def images(places: np.ndarray) -> np.ndarray:
        return (mirror(places)[:, None] == places).all(-1).argmax(-1)

    # A line from stop i to destination p[i] becomes one between their images.
    permutations = images(destinations)[PERMUTATIONS[:, np.argsort(images(stops))]]
    return (permutations[:, None] == PERMUTATIONS).all(-1).argmax(-1)
