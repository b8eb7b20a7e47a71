"""benchmarks.studies.didactic: its world, its two learners, and what it takes for learned."""

import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.studies import didactic


def empty(actions):
    start = jnp.zeros((2 * actions, actions))
    return didactic.Tables(jnp.zeros(actions), start, start)


def test_the_world_is_the_family():
    contexts, rewards, revealing = didactic.world(3)
    assert contexts.tolist() == [[0, 1, 3], [0, 1, 4], [0, 1, 5]]
    assert rewards.tolist() == np.eye(3).tolist()
    assert revealing == 2


def test_choices_are_greedy_or_random():
    values = jnp.array([0.0, 1.0, 0.0, 1.0])
    chances = np.random.default_rng(0).uniform(size=(2000, 3))
    picked = [int(didactic.choose(values, 0.0, jnp.array(c))) for c in chances[:60]]
    assert set(picked) == {1, 3}
    assert 15 < picked.count(1) < 45
    assert int(didactic.choose(values, 0.5, jnp.array([0.4, 0.0, 0.6]))) == 2


def test_end_to_end_one_trial_by_hand():
    """The last action is explored, then action 1 pulled in problem 1: its value is the rate."""
    world = didactic.world(3)
    tables = empty(3)._replace(explore=jnp.array([0.0, 0.0, 0.5]))
    chances = jnp.array([0.9, 0.0, 0.0, 0.0, 0.0, 0.4])
    after = didactic.end_to_end(world, tables, jnp.array(1), chances, 0.5, 0.1)
    assert after.exploit[4].tolist() == pytest.approx([0, 0.1, 0])
    assert after.explore.tolist() == pytest.approx([0, 0, 0.5 + 0.1 * (0.1 - 0.5)])


def test_decoupled_one_trial_by_hand():
    """What was seen once with problem 1 only: the belief goes from (1/2, 1/2, 0) to (0, 1, 0)."""
    world = didactic.world(3)
    counts = jnp.zeros((6, 3)).at[4, 1].set(1.0).at[0, 0].set(1.0)
    tables = didactic.Tables(jnp.array([0.0, 0.0, 0.5]), jnp.zeros((6, 3)), counts)
    chances = jnp.array([0.9, 0.0, 0.0, 0.0, 0.0, 0.4])
    after = didactic.decoupled(world, tables, jnp.array(1), chances, 0.5, 0.1)
    assert after.explore.tolist() == pytest.approx([0, 0, 0.5 + 0.1 * (0.5 - 0.5)])
    assert after.exploit[1].tolist() == pytest.approx([0, 0.1, 0])
    assert after.counts[4, 1] == 2


def test_learned_is_what_is_right_in_every_problem():
    world, tables = didactic.world(3), empty(3)
    right = tables._replace(explore=jnp.array([0.0, 0.0, 1.0]))
    shown = right._replace(exploit=jnp.zeros((6, 3)).at[3:].set(jnp.eye(3)))
    told = right._replace(exploit=jnp.zeros((6, 3)).at[:3].set(jnp.eye(3)), counts=shown.exploit)
    for method, tables, expected in (
        ("end-to-end", right, (True, False)),
        ("end-to-end", shown, (True, True)),
        ("end-to-end", shown._replace(explore=jnp.array([1.0, 0.0, 0.0])), (False, False)),
        ("decoupled", told, (True, True)),
        ("decoupled", told._replace(counts=right.counts), (True, False)),
    ):
        assert tuple(map(bool, didactic.solved(method, world, tables))) == expected


def test_both_learn_and_decoupled_needs_fewer_trials():
    found = {method: didactic.measure(method, 8, 4, 1.0, 0.1) for method in didactic.METHODS}
    for trials in found.values():
        assert all(a <= b for a, b in zip(trials["exploration"], trials["all"], strict=True))
    assert 3 * np.median(found["decoupled"]["all"]) < np.median(found["end-to-end"]["all"])


def test_exponents():
    by_size = {n: {"all": [n**2, n**2 * 3, 0]} for n in (2, 4, 8)}
    assert didactic.exponent(by_size, "all") == pytest.approx(2)
