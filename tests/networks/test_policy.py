"""The policy that is conditioned on a goal and on z, where it sees tiles."""

import equinox as eqx
import jax
import jax.numpy as jnp

from dreamrl.families.bandit import Bandit
from dreamrl.networks.policy import InstructedPolicy
from dreamrl.spaces import Discrete, Tiles
from dreamrl.types import Percept

PLACES, COLORS = 6, 5
SPACE = Tiles(PLACES, (COLORS,))


def scenes(key, number):
    """A color asked for, and where alone it lies."""
    keys = jax.random.split(key, 3)
    place = jax.random.randint(keys[0], (number,), 0, PLACES)
    color = jax.random.randint(keys[1], (number,), 0, COLORS)
    others = jax.random.randint(keys[2], (number, PLACES), 1, COLORS)
    views = (color[:, None] + others) % COLORS
    return views.at[jnp.arange(number), place].set(color), color, place


def decide(policy, views, colors):
    def one(view, color):
        still = (jnp.array(0), jnp.array(0.0), jnp.array(True))
        percept = Percept(view, *still)
        _, decision = policy.step(policy.init_carry(), percept, None, jax.nn.one_hot(color, COLORS))
        return decision.policy

    return jax.vmap(one)(views, colors)


def make_policy(space):
    class Sight(Bandit):
        observation_space = space
        action_space = Discrete(PLACES)
        goal_space = Discrete(1)

    return InstructedPolicy(jax.random.key(0), Sight(), 64, COLORS, recurrent=False)


def test_z_reaches_the_tiles_and_nothing_else_has_them():
    policy = make_policy(SPACE)
    views, colors, places = scenes(jax.random.key(1), 64)

    def loss(policy):
        return -decide(policy, views, colors).log_prob(places).mean()

    attention = eqx.filter_jit(eqx.filter_grad(loss))(policy).attention
    assert jnp.abs(attention.weight).max() > 0
    assert make_policy(SPACE.entries).attention is None
