"""Exploration paid in returns: for the regret that a belief leaves, in the problem as it is.

R(mu, b) = V(mu, f(mu)) - V(mu, b), where V(mu, b) is what exploitation returns in problem mu when
it acts on b. A critic that is told both, in training alone, learns V from episodes on beliefs of
any age. A step of exploration is paid for how much less regret its belief leaves; the mean over
which problem it may be is the value of information (Howard 1966), and no bad news lowers it.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped

from dreamrl.families.family import Family
from dreamrl.networks.encoder import HIDDEN
from dreamrl.networks.layers import Dense
from dreamrl.spaces import Space
from dreamrl.types import Key

EARLY_SHARE = 0.25
"""Share of exploitation episodes that act on the belief of an exploration that is not over."""


def early_beliefs(
    key: Key, random: Bool[Array, " B"], shape: tuple[int, ...], steps: int
) -> Int[Array, "B N"]:
    """Draw after how many steps the belief stands that an exploitation acts on, or -1.

    Beliefs of partly random explorations are among them, twice as often: what the policy itself
    does not find must have a value too.
    """
    key_some, key_when = jax.random.split(key)
    share = jnp.where(random, 2 * EARLY_SHARE, EARLY_SHARE)[:, None]
    is_early = jax.random.bernoulli(key_some, share, shape)
    return jnp.where(is_early, jax.random.randint(key_when, shape, 0, steps + 1), -1)


class Regret(eqx.Module):
    """(f(mu), b, goal) -> V; z in units of its noise."""

    problem: Dense
    belief: Dense
    goal: Dense
    hidden: Dense
    value: Dense
    goal_space: Space = eqx.field(static=True)
    rho: float = eqx.field(static=True)

    def __init__(self, key: Key, family: Family, z: int, rho: float):
        keys = jax.random.split(key, 5)
        self.goal_space, self.rho = family.goal_space, rho
        self.problem = Dense(keys[0], z, HIDDEN)
        self.belief = Dense(keys[1], z, HIDDEN)
        self.goal = Dense(keys[2], family.goal_space.features, HIDDEN)
        self.hidden = Dense(keys[3], HIDDEN, HIDDEN, gain=2**0.5)
        self.value = Dense(keys[4], HIDDEN, 1)

    def __call__(
        self, mean: Float[Array, " Z"], belief: Float[Array, " Z"], goal: Shaped[Array, "*goal"]
    ) -> Float[Array, ""]:
        """Return V(mu, b)."""
        problem, belief = self.problem(mean / self.rho), self.belief(belief / self.rho)
        task = self.goal(self.goal_space.encode(goal))
        features = jax.nn.relu(problem + belief + task + problem * belief)
        return self.value(jax.nn.relu(self.hidden(features)))[..., 0]

    def left(
        self,
        means: Float[Array, "B Z"],
        beliefs: Float[Array, "B times Z"],
        goals: Shaped[Array, "B N *goal"],
    ) -> Float[Array, "B times"]:
        """Return the regret that beliefs leave, a mean over goals [B, N]."""

        def one(mean, beliefs, goal):
            zs = jnp.concatenate([beliefs, mean[None]])
            value = jax.vmap(self, in_axes=(None, 0, None))(mean, zs, goal)
            return value[-1] - value[:-1]

        over_goals = jax.vmap(one, in_axes=(None, None, 0))
        return jax.vmap(over_goals)(means, beliefs, goals).mean(1)

    def loss(
        self,
        means: Float[Array, "B Z"],
        acted_on: Float[Array, "B Z"],
        goals: Shaped[Array, "B *goal"],
        returns: Float[Array, " B"],
    ) -> Float[Array, ""]:
        """Return the squared error of V, in units of the returns' variance."""
        values = jax.vmap(self)(means, acted_on, goals)
        return jnp.square(values - returns).mean() / jnp.maximum(returns.var(), 1e-6)
