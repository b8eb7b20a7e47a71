"""The family `sign`: episodes recorded from Miniworld, and the rules they do not show."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.errors import UserError
from dreamrl.families.sign import NOISE, SignState
from dreamrl.families.sign.view import render
from dreamrl.families.sign.world import OBJECTS, START, TOUCH, Pose, blocked, move, start
from dreamrl.testing import replay

PLAIN = jnp.array([[1.0] * 3, [0.0] * 3]), jnp.uint32(0)
"""Light and grain without jitter."""
GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "sign.json").read_text())


@pytest.fixture(scope="module")
def family():
    # Small pictures: what is seen is tested elsewhere.
    return dreamrl.make("sign", height=8, width=8)


def state(x, z, heading=0.0):
    pose = Pose(jnp.array([x, z], jnp.float32), jnp.float32(heading))
    return SignState(pose, jnp.zeros(6), *PLAIN, jnp.array(0))


def test_recorded_episodes(family):
    ended = set()
    for episode in GOLDEN:
        played = replay(
            family,
            episode["color_index"],
            episode["goal"],
            episode["actions"],
            state(*episode["start"]),
        )
        pose = played.states.pose
        poses = np.column_stack([pose.position, pose.heading])[1:]
        np.testing.assert_allclose(poses, episode["poses"], atol=1e-4)
        assert played.rewards.tolist() == episode["rewards"]
        assert played.terminated.tolist() == episode["terminated"]
        assert played.truncated.tolist() == episode["truncated"]
        ended.add((episode["rewards"][-1], episode["terminated"][-1]))
    assert ended == {(1.0, True), (-1.0, True), (0.0, True), (0.0, False)}


def test_starts_are_spread_as_the_recorded_ones():
    poses = jax.vmap(start)(jax.random.split(jax.random.key(0), 500))
    recorded = np.array([episode["start"] for episode in GOLDEN])
    for places in (np.asarray(poses.position), recorded[:, :2]):
        assert (places >= START[0]).all()
        assert (places <= START[1]).all()
    np.testing.assert_allclose(poses.position.min(0), START[0], atol=0.05)
    np.testing.assert_allclose(poses.position.max(0), START[1], atol=0.05)
    assert np.ptp(poses.heading) > 6


@pytest.mark.parametrize("thing", range(6))
def test_only_the_right_thing_pays(family, thing):
    """From just out of touch, one stride straight at an object."""
    (x, z), reach = OBJECTS[thing], float(TOUCH[thing])
    before = state(x + reach + 0.1, z, np.pi) if x < 9 else state(x - reach - 0.1, z)
    for color in range(3):
        for goal in (0, 1, None):
            played = replay(family, color, goal, [2], before)
            right = 0.0 if goal is None else 1.0 if thing == 3 * goal + color else -1.0
            assert played.rewards.tolist() == [right]
            assert played.terminated.all()
            assert not played.truncated.any()
    assert not replay(family, 0, None, [0], before).terminated.any()


@pytest.mark.parametrize(
    ("x", "z", "stands"),
    [
        (0.41, 3.0, True),
        (0.39, 3.0, False),
        (9.61, 3.0, False),
        (5.0, 12.61, False),
        (3.0, 6.6, True),
        (8.0, 6.05, True),
        (8.0, 6.15, False),
        (8.0, 7.2, True),
        (5.65, 6.6, False),
        (5.59, 6.6, True),
        (5.75, 6.17, True),
        (5.75, 6.21, False),
    ],
)
def test_walls_keep_a_radius_away(x, z, stands):
    assert bool(blocked(jnp.array([x, z]))) is not stands


def test_a_stride_that_a_wall_stops_does_not_happen_at_all():
    pose = state(8.0, 5.5, -np.pi / 2).pose
    assert (move(pose, jnp.array(2)).position == pose.position).all()
    assert not (move(pose, jnp.array(3)).position == pose.position).all()


def test_twenty_steps_and_no_more(family):
    played = replay(family, 0, 0, [0] * 20, state(4.5, 5.0))
    assert played.truncated.tolist() == [False] * 19 + [True]
    assert not played.terminated.any()
    ended = replay(family, 0, 0, [0] * 19 + [3], state(4.5, 5.0))
    assert ended.terminated[-1]
    assert not ended.truncated[-1]


def test_objects_turn_anew_in_each_episode(family):
    problem = family.problem(jnp.array(0))
    states, _ = jax.vmap(family.reset, (0, None))(jax.random.split(jax.random.key(0), 50), problem)
    assert np.ptp(states.turns, 0).min() > 5


def test_with_jitter_signs_are_written_in_many_hands():
    """Facing the sign, in one light and without noise, three episodes show three pictures."""
    jittered = dreamrl.make("sign", height=30, width=40, jitter=1e-6)
    seen = [state(7, 10.25)._replace(grain=jnp.uint32(grain)) for grain in (0, 1, 2)]
    shown = [jittered.observe(jittered.problem(jnp.array(0)), s) for s in seen]
    for i in range(3):
        assert (jnp.abs(shown[i].astype(int) - shown[i - 1]) > 30).any()


def test_jitter_changes_colours_and_nothing_else(family):
    jittered = dreamrl.make("sign", height=8, width=8, jitter=0.3)
    problem, key = family.problem(jnp.array(1)), jax.random.key(4)
    state, picture = family.reset(key, problem)
    jittered_state, other = jittered.reset(key, problem)
    np.testing.assert_array_equal(state.pose.position, jittered_state.pose.position)
    np.testing.assert_array_equal(state.turns, jittered_state.turns)
    contrast, brightness = np.asarray(jittered_state.light)
    assert (np.abs(contrast - 1) <= 0.3).all()
    assert len(np.unique([*contrast, *brightness])) == 6
    expected = np.clip(picture * contrast + 255 * brightness, 0, 255)
    noise = np.asarray(other, float) - expected
    assert np.abs(noise).max() <= 255 * NOISE * 0.3 + 1
    assert np.abs(noise).mean() > 0.3 * 255 * NOISE * 0.3
    assert np.abs(np.asarray(other, float) - picture).max() > 10
    drawn, goal = jittered_state[2:4], jnp.array(0)
    for action in jnp.array([0, 2, 2]):
        state, step = family.step(key, problem, goal, state, action)
        jittered_state, other = jittered.step(key, problem, goal, jittered_state, action)
        np.testing.assert_array_equal(state.pose.position, jittered_state.pose.position)
        assert (step.reward, step.terminated) == (other.reward, other.terminated)
    shown = other.observation
    np.testing.assert_array_equal(shown, jittered.observe(problem, jittered_state))
    jax.tree.map(np.testing.assert_array_equal, jittered_state[2:4], drawn)
    # Noise is drawn anew in each step, even where nothing moves.
    later = jittered_state._replace(steps=jittered_state.steps + 1)
    assert (jittered.observe(problem, later) != shown).any()
    with pytest.raises(UserError, match="jitter must be from 0 to 1, is 2"):
        dreamrl.make("sign", jitter=2.0)


def test_without_jitter_pictures_are_those_drawn(family):
    problem, key = family.problem(jnp.array(2)), jax.random.key(5)
    state, picture = dreamrl.make("sign", height=8, width=8, jitter=0.0).reset(key, problem)
    jax.tree.map(np.testing.assert_array_equal, state[2:4], PLAIN)
    np.testing.assert_array_equal(picture, render(problem.color, *state[:2], 8, 8))
    np.testing.assert_array_equal(picture, family.observe(problem, state))
