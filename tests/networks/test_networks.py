"""Step by step or all at once: networks decide alike."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.networks.actor_critic import ActorCritic
from dreamrl.networks.layers import product, products_in
from dreamrl.networks.recurrent import GRU, Recurrent
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


def walk(gru, carry, x, mask=(True,) * STEPS):
    carries = []
    for t in range(STEPS):
        if mask[t]:
            carry = gru.step(carry, x[t])
        carries.append(carry)
    return jnp.stack(carries)


def test_a_gru_by_hand():
    """Gates are sigmoids of what comes in and what is kept; r gates what the candidate sees."""
    gru = GRU(jax.random.key(3), 1, 1)
    (wr, wu, wn), (ur, uu, un) = np.asarray(gru.inputs.weight)[0], np.asarray(gru.recurrent)[0]
    x, h = 0.7, -0.4

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    update = sigmoid(wu * x + uu * h)
    new = np.tanh(wn * x + sigmoid(wr * x + ur * h) * un * h)
    found = gru.step(jnp.array([h]), jnp.array([x]))
    np.testing.assert_allclose(found, [update * h + (1 - update) * new], rtol=1e-5)


def test_a_gru_steps_as_it_unrolls(gru):
    start, x = jnp.linspace(-1, 1, SIZE), inputs()
    close(gru.unroll(start, x), walk(gru, start, x))
    close(eqx.filter_jit(gru.unroll)(start, x), walk(gru, start, x))


def test_steps_left_out_change_nothing(gru):
    mask = [True, True, False, True, False, False, True]
    x = inputs()
    found = gru.unroll(gru.init_carry(), x, jnp.array(mask))
    close(found, walk(gru, gru.init_carry(), x, mask))
    np.testing.assert_array_equal(found[3], found[5])
    noise = jnp.where(jnp.array(mask)[:, None], x, 1e3)
    np.testing.assert_array_equal(gru.unroll(gru.init_carry(), noise, jnp.array(mask)), found)


@pytest.mark.parametrize("gate", [1.0, jnp.linspace(0, 2, SIZE)], ids=["open", "gated"])
def test_a_policy_steps_as_it_unrolls(policy, gate):
    x = inputs()
    carry, decisions = policy.init_carry(), []
    for t in range(STEPS):
        carry, decision = policy.step(carry, x[t], gate)
        decisions.append(decision)
    stepped = jax.tree.map(lambda *leaves: jnp.stack(leaves), *decisions)
    assert stepped.policy.logits.shape == (STEPS, ACTIONS)
    assert stepped.value.shape == (STEPS,)
    close(policy.unroll(policy.init_carry(), x, gate), stepped)
    close(eqx.filter_jit(policy.unroll)(policy.init_carry(), x, gate), stepped)


def test_policies_side_by_side(policy):
    x = inputs(4, 3)
    wide = jax.jit(jax.vmap(lambda one: policy.unroll(policy.init_carry(), one)))(x)
    for i in range(3):
        one = jax.tree.map(lambda leaf, i=i: leaf[i], wide)
        close(one, policy.unroll(policy.init_carry(), x[i]))


def test_a_gate_of_zero_hides_what_is_seen(policy):
    gate = jnp.zeros(SIZE)
    first, second = (policy.unroll(policy.init_carry(), inputs(seed), gate) for seed in (5, 6))
    close(first, second)


class Last(eqx.Module):
    """A cell of another kind: its carry is a pair, and it remembers the last input alone."""

    size: int

    def init_carry(self):
        return jnp.zeros(self.size), jnp.array(0)

    def step(self, carry, x):
        return x, carry[1] + 1

    def output(self, carry):
        return carry[0]

    def unroll(self, carry, x, mask=None):
        return x, carry[1] + 1 + jnp.arange(x.shape[0])


def test_any_recurrent_cell_makes_a_policy():
    assert isinstance(GRU(jax.random.key(0), INPUTS, SIZE), Recurrent)
    assert isinstance(Last(SIZE), Recurrent)
    cell = lambda key, inputs, size: Last(size)  # noqa: E731
    policy = ActorCritic(jax.random.key(1), INPUTS, Discrete(ACTIONS), SIZE, cell)
    carry, x = policy.init_carry(), inputs()
    together = policy.unroll(carry, x)
    for t in range(STEPS):
        carry, decision = policy.step(carry, x[t])
        close(jax.tree.map(lambda leaf, t=t: leaf[t], together), decision)
    assert int(carry[1]) == STEPS


def test_a_policy_without_a_cell_has_no_memory():
    policy = ActorCritic(jax.random.key(1), INPUTS, Discrete(ACTIONS), SIZE, None)
    x = inputs()
    together = policy.unroll(policy.init_carry(), x)
    for t in range(STEPS):
        carry, decision = policy.step(policy.init_carry(), x[t])
        close(jax.tree.map(lambda leaf, t=t: leaf[t], together), decision)
        assert carry.size == 0


def test_products_in_bfloat16_are_rounded_and_all_else_is_not(gru):
    x, weight = inputs(), gru.recurrent[:INPUTS]

    def half(array):
        return np.asarray(array).astype(jnp.bfloat16).astype(np.float32)

    def loss(weight):
        return (product(x, weight) ** 2).sum()

    with products_in("bfloat16"):
        rounded, gradient = product(x, weight), jax.grad(loss)(weight)
    plain = product(x, weight)
    assert rounded.dtype == gradient.dtype == jnp.float32
    np.testing.assert_array_equal(rounded, half(half(x) @ half(weight)))
    np.testing.assert_array_equal(gradient, half(gradient))
    np.testing.assert_array_equal(plain, x @ weight)
    np.testing.assert_allclose(gradient, jax.grad(loss)(weight), rtol=0.05, atol=0.05)
