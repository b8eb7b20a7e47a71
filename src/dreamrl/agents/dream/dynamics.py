"""The fixed encoding of the objective `predict-dynamics`: everything that problems differ in.

What each action leads to in each state that random explorations reach, next observation and reward,
is a problem's dynamics as a vector. All that looks different counts alike, however seldom it is
reached. The vector is projected to the length of z, which keeps distances, and never learned.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.errors import UserError
from dreamrl.families.family import Family, horizon_of, mask_of
from dreamrl.families.memory import check_fits
from dreamrl.families.turns import at_once
from dreamrl.networks.encoder import EmbeddingEncoder
from dreamrl.spaces import Discrete
from dreamrl.trial import Choice, any_action, rollout
from dreamrl.types import Action, Key, ProblemID, State, Trajectory

EPISODES = 128
"""Random explorations, each in a problem of training, whose states are compared."""
SAMPLED = 8
"""Actions tried in a state, where they have no numbers."""
ALIKE = 1e-4
"""Observations whose projections differ by less are the same."""


class Dynamics(EmbeddingEncoder):
    """A fixed encoder; it receives no gradient."""

    def __init__(self, key: Key, family: Family, size: int):
        key_visit, key_try, key_project = jax.random.split(key, 3)
        super().__init__(key_project, family.train_ids, size)
        ids = jnp.array(self.ids)
        states, weights = _random_states(family, ids, key_visit)
        actions = _actions(family, key_try)

        def vector_of(problem_id: Array) -> Float[Array, " everything"]:
            problem = family.problem(problem_id)

            def outcome(state: State, action: Action) -> Float[Array, " features"]:
                mask = mask_of(family, problem, None, state)
                _, step = family.step(key_try, problem, None, state, action)
                observation = family.observation_space.encode(step.observation)
                result = jnp.append(observation, step.reward)
                return result if mask is None else jnp.where(mask[action], result, 0.0)

            outcomes = jax.vmap(jax.vmap(outcome, (None, 0)), (0, None))(states, actions)
            return (outcomes * jnp.sqrt(weights)[:, None, None]).reshape(-1)

        features = jax.vmap(vector_of)(ids)
        features = features - features.mean(0)
        means = features @ jax.random.normal(key_project, (features.shape[1], size))
        scale = jnp.sqrt(jnp.square(means).sum(-1).mean())
        self.means = means / jnp.maximum(scale, 1e-6)

    def __call__(self, problem_id: ProblemID) -> Float[Array, "... Z"]:
        """Return the encoding of a problem, or of many."""
        return jax.lax.stop_gradient(super().__call__(problem_id))


def check_dynamics(family: Family) -> None:
    """Raise UserError where states cannot be tried, or what they show does not fit into memory."""
    if at_once(family) is not None:
        raise UserError(
            f"predict-dynamics tries every action in states of its own choice, and {family.name!r} "
            "is played outside of JAX, where they cannot be set; choose another objective"
        )
    states = EPISODES * horizon_of(family, exploring=True)
    features, actions = family.observation_space.features, len(_actions(family, jax.random.key(0)))
    size = 4 * len(family.train_ids) * states * actions * (features + 1)
    message = f"predict-dynamics compares {actions} actions in {states:,} states in each of "
    message += f"{len(family.train_ids):,} problems of {family.name!r}, which"
    check_fits(size, message, "choose fewer problems")


def _actions(family: Family, key: Key) -> Action:
    """Return all actions but the end, which shows nothing; some, where they have no numbers."""
    space = family.action_space
    if not isinstance(space, Discrete):
        return jax.vmap(space.sample)(jax.random.split(key, SAMPLED))
    return jnp.array([action for action in range(space.n) if action != family.end_action])


def _random_states(family: Family, ids: Array, key: Key) -> tuple[State, Float[Array, " states"]]:
    """Return states of random explorations, and weights: those that look alike have 1 together."""
    key_ids, key_play, key_code = jax.random.split(key, 3)
    space = family.action_space

    def act(carry, percept, key):
        if isinstance(space, Discrete):
            goes_on = jnp.arange(space.n) != (
                -1 if family.end_action is None else family.end_action
            )
            allowed = goes_on if percept.allowed is None else percept.allowed & goes_on
            percept = percept._replace(allowed=allowed)
        return carry, Choice(any_action(space, percept, key))

    def explore(problem_id: Array, key: Key) -> tuple[State, Trajectory]:
        episode = rollout(family, family.problem(problem_id), None, act, None, key, states=True)
        return episode.states, episode.trajectory

    problem_ids = jax.random.choice(key_ids, ids, (EPISODES,))
    states, trajectories = jax.vmap(explore)(problem_ids, jax.random.split(key_play, EPISODES))
    # After an end there is nothing to try.
    states, observations = jax.tree.map(
        lambda x: x[:, :-1].reshape(trajectories.mask.size, *x.shape[2:]),
        (states, trajectories.observations),
    )
    mask, features = trajectories.mask.reshape(-1), family.observation_space.encode(observations)
    codes = features @ jax.random.normal(key_code, (features.shape[-1],))
    matches = (jnp.abs(codes[:, None] - codes) < ALIKE) & mask
    return states, jnp.where(mask, 1 / jnp.maximum(matches.sum(1), 1), 0.0)
