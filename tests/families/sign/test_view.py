"""What `sign` shows: beside recorded frames, and where nothing is recorded."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from benchmarks.studies import sign_frames as frames
from dreamrl.errors import UserError
from dreamrl.families.sign.letters import COLUMNS, HANDS
from dreamrl.families.sign.view import render, sign_seen
from dreamrl.families.sign.world import Pose
from dreamrl.types import Trajectory

BLUE, RED, GREEN = range(3)


def look(x, z, heading=0.0, word=BLUE, turns=(0.0,) * 6, **size):
    pose = Pose(jnp.array([x, z], jnp.float32), jnp.float32(heading))
    return np.asarray(render(jnp.array(word), pose, jnp.float32(turns), **size)).astype(int)


def test_it_agrees_with_the_recorded_frames():
    recorded, poses, words = frames.load()
    turns = frames.fitted(recorded, poses, words, frames.HEADINGS[::3])
    ours = np.asarray(frames.pictures(words, poses, turns))
    found = frames.agreement(recorded, ours, poses)
    assert not found.only_recorded
    assert not found.only_ours
    assert {sight.thing for sight in found.sights} == {*frames.NAMES, "sign"}
    apart = np.array([sight.apart for sight in found.sights])
    ratio = np.array([sight.ratio for sight in found.sights])
    assert np.median(apart) < 0.3
    assert apart.max() < 1.5
    assert 0.9 < np.median(ratio) < 1.1
    assert ratio.min() > 0.6
    assert ratio.max() < 1.4
    # Walls, floor and ceiling too: the frames that look at the sign show no object.
    assert np.abs(recorded[32:].astype(int) - ours[32:]).mean() < 8


def test_a_frame_from_elsewhere_does_not_agree():
    recorded, poses, words = frames.load()
    aside = poses + np.float32([0.0, 0.3, 0.0])
    ours = np.asarray(frames.pictures(words, aside, np.zeros((len(words), 6), np.float32)))
    assert max(s.apart for s in frames.agreement(recorded, ours, poses).sights) > 2


def test_words_differ_where_the_sign_is_and_nowhere_else():
    shown = [look(5, 10.25, word=word) for word in (BLUE, RED, GREEN)]
    away = [look(5, 10.25, np.pi, word=word) for word in (BLUE, RED, GREEN)]
    for i in range(3):
        assert (shown[i] != shown[i - 1]).any(-1).sum() > 50
        assert (away[i] == away[i - 1]).all()
    changed = np.argwhere((shown[BLUE] != shown[GREEN]).any(-1))
    # Five metres of board, five metres away, one metre high.
    assert np.ptp(changed[:, 0]) <= 11
    assert np.ptp(changed[:, 1]) <= 53


def test_letters_are_the_right_way_round():
    """An L has its upright on the left and its foot below."""
    picture = look(8.3, 9.75, word=BLUE)[..., 0]
    ink = picture[10:50, 20:60] < 60
    rows, columns = np.argwhere(ink).T
    upright, foot = np.bincount(columns).argmax(), np.bincount(rows).argmax()
    assert columns.min() <= upright < columns.mean()
    assert rows.mean() < foot <= rows.max()


def test_other_hands_write_other_letters_in_the_same_places():
    neat, other, third = (look(5, 10.25, word=RED, hand=hand) for hand in (0, 1, 2))
    for a, b in ((neat, other), (neat, third), (other, third)):
        changed = np.argwhere((a != b).any(-1))
        assert len(changed) > 10
        # Letters and what is around them are half as high as the board, three metres in all.
        assert np.ptp(changed[:, 0]) <= 7
        assert np.ptp(changed[:, 1]) <= 32
    assert COLUMNS.shape == (HANDS, 3, 75)
    assert len(np.unique(COLUMNS.reshape(HANDS, -1), axis=0)) == HANDS


def test_near_things_hide_far_ones():
    # Towards the sign: the wall between the rooms hides it, and from beyond that wall nothing does.
    white = []
    for x, z in ((8, 5), (8, 8)):
        picture = look(x, z, np.arctan2(z - 10.25, 10 - x))
        white.append(((np.ptp(picture, -1) <= 2) & (picture.min(-1) > 140)).sum())
    assert white[0] == 0
    assert white[1] > 50
    # A box hides the wall and the floor behind it, all of it in its own colour.
    red = look(8, 3, np.pi / 4, turns=(0.0,) * 6)[..., 0] > 100
    rows, columns = np.nonzero(red & (look(8, 3, np.pi / 4)[..., 1] < 50))
    assert len(rows) > 20
    assert len(rows) > 0.8 * np.ptp(rows) * np.ptp(columns)
    # From beyond the wall nothing of the upper room's right half is seen.
    behind = look(8, 8, np.pi / 2)
    assert np.ptp(behind, -1).max() < 12


def test_a_turned_box_shows_other_faces_in_another_light():
    """The light falls on the two nearer faces alike while they look along the axes."""
    pictures = [look(4, 4, 3 * np.pi / 4, turns=(turn, *[0] * 5)) for turn in (0, 0.4, np.pi / 2)]
    blue = [picture[..., 2][picture[..., :2].max(-1) == 0] for picture in pictures]
    assert np.unique(blue[0]).tolist() == [213, 255]
    assert len(np.unique(blue[1])) == 3
    assert len(blue[0]) == pytest.approx(len(blue[2]), rel=0.02)


def test_resolution_changes_the_grain_and_not_the_view():
    small, large = look(5, 5), look(5, 5, height=120, width=160)
    assert large.shape == (120, 160, 3)
    coarse = large.reshape(60, 2, 80, 2, 3).mean((1, 3))
    assert np.abs(coarse - small).mean() < 8
    odd = look(5, 5, height=31, width=47)
    assert odd.shape == (31, 47, 3)
    assert (odd[..., 1] > odd[..., 0] + 50).any()


@pytest.mark.parametrize(
    ("x", "z", "heading", "seen"),
    [
        (4.5, 10.25, 0.0, True),
        (6.0, 10.25, 0.3, True),
        (1.0, 10.25, 0.0, False),
        (6.0, 10.25, np.pi, False),
        (6.0, 10.25, 1.2, False),
        (9.5, 10.25, 0.0, False),
        (4.5, 5.0, -0.8, False),
    ],
)
def test_when_the_sign_can_be_read(x, z, heading, seen):
    for word in (BLUE, RED, GREEN):
        assert bool(sign_seen(jnp.uint8(look(x, z, heading, word)))) is seen


def test_explorations_that_read_the_sign_are_counted():
    family = dreamrl.make("sign")
    blind, reading = look(4.5, 5.0), look(4.5, 10.25)
    mask = jnp.arange(20) < 3
    for place, counted in ((0, 1.0), (3, 1.0), (4, 0.0), (None, 0.0)):
        seen = np.stack([blind] * 21)
        if place is not None:
            seen[place] = reading
        nothing = jnp.zeros(20, bool)
        zeros = jnp.zeros(20, jnp.int32), jnp.zeros(20)
        exploration = Trajectory(jnp.uint8(seen), *zeros, nothing, nothing, mask)
        read = family.statistics(family.problem(jnp.array(0)), exploration)
        assert read == {"sign_read": counted}


def test_sizes_that_make_no_sense_or_do_not_fit():
    for field, value in (("height", 0), ("width", 7)):
        with pytest.raises(UserError, match=f"sign: {field} must be 8 pixels or more"):
            dreamrl.make("sign", **{field: value})
    with pytest.raises(UserError, match=r"'sign': one trial .* 90000 x 90000 x 3 .* GB"):
        dreamrl.make("sign", height=90_000, width=90_000)


def test_batches_are_what_single_pictures_are():
    xs = jnp.linspace(2, 8, 5)
    poses = Pose(jnp.stack([xs, jnp.full(5, 5.0)], -1), jnp.linspace(-3, 3, 5))
    turns = jax.random.uniform(jax.random.key(0), (5, 6))
    wide = jax.vmap(render)(jnp.arange(5) % 3, poses, turns)
    for i in range(5):
        alone = render(jnp.array(i % 3), jax.tree.map(lambda x, i=i: x[i], poses), turns[i])
        assert (np.asarray(alone) != np.asarray(wide[i])).any(-1).mean() < 0.002


@pytest.mark.parametrize("heading", [0.0, np.pi / 2, 4.0])
def test_nothing_in_a_picture_is_worked_out_with_infinities(heading):
    """`JAX_DEBUG_INFS` and `JAX_DEBUG_NANS` are for faults: each step by itself is finite."""
    size = dict(height=7, width=9)
    with jax.debug_infs(True), jax.debug_nans(True), jax.disable_jit():
        shown = look(5, 10.25, heading, **size)
    np.testing.assert_array_equal(shown, look(5, 10.25, heading, **size))
