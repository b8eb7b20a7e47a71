"""The rules of paddle, in games worked out by hand, with and without each bug."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl import references
from dreamrl.evaluation import evaluate
from dreamrl.families.paddle import BUG_NAMES, Bug, Move
from dreamrl.testing import replay
from dreamrl.trial import Choice
from dreamrl.types import Belief

PADDLE = dreamrl.make("paddle")
L, R, S = Move.LEFT, Move.RIGHT, Move.STAY


def program(*bugs):
    return sum(1 << bug for bug in bugs)


def game(actions, *bugs):
    """[n+1, 4]: the ball's column and row, the paddle's place, a point."""
    played = replay(PADDLE, program(*bugs), None, actions)
    assert not played.rewards.any()
    assert not played.observations[:, 4].any()
    return played.observations[:, :4].tolist()


FALL = [[4, 4, 2, 0], [4, 4, 3, 0], [4, 4, 4, 0], [4, 3, 4, 0], [4, 2, 4, 0], [4, 1, 4, 0]]
HIT = [*FALL, [4, 0, 4, 0]]
LEFT_HALF = [R, R, *[S] * 14]
"""Takes the left half of the paddle under the first ball, and leaves the second one."""


def test_a_program_that_works():
    flight = [[5, 1, 4, 0], [4, 2, 4, 0], [3, 3, 4, 0], [2, 4, 4, 1]]
    second = [[1, 4, 4, 0], [1, 3, 4, 0], [1, 2, 4, 0], [1, 1, 4, 0], [1, 0, 4, 0]]
    assert game(LEFT_HALF) == [*HIT, *flight, *second, [4, 4, 4, 0]]


def test_the_paddle_stops_at_the_walls():
    assert [seen[2] for seen in game([L, L, L, R, R, R, R, R])] == [2, 1, 0, 0, 1, 2, 3, 4, 4]


@pytest.mark.parametrize(
    ("bugs", "places"),
    [
        ((Bug.SWAPPED,), [2, 1, 1, 2, 3, 4, 4]),
        ((Bug.JUMPS,), [2, 4, 4, 2, 0, 0, 0]),
        ((Bug.SWAPPED, Bug.JUMPS), [2, 0, 0, 2, 4, 4, 4]),
    ],
)
def test_bugs_of_the_paddles_way(bugs, places):
    assert [seen[2] for seen in game([R, S, L, L, L, L], *bugs)] == places


def test_the_right_half_hits_unless_it_is_a_hole():
    assert game([R, *[S] * 6])[-2:] == [[4, 0, 3, 0], [5, 1, 3, 0]]
    assert game([R, *[S] * 6], Bug.HOLE)[-2:] == [[4, 0, 3, 0], [1, 4, 3, 0]]
    assert game(LEFT_HALF, Bug.HOLE) == game(LEFT_HALF)


def test_balls_that_come_back_on_the_other_side():
    flight = [[5, 1, 4, 0], [0, 2, 4, 0], [1, 3, 4, 0], [2, 4, 4, 1]]
    assert game(LEFT_HALF, Bug.WRAPS)[:11] == [*HIT, *flight]
    # The second ball, hit by the left half at column 1, flies to the left.
    second = [R, R, S, S, S, S, L, L, L, *[S] * 10]
    assert [seen[:2] for seen in game(second)[15:20]] == [[1, 0], [0, 1], [1, 2], [2, 3], [3, 4]]
    wrapped = game(second, Bug.WRAPS)[15:20]
    assert [seen[:2] for seen in wrapped] == [[1, 0], [0, 1], [5, 2], [4, 3], [3, 4]]


@pytest.mark.parametrize(
    ("bugs", "points"),
    [
        ((), [10]),
        ((Bug.HIT_SCORES,), [6, 10]),
        ((Bug.GOAL_SCORES_NOT,), []),
        ((Bug.HIT_SCORES, Bug.GOAL_SCORES_NOT), [6]),
    ],
)
def test_what_scores(bugs, points):
    seen = game(LEFT_HALF, *bugs)
    assert [step for step, entry in enumerate(seen) if entry[3]] == points
    assert [entry[:3] for entry in seen] == [entry[:3] for entry in game(LEFT_HALF)]


def test_a_fast_ball():
    places = [[4, 4], [4, 4], [4, 4], [4, 2], [4, 0], [4, 2], [2, 4], [1, 4], [1, 2], [1, 0]]
    fast = game(LEFT_HALF[:10], Bug.FAST, Bug.HIT_SCORES)
    assert [seen[:2] for seen in fast] == [*places, [4, 4]]
    assert [step for step, seen in enumerate(fast) if seen[3]] == [4, 6]
    assert game(LEFT_HALF, Bug.FAST, Bug.WRAPS)[5][:2] == [0, 2]


@pytest.mark.parametrize("bugs", [(), (Bug.FAST,)])
def test_no_new_ball_after_a_miss(bugs):
    missed = 4 if bugs else 6
    seen = game([S] * 9, *bugs, Bug.NO_NEW_BALL)
    assert seen[: missed + 1] == game([S] * 9, *bugs)[: missed + 1]
    assert seen[missed + 1 :] == [[0, 5, 2, 0]] * (9 - missed)
    # After a goal there is one.
    assert game(LEFT_HALF, Bug.NO_NEW_BALL)[:16] == game(LEFT_HALF)[:16]


def test_a_game_lasts_30_steps():
    played = replay(PADDLE, 0, None, [S] * 30)
    assert played.truncated.tolist() == [False] * 29 + [True]
    assert not played.terminated.any()


@pytest.mark.parametrize("number", [0, 0b10110100, 255])
def test_each_right_label_pays_an_eighth(number):
    bits = [number >> bug & 1 for bug in Bug]
    right = replay(PADDLE, number, 0, bits)
    np.testing.assert_allclose(right.rewards, 1 / 8)
    assert right.observations[:, 4].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 7]
    assert right.terminated.tolist() == [False] * 7 + [True]
    assert not right.truncated.any()
    # The game stands still.
    assert (right.observations[:, :4] == right.observations[0, :4]).all()
    wrong = [1 - bits[0], 2, *bits[2:]]
    np.testing.assert_allclose(replay(PADDLE, number, 0, wrong).rewards, [0, 0, *[1 / 8] * 6])


def test_any_four_bugs_are_held_out_in_all_their_combinations():
    assert (len(PADDLE.train_ids), len(PADDLE.test_ids)) == (192, 64)
    assert {*PADDLE.train_ids} | {*PADDLE.test_ids} == {*range(256)}
    assert 0 in PADDLE.train_ids
    bits = np.asarray(jax.vmap(PADDLE.problem)(jnp.array(PADDLE.test_ids)), int)
    for four in itertools.combinations(range(8), 4):
        codes = bits[:, four] @ (1, 2, 4, 8)
        assert np.bincount(codes, minlength=16).tolist() == [4] * 16


def test_problems_are_described_by_their_bugs():
    assert PADDLE.describe(jnp.array(0b10000001)).tolist() == [1, -1, -1, -1, -1, -1, -1, 1]
    assert len(BUG_NAMES) == len(Bug) == 8


class Reports(eqx.Module):
    """Stays, after two steps to the right, and then finds nothing wrong but the last."""

    def init_exploration(self):
        return jnp.array(0)

    def explore(self, carry, percept, key):
        return carry + 1, Choice(jnp.where(carry < 2, int(R), int(S)))

    def beliefs(self, exploration):
        return Belief(jnp.zeros((len(exploration.observations), 1)))

    def init_exploitation(self, belief, episode, key):
        return jnp.array(0)

    def exploit(self, carry, percept, goal, key):
        return carry + 1, Choice((carry == 7).astype(jnp.int32))


def test_evaluations_count_hits_and_whole_reports():
    for number, hits, labels in ((0, 2, 7 / 8), (1 << Bug.NO_NEW_BALL, 1, 1)):
        found = evaluate(PADDLE, Reports(), [number], trials=2)
        assert found.return_mean == pytest.approx(labels)
        assert found.statistics == {"hits": hits, "programs_right": labels == 1}


def test_what_can_be_reached():
    bugs = (Bug.HOLE, Bug.GOAL_SCORES_NOT, Bug.NO_NEW_BALL)
    some = [program(*chosen) for n in range(4) for chosen in itertools.combinations(bugs, n)]
    assert references.optimum(PADDLE, some) == pytest.approx(1)
    assert references.no_exploration(PADDLE, some) == pytest.approx((5 + 3 / 2) / 8)
    # The left half hits the first ball, the right half the second one, and the third is missed.
    assert references.shortest_informative(PADDLE, some) == 25
