"""Explorations of several episodes in environments on the host."""

import jax
import jax.numpy as jnp
import numpy as np

import dreamrl
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.configuration import changed
from dreamrl.deploy import prepare
from dreamrl.families.adapted import adapted
from dreamrl.families.gym import GymFamily
from dreamrl.families.privileged import WithTaskInfo
from dreamrl.families.repeated import Repeated, explored_in
from dreamrl.testing import check_family, replay


def test_they_are_what_they_are_in_the_program(treasure):
    """Of the same family, written in JAX and as an environment."""
    inside = Repeated(dreamrl.make("treasure"), 3)
    family = GymFamily("treasure", treasure, inside.train_ids, inside.test_ids, inside.horizon)
    outside = explored_in(family, 3)
    assert outside is explored_in(family, 3)
    assert (outside.horizon, outside.exploration_horizon) == (15, 3 * 16 - 1)
    assert inside.exploration_horizon == outside.exploration_horizon
    actions = np.random.default_rng(0).integers(0, 5, outside.exploration_horizon)
    for goal, number in ((None, len(actions)), (0, inside.horizon)):
        ours, theirs = (replay(f, 7, goal, actions[:number]) for f in (inside, outside))
        for name in ("observations", "rewards", "terminated", "truncated"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_an_end_is_followed_by_another_episode_of_another_seed(line):
    """Two steps to an end, or one; then a step that takes no action and pays nothing."""
    made = []

    def make(problem_id):
        made.append(line(problem_id))
        return made[-1]

    family = explored_in(GymFamily("lines", make, (0, 1), (2, 3), horizon=3), 8)
    check_family(family)
    before = len(made)
    found = replay(family, 1, None, np.ones(family.exploration_horizon, int))
    place, steps = found.observations.T
    assert family.exploration_horizon == 31
    begins = np.flatnonzero(steps == 0)
    assert len(begins) >= 8
    assert len(set(place[begins[:8]])) > 1, "where it starts is drawn anew"
    assert (found.rewards[begins[1:8] - 1] == 0).all()
    assert (found.rewards[begins[1:8] - 2] == 1).all(), "the end pays"
    ends = np.flatnonzero(found.terminated | found.truncated)
    assert ends[0] == begins[7] + steps[begins[7] :].max() - 1, "only the last one's is an end"
    assert len(made) == before, "the same environment is reset"
    # The same again, and the same from the middle: a handle is all that it takes.
    again = replay(family, 1, None, np.ones(family.exploration_horizon, int))
    np.testing.assert_array_equal(found.observations, again.observations)


def test_one_exploration_can_be_gone_on_with_in_many_ways(line):
    family = explored_in(GymFamily("lines", line, (0, 1), (2, 3), horizon=3), 3)
    problem, key = family.problem(jnp.array(1)), jax.random.key(0)
    state, _ = family.reset(key, problem)
    apart = []
    for _ in range(6):
        before = state
        go = jax.vmap(lambda action, s=state: family.step(key, problem, None, s, action)[1])
        left, right = go(jnp.array([0, 1])).observation
        apart.append((right - left).tolist())
        state, step = family.step(key, problem, None, before, jnp.array(1))
        # Behind an end no action is taken: it leads to the same beginning.
        assert apart[-1] == ([2, 0] if step.observation[1] else [0, 0])
    assert [0, 0] in apart
    assert [2, 0] in apart


def test_agents_explore_in_them_whatever_stands_around(line):
    family = GymFamily("lines", line, (0, 1), (2, 3), horizon=3, context=lambda i: [i / 3])
    around = explored_in(WithTaskInfo(adapted(family)), 2)
    assert around.family.family is explored_in(family, 2)
    settings = changed(settings_for("e-rl2"), {"hidden": 8, "explorations": 2})
    trainer = make_trainer("e-rl2", family, settings)
    agent = prepare(trainer.family, trainer, trainer.init(jax.random.key(0)))
    explored = agent.explore(1).trajectory
    assert (explored.observations[:, 1] == 0).sum() == 2
    family.close()
