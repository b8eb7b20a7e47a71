"""Cooking: which ingredient each drawer holds must be found out.

Liu et al. 2021, section 6: a recipe names two ingredients to fetch from the drawers and to put
into the bowl, in order. Looking into the wrong drawer during the exploitation costs.
"""

import dataclasses
import functools
import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Scalar

from dreamrl.errors import UserError
from dreamrl.families.family import Facts, Symmetry
from dreamrl.families.grid import (
    ACTION_NAMES,
    HORIZON,
    STEP_COST,
    Drawing,
    GridAction,
    Mark,
    Underfoot,
    end_cost,
    move,
    standing_on,
)
from dreamrl.families.splits import others
from dreamrl.spaces import Discrete, MultiDiscrete
from dreamrl.types import Goal, Key, Step, Trajectory

SIZE = 3
START = (1, 1)
BOWL = np.array([(1, 1)])
DRAWERS = np.array([(2, 0), (2, 1), (2, 2)])
WALL = np.array([(0, 1)])
"""Where the wall's colour is seen: a step from the start, away from the drawers."""
INGREDIENTS = 4
PLACES = 3
INGREDIENT_COLORS = ("lightsalmon", "palegreen", "lightskyblue", "plum")
EMPTY = INGREDIENTS
"""The entry of an empty hand and of an empty place in the bowl."""

PROGRESS = 0.25
"""Reward of each of the four parts of a recipe; the same is paid for a mistake."""
DONE = 4
PROBLEMS = INGREDIENTS ** len(DRAWERS)
"""Without wall colours."""
UNSEEN = 10
MOST = 1000
"""Colours of a wall, and steps of an exploration."""


class CookingProblem(NamedTuple):
    drawers: Int[Array, "3"]
    """The ingredient that each drawer holds."""
    colour: Int[Array, ""]
    """The wall's: nothing depends on it."""


class CookingState(NamedTuple):
    position: Int[Array, "2"]
    hand: Int[Array, ""]
    bowl: Int[Array, "3"]
    progress: Int[Array, ""]
    """Parts of the recipe done: first in hand, first in bowl, second in hand, second in bowl."""
    steps: Int[Array, ""]


@dataclasses.dataclass(frozen=True)
class Cooking:
    """64 problems: which of four ingredients is in each of three drawers.

    With wall colours there are so many times more, which differ in what does not matter as well.

    Args:
        unseen: How many problems are held out: the paper's one, and others drawn at random.
        colours: How many colours the wall may have, which is a step from the start; 0: no wall.
        exploration: Steps of an exploration; 0: as many as of an exploitation.
    """

    name: str = "cooking"
    unseen: int = 1
    colours: int = 0
    exploration: int = 0

    def __post_init__(self) -> None:
        """Raise UserError for numbers that make no sense, and where so many cannot be held out."""
        for field in ("colours", "exploration"):
            if not 0 <= (value := getattr(self, field)) <= MOST:
                raise UserError(f"{self.name}: {field} must be from 0 to {MOST}, is {value}")
        if not 1 <= self.unseen < self.problems:
            bounds = f"from 1 to {self.problems - 1}"
            raise UserError(f"{self.name}: unseen must be {bounds}, is {self.unseen}")

    horizon = HORIZON
    end_action = int(GridAction.END)
    action_space = Discrete(len(GridAction))
    action_names = ACTION_NAMES
    goal_space = MultiDiscrete((INGREDIENTS, INGREDIENTS))

    @property
    def problems(self) -> int:
        return PROBLEMS * max(self.colours, 1)

    @property
    def exploration_horizon(self) -> int:
        return self.exploration or HORIZON

    @property
    def observation_space(self) -> MultiDiscrete:
        """Where one is, what is there, in the hand and in the bowl; the wall's colour from 1 up."""
        wall = (self.colours + 1,) if self.colours else ()
        return MultiDiscrete((SIZE, SIZE, len(Underfoot), *[INGREDIENTS + 1] * 4, *wall))

    @functools.cached_property
    def test_ids(self) -> tuple[int, ...]:
        order = np.random.default_rng(0).permutation(self.problems)
        extra = order[order != UNSEEN][: self.unseen - 1]
        return tuple(sorted([UNSEEN, *extra.tolist()]))

    @functools.cached_property
    def train_ids(self) -> tuple[int, ...]:
        return others(self.problems, self.test_ids)

    def problem(self, problem_id: Int[Scalar, ""]) -> CookingProblem:
        powers = INGREDIENTS ** jnp.arange(len(DRAWERS))
        problem_id = jnp.asarray(problem_id)
        return CookingProblem(problem_id // powers % INGREDIENTS, problem_id // PROBLEMS)

    def goals(
        self, problem: CookingProblem
    ) -> tuple[Int[Array, "goals 2"], Float[Array, " goals"]]:
        """Return every two drawers, the same one twice included, and how likely they are."""
        pairs = np.array(list(itertools.product(range(len(DRAWERS)), repeat=2)))
        return problem.drawers[pairs], jnp.full(len(pairs), 1 / len(pairs))

    def sample_goal(self, key: Key, problem: CookingProblem) -> Int[Array, "2"]:
        goals, probabilities = self.goals(problem)
        return jax.random.choice(key, goals, p=probabilities)

    def statistics(
        self, problem: CookingProblem, exploration: Trajectory
    ) -> dict[str, Float[Array, ""]]:
        """Return `wall_seen`: 1 if the exploration has looked at the wall, where there is one."""
        if not self.colours:
            return {}
        return {"wall_seen": (exploration.observations[:, -1] > 0).any().astype(jnp.float32)}

    def facts(self, problem: CookingProblem) -> Facts:
        """Return what is in each drawer; the wall's colour is irrelevant."""
        names = (f"drawer {number + 1}" for number in range(len(DRAWERS)))
        wall = {"wall": problem.colour} if self.colours else {}
        return Facts(dict(zip(names, problem.drawers, strict=True)), wall)

    def symmetries(self) -> list[Symmetry]:
        """Return those of the ingredients, which are but names."""
        powers = INGREDIENTS ** np.arange(len(DRAWERS))
        ids = np.arange(self.problems)
        contents, walls = ids[:, None] // powers % INGREDIENTS, ids // PROBLEMS * PROBLEMS
        renamings = map(np.array, itertools.permutations(range(INGREDIENTS)))
        return [
            Symmetry(walls + renaming[contents] @ powers, renaming.take) for renaming in renamings
        ]

    def reset(
        self, key: Key, problem: CookingProblem
    ) -> tuple[CookingState, Int[Array, " entries"]]:
        bowl = jnp.full(PLACES, EMPTY)
        state = CookingState(jnp.array(START), jnp.array(EMPTY), bowl, jnp.array(0), jnp.array(0))
        return state, self.observe(problem, state)

    def step(
        self,
        key: Key,
        problem: CookingProblem,
        goal: Goal,
        state: CookingState,
        action: Int[Array, ""],
    ) -> tuple[CookingState, Step]:
        picks, drops = action == GridAction.PICK_UP, action == GridAction.DROP
        drawer = standing_on(state.position, DRAWERS)
        on_bowl = standing_on(state.position, BOWL).any()
        hand = jnp.where(drops | (picks & on_bowl), EMPTY, state.hand)
        hand = jnp.where(picks & drawer.any(), (drawer * problem.drawers).sum(), hand)
        empty = state.bowl == EMPTY
        first_empty = empty & (jnp.cumsum(empty) == 1)
        bowl = jnp.where(drops & on_bowl & first_empty, state.hand, state.bowl)
        position = move(state.position, action, SIZE)
        steps = state.steps + 1

        progress, reward = state.progress, jnp.array(STEP_COST)
        if goal is not None:
            progress, reward = _follow_recipe(goal, progress, hand, bowl, picks)
        terminated = (progress == DONE) | (action == GridAction.END)
        last = self.horizon if goal is not None else self.exploration_horizon
        truncated = (steps >= last) & ~terminated
        state = CookingState(position, hand, bowl, progress, steps)
        reward = reward + end_cost(action, steps, last)
        return state, Step(self.observe(problem, state), reward, terminated, truncated)

    def observe(self, problem: CookingProblem, state: CookingState) -> Int[Array, " entries"]:
        status = standing_on(state.position, BOWL).any() * int(Underfoot.BOWL) + standing_on(
            state.position, DRAWERS
        ).any() * int(Underfoot.DRAWER)
        entries = [state.position, status[None], state.hand[None], state.bowl]
        if self.colours:
            entries.append(standing_on(state.position, WALL) * (1 + problem.colour))
        return jnp.concatenate(entries).astype(jnp.int32)

    def drawing(self, problem: CookingProblem) -> Drawing:
        """Return the bowl, and what each drawer holds."""
        drawers = zip(DRAWERS, np.asarray(problem.drawers), strict=True)
        marks = [
            Mark((int(x), int(y)), str(ingredient), INGREDIENT_COLORS[ingredient])
            for (x, y), ingredient in drawers
        ]
        return Drawing(SIZE, (Mark(START, "bowl", "lightgray"), *marks))


@dataclasses.dataclass(frozen=True)
class DescribedCooking(Cooking):
    """Kitchens that are described in training: what each drawer holds, and the wall's colour."""

    name: str = "described-cooking"

    def describe(self, problem_id: Int[Scalar, ""]) -> Float[Array, " features"]:
        """Return each drawer's ingredient, and the colour, as one-hot vectors."""
        problem = self.problem(problem_id)
        drawers = jax.nn.one_hot(problem.drawers, INGREDIENTS).reshape(-1)
        return jnp.concatenate([drawers, jax.nn.one_hot(problem.colour, self.colours)])


def _follow_recipe(
    goal: Int[Array, "2"],
    progress: Int[Array, ""],
    hand: Int[Array, ""],
    bowl: Int[Array, "3"],
    picks: Bool[Array, ""],
) -> tuple[Int[Array, ""], Float[Array, ""]]:
    """Return the recipe's progress after a step, and its reward."""
    in_hand = hand == jnp.where(progress < 2, goal[0], goal[1])
    first_in = bowl[0] == goal[0]
    in_bowl = first_in & ((progress < 2) | (bowl[1] == goal[1]))
    fetching = progress % 2 == 0
    advances = jnp.where(fetching, in_hand, in_bowl)
    setback = ~fetching & ~advances & ~in_hand
    mistake = setback | (fetching & picks)
    reward = jnp.where(advances, PROGRESS, STEP_COST - PROGRESS * mistake)
    return progress + advances - setback, reward
