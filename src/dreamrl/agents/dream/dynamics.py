"""The fixed encoding of the ablation `predict-dynamics`: everything that problems differ in.

The same random episodes are played in every problem. What they show, next observations and
rewards, is the problem's dynamics as a vector: projected to the length of z, which keeps
distances, and never learned. Exploration is then paid for predicting everything, whether
exploitation needs it or not (Liu et al. 2021, section 6: the ablation without the encoder).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.families.family import Family
from dreamrl.families.memory import check_fits
from dreamrl.networks.encoder import EmbeddingEncoder
from dreamrl.trial import Choice, any_action, rollout
from dreamrl.types import Key, ProblemID

EPISODES = 256


class Dynamics(EmbeddingEncoder):
    """A fixed encoder; it receives no gradient."""

    def __init__(self, key: Key, family: Family, size: int):
        key_play, key_project = jax.random.split(key)
        super().__init__(key_project, family.train_ids, size)
        ids = jnp.array(self.ids)
        shown = jax.vmap(lambda i: _shown(family, i, key_play))(ids)
        shown = shown - shown.mean(0)
        means = shown @ jax.random.normal(key_project, (shown.shape[1], size))
        scale = jnp.sqrt(jnp.square(means).sum(-1).mean())
        self.means = means / jnp.maximum(scale, 1e-6)

    def __call__(self, problem_id: ProblemID) -> Float[Array, "... Z"]:
        """Return the encoding of a problem, or of many."""
        return jax.lax.stop_gradient(super().__call__(problem_id))


def check_dynamics(family: Family) -> None:
    """Raise UserError if what the episodes show of all problems does not fit into memory."""
    seen = family.observation_space.features
    needed = 4 * len(family.train_ids) * EPISODES * family.horizon * (seen + 1)
    what = f"predict-dynamics compares {EPISODES} random episodes in each of "
    what += f"{len(family.train_ids):,} problems of {family.name!r}, which"
    check_fits(needed, what, "choose fewer problems")


def _shown(family: Family, problem_id: Array, key: Key) -> Float[Array, " everything"]:
    """Return what random episodes, the same in every problem, show of this one."""
    problem = family.problem(problem_id)

    def act(carry, percept, key):
        return carry, Choice(any_action(family.action_space, percept, key))

    def episode(key: Key) -> Array:
        key_goal, key_play = jax.random.split(key)
        goal = family.sample_goal(key_goal, problem)
        trajectory = rollout(family, problem, goal, act, None, key_play).trajectory
        seen = family.observation_space.encode(trajectory.observations[1:])
        shown = jnp.concatenate([seen, trajectory.rewards[:, None]], axis=-1)
        return (shown * trajectory.mask[:, None]).reshape(-1)

    return jax.vmap(episode)(jax.random.split(key, EPISODES)).reshape(-1)
