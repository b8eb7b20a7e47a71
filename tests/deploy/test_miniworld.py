"""An agent in Miniworld's own `Sign`; without the package, the word that says what is missing."""

import importlib.util

import jax
import numpy as np
import pytest

import dreamrl
from dreamrl.agents import registry
from dreamrl.deploy.agent import prepare
from dreamrl.errors import UserError

INSTALLED = importlib.util.find_spec("miniworld") is not None


# Not importorskip: it must not be imported before it is told that there is no screen.
here = pytest.mark.skipif(not INSTALLED, reason="miniworld is not installed")


@pytest.mark.skipif(INSTALLED, reason="miniworld is installed")
def test_the_missing_extra_is_named():
    with pytest.raises(UserError, match=r"pip install 'dreamrl\[miniworld\]'"):
        import dreamrl.deploy.miniworld  # noqa: F401


@pytest.fixture(scope="module")
def family():
    return dreamrl.make("sign", height=15, width=20)


@here
def test_episodes_of_the_original(family):
    from dreamrl.deploy.miniworld import Original

    where = Original(family)
    for goal in (None, 0, 1):
        where.begin(1, goal, seed=3)
        picture = where.reset()
        family.observation_space.contains(picture)
        assert picture.shape == (15, 20, 3)
        before = where.pose
        _, reward, terminated, truncated = where.step(0)
        np.testing.assert_allclose(where.pose.heading - before.heading, np.pi / 4, 1e-4)
        assert (reward, terminated, truncated) == (0.0, False, False)
    # Next to the red box, which the sign asks for, with the goal "box" and without any.
    for goal, paid in ((0, 1.0), (1, -1.0), (None, 0.0)):
        where.begin(1, goal)
        where.reset()
        where.world.agent.pos = np.array([7.6, 0.0, 1.0])
        where.world.agent.dir = 0.0
        assert where.step(0)[1:3] == (paid, True)


@here
def test_trials_of_an_agent(family):
    from dreamrl.deploy.miniworld import evaluate_there

    algorithm = registry.make_trainer("dream", family, registry.settings_for("dream", "sign"))
    agent = prepare(family, algorithm, jax.jit(algorithm.init)(jax.random.key(0)))
    found = evaluate_there(agent, trials=3)
    assert found.returns.shape == found.lengths.shape == found.signs_read.shape == (3,)
    assert set(found.returns) <= {-1.0, 0.0, 1.0}
    again = evaluate_there(agent, trials=3)
    np.testing.assert_array_equal(found.lengths, again.lengths)
