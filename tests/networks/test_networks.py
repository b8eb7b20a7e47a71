"""Step by step or all at once: networks decide alike."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dreamrl.networks.memory import GRU

from dreamrl.networks.actor_critic import ActorCritic
from dreamrl.spaces import Discrete

STEPS, INPUTS, SIZE, ACTIONS = 7, 3, 5, 4


@pytest.fixture
def gru():
    return GRU(jax.random.key(0), INPUTS, SIZE)


@pytest.fixture
def policy():
    return ActorCritic(jax.random.key(1), INPUTS, Discrete(ACTIONS), SIZE)


def inputs(seed=2, *lead):
    return jax.random.normal(jax.random.key(seed), (*lead, STEPS, INPUTS))


def close(found, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), found, expected)


def walk(gru, memory, x, mask=(True,) * STEPS):
    memories = []
    for t in range(STEPS):
        if mask[t]:
            memory = gru.step(memory, gru.project(x[t]))
        memories.append(memory)
    return jnp.stack(memories)


def test_a_gru_by_hand():
    """Gates are sigmoids of what comes in and what is kept; r gates what the candidate sees."""
    gru = GRU(jax.random.key(3), 1, 1)
    (wr, wu, wn), (ur, uu, un) = np.asarray(gru.inputs.weight)[0], np.asarray(gru.recurrent)[0]
    x, h = 0.7, -0.4

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    update = sigmoid(wu * x + uu * h)
    new = np.tanh(wn * x + sigmoid(wr * x + ur * h) * un * h)
    found = gru.step(jnp.array([h]), gru.project(jnp.array([x])))
    np.testing.assert_allclose(found, [update * h + (1 - update) * new], rtol=1e-5)


def test_a_gru_steps_as_it_unrolls(gru):
    start, x = jnp.linspace(-1, 1, SIZE), inputs()
    close(gru.unroll(start, x), walk(gru, start, x))
    close(eqx.filter_jit(gru.unroll)(start, x), walk(gru, start, x))


def test_steps_left_out_change_nothing(gru):
    mask = [True, True, False, True, False, False, True]
    x = inputs()
    found = gru.unroll(gru.start(), x, jnp.array(mask))
    close(found, walk(gru, gru.start(), x, mask))
    np.testing.assert_array_equal(found[3], found[5])
    noise = jnp.where(jnp.array(mask)[:, None], x, 1e3)
    np.testing.assert_array_equal(gru.unroll(gru.start(), noise, jnp.array(mask)), found)


@pytest.mark.parametrize("gate", [1.0, jnp.linspace(0, 2, SIZE)], ids=["open", "gated"])
def test_a_policy_steps_as_it_unrolls(policy, gate):
    x = inputs()
    memory, decisions = policy.start(), []
    for t in range(STEPS):
        memory, decision = policy.step(memory, x[t], gate)
        decisions.append(decision)
    stepped = jax.tree.map(lambda *leaves: jnp.stack(leaves), *decisions)
    assert stepped.policy.logits.shape == (STEPS, ACTIONS)
    assert stepped.value.shape == (STEPS,)
    close(policy.unroll(policy.start(), x, gate), stepped)
    close(eqx.filter_jit(policy.unroll)(policy.start(), x, gate), stepped)


def test_policies_side_by_side(policy):
    x = inputs(4, 3)
    wide = jax.jit(jax.vmap(lambda one: policy.unroll(policy.start(), one)))(x)
    for i in range(3):
        one = jax.tree.map(lambda leaf, i=i: leaf[i], wide)
        close(one, policy.unroll(policy.start(), x[i]))


def test_a_gate_of_zero_hides_what_is_seen(policy):
    gate = jnp.zeros(SIZE)
    first, second = (policy.unroll(policy.start(), inputs(seed), gate) for seed in (5, 6))
    close(first, second)
