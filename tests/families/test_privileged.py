"""What an informed agent sees: the family's observations, and what problem this is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.families.privileged import WithTaskInfo, said_of, what_differs
from dreamrl.testing import check_family


@pytest.mark.parametrize("name", ["bandit", "cooking", "map"])
def test_it_is_a_family(name):
    check_family(WithTaskInfo(dreamrl.make(name)))


@pytest.mark.parametrize("name", ["bandit", "distracting-bus", "cooking", "treasure"])
def test_every_problem_is_described_by_itself(name):
    described = WithTaskInfo(dreamrl.make(name))
    family, key = described.family, jax.random.key(0)
    ids = jnp.array(sorted({*described.train_ids, *described.test_ids}))

    def first(problem_id):
        problem = described.problem(problem_id)
        return described.reset(key, problem)[1], family.reset(key, problem[0])[1]

    both, plain = jax.vmap(first)(ids)
    seen, said = described.observation_space.split(both)
    np.testing.assert_array_equal(seen, plain)
    assert seen.dtype == plain.dtype
    assert len(np.unique(said, axis=0)) == len(ids)


def test_a_step_tells_the_same_as_the_start():
    described = WithTaskInfo(dreamrl.make("cooking"))
    problem = described.problem(jnp.array(27))
    state, seen = described.reset(jax.random.key(0), problem)
    _, outcome = described.step(jax.random.key(1), problem, None, state, jnp.array(2))
    split = described.observation_space.split
    np.testing.assert_array_equal(split(seen)[1], split(outcome.observation)[1])
    # Three drawers with one of four ingredients each.
    assert described.observation_space.said >= 12


def test_it_can_be_asked_for_first_while_a_program_is_traced():
    def features():
        described = WithTaskInfo(dreamrl.make("bandit"))
        return described.reset(jax.random.key(0), described.problem(jnp.array(2)))[1]

    space = WithTaskInfo(dreamrl.make("bandit")).observation_space
    np.testing.assert_array_equal(space.split(jax.jit(features)())[1], [0, 0, 1, 0, 0])


def test_entries_of_many_values_are_given_as_numbers():
    few, many, same = np.arange(40) % 2, np.arange(40) * 100, np.ones(40)
    entries = np.stack([few, many, same], 1).astype(np.float32)
    features = what_differs(entries)
    assert np.isfinite(features.values).all()
    np.testing.assert_array_equal(said_of(jnp.array(entries[3]), features), [0, 1, 3])
    assert said_of(jnp.ones(2), what_differs(np.ones((3, 2)))).shape == (0,)
