"""The policy that all methods share: conditioned on a goal and on a context z."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from dreamrl.families.family import Family, exploration_weight
from dreamrl.networks.actor_critic import ActorCritic, Decision, allow_actions, mask_action
from dreamrl.networks.layers import Dense, gated
from dreamrl.networks.observations import (
    TILE,
    ObservationEncoder,
    gate_tiles,
    make_observation_encoder,
    per_action,
)
from dreamrl.networks.per_action import ActionScores
from dreamrl.networks.recurrent import GRU
from dreamrl.spaces import ActionSpace, Space
from dreamrl.types import Goal, Key, Percept


class PerceptEncoder(eqx.Module):
    """Observation, previous action and reward, and whether the episode begins here: a vector."""

    observation: ObservationEncoder
    action_space: ActionSpace = eqx.field(static=True)

    def __init__(self, key: Key, family: Family, size: int):
        self.observation = make_observation_encoder(key, family.observation_space, size)
        self.action_space = family.action_space

    @property
    def features(self) -> int:
        """Length of the vector."""
        return self.observation.features + self.action_space.features + 2

    def scores(self, key: Key, size: int) -> ActionScores | None:
        """Return what scores actions by what is seen of them; None where nothing is."""
        shapes = jax.eval_shape(per_action, self.observation, _shape_of(self.observation.space))
        return None if shapes is None else ActionScores(key, size)

    def scored(self, scores: ActionScores | None, decision: Decision, percept: Percept) -> Decision:
        """Return the decision with these scores, if there are any."""
        channels = None if scores is None else per_action(self.observation, percept.observation)
        return decision if scores is None or channels is None else scores(decision, channels)

    def __call__(self, percept: Percept) -> Float[Array, "... features"]:
        """Return the vector of a percept, or of many."""
        parts = [
            self.observation(percept.observation),
            self.action_space.encode(percept.action) * ~percept.first[..., None],
            percept.reward[..., None],
            percept.first[..., None].astype(jnp.float32),
        ]
        return jnp.concatenate(parts, axis=-1)


class InstructedPolicy(eqx.Module):
    """pi(a | s, goal, z): goal and z also gate features, as what they mean depends on the state.

    Where observations are made of tiles, they gate the channels of each, all tiles alike: what to
    look for is the same wherever it lies. In an exploration the goal is None. z may be one vector
    for the episode or one a step. It cannot take the action that ends an episode, but where it
    `may_end` with a goal, or explorations have a price; and never one that the percept does not
    allow.
    """

    percept_encoder: PerceptEncoder
    network: ActorCritic
    goal: Dense
    z_proj: Dense
    context: Dense
    attention: Dense | None
    scores: ActionScores | None
    goal_space: Space = eqx.field(static=True)
    end_action: int | None = eqx.field(static=True)
    may_end: bool = eqx.field(static=True)
    priced: bool = eqx.field(static=True)

    def __init__(
        self,
        key: Key,
        family: Family,
        size: int,
        z: int,
        *,
        recurrent: bool = True,
        may_end: bool = True,
    ):
        self.goal_space = family.goal_space
        self.end_action, self.may_end = family.end_action, may_end
        self.priced = exploration_weight(family) > 0
        keys = jax.random.split(key, 4)
        self.percept_encoder = PerceptEncoder(jax.random.fold_in(key, 4), family, size)
        features = self.percept_encoder.features + size
        cell = GRU if recurrent else None
        self.network = ActorCritic(keys[0], features, family.action_space, size, cell)
        self.goal = Dense(keys[1], family.goal_space.features, size)
        self.z_proj = Dense(keys[2], z, size)
        self.context = Dense(keys[3], size, size)
        has_tiles = self.percept_encoder.observation.tiles > 0
        self.attention = Dense(jax.random.fold_in(key, 5), size, TILE) if has_tiles else None
        self.scores = self.percept_encoder.scores(jax.random.fold_in(key, 6), size)

    def init_carry(self) -> PyTree:
        """Return the carry before the first step."""
        return self.network.init_carry()

    def step(
        self, carry: PyTree, percept: Percept, goal: Goal, z: Float[Array, " Z"]
    ) -> tuple[PyTree, Decision]:
        """Return the next carry and the decision."""
        carry, decision = self.network.step(carry, *self._inputs(percept, goal, z))
        return carry, self._allowed(decision, percept, goal)

    def unroll(self, percepts: Percept, goal: Goal, z: Float[Array, "... Z"]) -> Decision:
        """Return the decisions of a whole episode, as `step` by step gives them."""
        decision = self.network.unroll(self.init_carry(), *self._inputs(percepts, goal, z))
        return self._allowed(decision, percepts, goal)

    def _allowed(self, decision: Decision, percept: Percept, goal: Goal) -> Decision:
        decision = self.percept_encoder.scored(self.scores, decision, percept)
        decision = allow_actions(decision, percept.allowed)
        may_end = self.priced if goal is None else self.may_end
        return decision if may_end else mask_action(decision, self.end_action)

    def _inputs(
        self, percept: Percept, goal: Goal, z: Float[Array, "... Z"]
    ) -> tuple[Float[Array, "... features"], Float[Array, "... size"]]:
        projection = self.z_proj(z)
        if goal is None:
            task = jax.nn.relu(projection)
        else:
            instruction = self.goal(self.goal_space.encode(goal))
            task = gated(instruction, projection)
        task_everywhere = jnp.broadcast_to(task, (*percept.first.shape, task.shape[-1]))
        features = self.percept_encoder(percept)
        if self.attention is not None:
            features = gate_tiles(
                features, self.percept_encoder.observation.tiles, _gate(self.attention, task)
            )
        return jnp.concatenate([features, task_everywhere], axis=-1), _gate(self.context, task)


def _shape_of(space: Space) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(space.shape, space.dtype)


def _gate(layer: Dense, task: Float[Array, "... size"]) -> Float[Array, "... outputs"]:
    """Return factors around 1, from 0 to 2."""
    return 2 * jax.nn.sigmoid(2 * layer(task))


def goal_features(goals: Space) -> int:
    """Return the length of the vector that `encode_goal` returns."""
    return goals.features + 1


def encode_goal(goals: Space, goal: Goal, lead: tuple[int, ...]) -> Float[Array, "... features"]:
    """Return the goal, the same for all leading axes; where there is none, zeros and a flag."""
    if goal is None:
        return jnp.zeros((*lead, goal_features(goals))).at[..., -1].set(1.0)
    vector = jnp.append(goals.encode(goal), 0.0)
    return jnp.broadcast_to(vector, (*lead, goal_features(goals)))
