"""Paddle: a small game of paddle and ball whose program has bugs; play it, then report them.

The task is that of feedback for student programs (Liu et al., NeurIPS 2022); rules, bugs and code
are our own.
"""

import dataclasses
import enum
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Scalar

from dreamrl.families.one_goal import ONE_GOAL, all_goals, the_goal
from dreamrl.spaces import Discrete, MultiDiscrete
from dreamrl.types import Goal, Key, Step, Trajectory

COLUMNS, TOP = 6, 4
"""The ball is in column 0 to 5 and row 0 to 4: row 0 is the paddle's, row 4 the goal's."""
LOST = TOP + 1
"""The row that is shown where there is no ball; its column is shown as 0."""
PLACES, MIDDLE = COLUMNS - 1, 2
"""The paddle is two cells wide: place p covers columns p and p + 1."""
SERVES = (4, 1)
"""Columns that balls fall from, in turn."""
KICKOFF = 2
"""Steps before the first ball begins to fall."""
HORIZON = 30


class Bug(enum.IntEnum):
    """The bugs that a program may have, in the order that is asked for."""

    SWAPPED = 0
    JUMPS = 1
    HOLE = 2
    WRAPS = 3
    HIT_SCORES = 4
    GOAL_SCORES_NOT = 5
    FAST = 6
    NO_NEW_BALL = 7


BUG_NAMES = (
    "left and right are swapped",
    "the paddle moves two cells at a time",
    "the paddle's right half lets balls through",
    "the ball passes the side walls",
    "a hit scores a point",
    "a goal scores no point",
    "the ball is twice as fast",
    "no new ball after a miss",
)


class Move(enum.IntEnum):
    LEFT = 0
    RIGHT = 1
    STAY = 2


class Label(enum.IntEnum):
    """The meaning of actions in the report."""

    WORKS = 0
    BUG = 1
    NONE = 2


def _held_out(program: int) -> bool:
    """Return whether both of two sums over bits are odd.

    So is a quarter of all programs; any four bugs are there in all their combinations, each as
    often as any other, in this quarter as in the rest.
    """
    return bool((program & 0b00011111).bit_count() % 2 and (program & 0b11111000).bit_count() % 2)


PROGRAMS = 2 ** len(Bug)
TRAIN = tuple(i for i in range(PROGRAMS) if not _held_out(i))
TEST = tuple(i for i in range(PROGRAMS) if _held_out(i))


class Ball(NamedTuple):
    x: Int[Array, ""]
    y: Int[Array, ""]
    dx: Int[Array, ""]
    dy: Int[Array, ""]
    """1 up, -1 down."""


class Game(NamedTuple):
    ball: Ball
    paddle: Int[Array, ""]
    serves: Int[Array, ""]
    steps: Int[Array, ""]
    point: Int[Array, ""]
    """1 if the last step scored one, else 0."""


@dataclasses.dataclass(frozen=True)
class Paddle:
    """256 problems: which of eight bugs a program has, in any combination; 64 are held out.

    Exploration: the agent plays. A ball falls straight down; the paddle, moved left or right a
    cell a step, hits it if it covers the ball's column in row 0. The ball then flies up on a
    slant, to the nearer side first, bounces off the walls, and scores a point in row 4. What is
    not hit is lost, and a new ball falls. Nothing is paid. Exploitation: a report. Action 0 says
    that the bug that is asked for is not there, 1 that it is, 2 nothing; each right label pays 1/8.
    """

    name = "paddle"
    train_ids = TRAIN
    test_ids = TEST
    horizon = HORIZON
    end_action = None
    action_space = Discrete(len(Move))
    action_names = ("left", "right", "stay")
    exploitation_names = ("works", "bug", "no label")
    goal_space = ONE_GOAL
    goals = staticmethod(all_goals)
    sample_goal = staticmethod(the_goal)
    observation_space = MultiDiscrete((COLUMNS, TOP + 2, PLACES, 2, len(Bug)))
    """The ball's column and row, the paddle's place, whether a point was scored in this step; and
    the bug that is asked for, in exploitation, where nothing moves."""

    def problem(self, problem_id: Int[Scalar, ""]) -> Bool[Array, "8"]:
        """Return which bugs there are: the bits of the ID."""
        return (jnp.asarray(problem_id) >> jnp.arange(len(Bug))) % 2 == 1

    def describe(self, problem_id: Int[Scalar, ""]) -> Float[Array, "8"]:
        """Return the bugs, as -1 and 1."""
        return jnp.where(self.problem(problem_id), 1.0, -1.0)

    def reset(self, key: Key, problem: Bool[Array, "8"]) -> tuple[Game, Int[Array, "5"]]:
        zero = jnp.array(0)
        game = Game(_serve(zero), jnp.array(MIDDLE), zero, zero, zero)
        return game, self.observe(problem, game)

    def step(
        self,
        key: Key,
        problem: Bool[Array, "8"],
        goal: Goal,
        state: Game,
        action: Int[Array, ""],
    ) -> tuple[Game, Step]:
        if goal is None:
            game = _played(problem, state, action)
            is_over = game.steps >= HORIZON
            step = Step(self.observe(problem, game), jnp.array(0.0), jnp.array(False), is_over)
            return game, step
        bug = jnp.minimum(state.steps, len(Bug) - 1)
        right = action == jnp.where(problem[bug], int(Label.BUG), int(Label.WORKS))
        game = state._replace(steps=state.steps + 1)
        observation = self.observe(problem, game).at[-1].set(jnp.minimum(game.steps, len(Bug) - 1))
        is_over = game.steps >= len(Bug)
        return game, Step(observation, right / len(Bug), is_over, jnp.array(False))

    def observe(self, problem: Bool[Array, "8"], state: Game) -> Int[Array, "5"]:
        ball, bug = state.ball, jnp.array(0)
        return jnp.stack([ball.x, ball.y, state.paddle, state.point, bug]).astype(jnp.int32)

    def statistics(
        self, problem: Bool[Array, "8"], exploration: Trajectory
    ) -> dict[str, Float[Array, ""]]:
        """Return how many balls were hit."""
        row, mask = exploration.observations[:, 1], exploration.mask
        hits = (row[:-1] == 0) & (row[1:] > 0) & (row[1:] < TOP) & mask
        return {"hits": hits.sum().astype(jnp.float32)}

    def exploitation_statistics(
        self, problem: Bool[Array, "8"], exploitation: Trajectory
    ) -> dict[str, Float[Array, ""]]:
        """Return whether the whole report is right."""
        right = (exploitation.rewards > 0) & exploitation.mask
        return {"programs_right": (right.sum() == len(Bug)).astype(jnp.float32)}


def _serve(serves: Int[Array, ""]) -> Ball:
    """Return a new ball, about to fall."""
    x = jnp.asarray(SERVES)[serves % len(SERVES)]
    return Ball(x, jnp.array(TOP), jnp.array(0), jnp.array(-1))


def _played(bugs: Bool[Array, "8"], game: Game, action: Int[Array, ""]) -> Game:
    """Return the game a step later: the paddle moves first, then the ball."""
    way = (action == Move.RIGHT).astype(jnp.int32) - (action == Move.LEFT)
    way = jnp.where(bugs[Bug.SWAPPED], -way, way) * jnp.where(bugs[Bug.JUMPS], 2, 1)
    paddle = jnp.clip(game.paddle + way, 0, PLACES - 1)
    game = game._replace(paddle=paddle, steps=game.steps + 1, point=jnp.array(0))
    first = _move_ball(bugs, game)
    # A fast ball stops where it is lost or has scored: rows are even, so only after a whole step.
    second = _move_ball(bugs, first)
    is_new_ball = first.serves != game.serves
    fast = bugs[Bug.FAST] & ~is_new_ball & (first.ball.y < LOST)
    result = _choose(fast, second._replace(point=first.point | second.point), first)
    return _choose(game.steps > KICKOFF, result, game)


def _move_ball(bugs: Bool[Array, "8"], game: Game) -> Game:
    """Return the game after the ball has moved by one cell."""
    ball = game.ball
    is_lost = (ball.y == 0) & (ball.dy < 0)
    next_serve = game._replace(ball=_serve(game.serves + 1), serves=game.serves + 1)
    no_ball = game._replace(ball=Ball(*map(jnp.array, (0, LOST, 0, 0))))
    after_miss = _choose(bugs[Bug.NO_NEW_BALL], no_ball, next_serve)

    x, dx = ball.x + ball.dx, ball.dx
    is_outside = (x < 0) | (x >= COLUMNS)
    dx = jnp.where(is_outside & ~bugs[Bug.WRAPS], -dx, dx)
    x = jnp.where(is_outside, jnp.where(bugs[Bug.WRAPS], x % COLUMNS, ball.x - ball.dx), x)
    y = ball.y + ball.dy
    solid = (x == game.paddle) | ((x == game.paddle + 1) & ~bugs[Bug.HOLE])
    hit = (y == 0) & solid
    dx = jnp.where(hit, jnp.where(x < COLUMNS // 2, -1, 1), dx)
    goal = (y == TOP) & (ball.dy > 0)
    point = (hit & bugs[Bug.HIT_SCORES]) | (goal & ~bugs[Bug.GOAL_SCORES_NOT])
    flight = game._replace(
        ball=Ball(x, y, dx, jnp.where(hit, 1, ball.dy)), point=point.astype(jnp.int32)
    )
    is_scored = (ball.y == TOP) & (ball.dy > 0)
    result = _choose(is_lost, after_miss, _choose(is_scored, next_serve, flight))
    return _choose(ball.y == LOST, game, result)


def _choose(condition: Bool[Array, ""], first: Game, second: Game) -> Game:
    """Return one of two games."""
    pick = lambda a, b: jnp.where(condition, a, b)  # noqa: E731
    return Game(Ball(*map(pick, first.ball, second.ball)), *map(pick, first[1:], second[1:]))
