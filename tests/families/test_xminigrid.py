"""XLand-MiniGrid as families; only where xminigrid is installed, which is a heavy package."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.errors import UserError
from dreamrl.testing import check_family
from dreamrl.trial import Choice, rollout

xminigrid = pytest.importorskip("xminigrid")

from dreamrl.families.family import HasDescriptions  # noqa: E402
from dreamrl.families.xminigrid import BALLS, XMiniGridFamily, hidden_objects  # noqa: E402

ENV = "XLand-MiniGrid-R1-9x9"


@pytest.fixture(scope="module")
def objects():
    return XMiniGridFamily(ENV, hidden_objects(12), test_ids=range(8, 12), horizon=40)


@pytest.fixture(scope="module")
def episodes(objects):
    """Random ones, of all problems."""

    def play(problem_id, key):
        def act(memory, percept, key):
            return memory, Choice(jax.random.randint(key, (), 0, 4))

        return rollout(objects, objects.problem(problem_id), None, act, (), key)[0]

    keys = jax.random.split(jax.random.key(0), 120)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(play))(jnp.arange(120) % 12, keys))


def test_it_keeps_the_rules_of_a_family(objects):
    check_family(objects)
    assert objects.train_ids == tuple(range(8))
    assert objects.test_ids == (8, 9, 10, 11)
    assert objects.action_space.n == len(objects.action_names)


def test_ends_are_kept_apart(episodes):
    last = np.arange(120), episodes.length - 1
    ended = episodes.terminated[last]
    assert 0 < ended.mean() < 1
    assert (episodes.truncated[last] == ~ended).all()
    assert (episodes.length[~ended] == 40).all()
    # The environment's own reward: the sooner the more.
    np.testing.assert_allclose(
        episodes.rewards.sum(1), np.where(ended, 1 - 0.9 * episodes.length / 40, 0), rtol=1e-5
    )


def test_the_right_object_is_near_where_it_pays(objects, episodes):
    """In the view that looks up from the middle of its last row."""
    ended = np.flatnonzero(episodes.terminated.any(1))
    seen = episodes.observations[ended, episodes.length[ended], :50].reshape(-1, 5, 5, 2)
    around = np.stack([seen[:, 3, 2], seen[:, 4, 1], seen[:, 4, 3]], 1)
    wanted = np.asarray(objects.rulesets.goal)[ended % 12, None, 1:3]
    # Right behind the agent, where it does not look, it may lie too.
    assert (around == wanted).all(-1).any(1).mean() > 0.8


def test_rulesets_are_all_different_and_reproducible():
    rules = hidden_objects(200, objects=4, seed=3)
    whole = np.concatenate([np.asarray(x).reshape(200, -1) for x in jax.tree.leaves(rules)], 1)
    assert len(np.unique(whole, axis=0)) == 200
    again = hidden_objects(200, objects=4, seed=3)
    jax.tree.map(np.testing.assert_array_equal, rules, again)


@pytest.mark.parametrize("goal", ["reach", "hold"])
def test_what_lies_there_does_not_tell_what_pays(goal):
    """Each set of objects is there once with each of them as the right one."""
    rules = hidden_objects(280, objects=4, goal=goal, among=BALLS)
    tiles, right = np.asarray(rules.init_tiles), np.asarray(rules.goal)[:, 1:3]
    sets = tiles.reshape(70, 4, 4, 2)
    assert (sets == sets[:, :1]).all()
    np.testing.assert_array_equal(right.reshape(70, 4, 2), sets[:, 0])
    assert len(np.unique(sets[:, 0].reshape(70, -1), axis=0)) == 70


def test_what_agents_are_told_of_rulesets():
    family = XMiniGridFamily(ENV, hidden_objects(12), test_ids=range(8, 12), described=True)
    check_family(family)
    told = np.asarray(jax.vmap(family.describe)(jnp.arange(12)))
    assert set(np.unique(told)) == {0.0, 1.0}
    assert len(np.unique(told, axis=0)) == 12
    by_id = XMiniGridFamily(ENV, hidden_objects(12))
    assert not isinstance(by_id, HasDescriptions)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"env": "XLand-R1"}, "unknown xminigrid environment 'XLand-R1'"),
        ({"env": "MiniGrid-Empty-5x5"}, "has no rulesets: take one whose name begins with XLand"),
        ({"view": 3}, "XLand-MiniGrid-R1-9x9: .*view"),
        ({"test_ids": (12,)}, r"test_ids holds 12, and there are the problems 0\.\.11"),
        ({"horizon": 0}, "horizon must be at least 1, is 0"),
    ],
)
def test_faults(settings, fault):
    with pytest.raises(UserError, match=fault):
        XMiniGridFamily(**{"env": ENV, "rulesets": hidden_objects(12)} | settings)


def test_too_many_rulesets():
    with pytest.raises(UserError, match="there are not 17 rulesets of 1 objects"):
        hidden_objects(17, objects=1)
    with pytest.raises(UserError, match="number must be at least 1, is 0"):
        hidden_objects(0)
    with pytest.raises(UserError, match="objects must be from 1 to 8, is 9"):
        hidden_objects(3, objects=9, among=BALLS)
    with pytest.raises(UserError, match="objects must be from 1 to 16, is 0"):
        hidden_objects(3, objects=0)
    one = jax.tree.map(lambda leaf: leaf[0], hidden_objects(3))
    one = one.replace(rules=jnp.zeros((2, 1, 7)))
    with pytest.raises(UserError, match="rulesets must have a leading axis, one and the same"):
        XMiniGridFamily(ENV, one)
