"""The policy that all methods share: told what the problem is, asked for a goal."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.networks.actor_critic import ActorCritic, Decision
from dreamrl.networks.distributions import Categorical
from dreamrl.networks.layers import Dense
from dreamrl.networks.senses import TILE, Look, attend, look
from dreamrl.spaces import ActionSpace, Space
from dreamrl.trial import Percept
from dreamrl.types import Goal, Key


class Senses(eqx.Module):
    """Observation, previous action and reward, and whether the episode begins here: a vector."""

    look: Look
    action_space: ActionSpace = eqx.field(static=True)

    def __init__(self, key: Key, observations: Space, actions: ActionSpace, size: int):
        self.look = look(key, observations, size)
        self.action_space = actions

    @property
    def features(self) -> int:
        return self.look.features + self.action_space.features + 2

    def __call__(self, percept: Percept) -> Float[Array, "... features"]:
        parts = [
            self.look(percept.observation),
            self.action_space.encode(percept.action) * ~percept.first[..., None],
            percept.reward[..., None],
            percept.first[..., None].astype(jnp.float32),
        ]
        return jnp.concatenate(parts, axis=-1)


class InstructedPolicy(eqx.Module):
    """What (goal, z) mean depends on where one stands: they also gate what is seen.

    Where that is made of tiles, they gate the channels of each, all tiles alike: what to look for
    is the same wherever it lies. In an exploration the goal is None. z may be one vector for the
    episode or one a step. With a goal it cannot take `barred`.
    """

    senses: Senses
    network: ActorCritic
    goal: Dense
    told: Dense
    context: Dense
    attention: Dense | None
    goal_space: Space = eqx.field(static=True)
    barred: int | None = eqx.field(static=True)

    def __init__(
        self,
        key: Key,
        observations: Space,
        actions: ActionSpace,
        goals: Space,
        size: int,
        z: int,
        recurrent: bool = True,
        barred: int | None = None,
    ):
        self.goal_space, self.barred = goals, barred
        keys = jax.random.split(key, 4)
        self.senses = Senses(jax.random.fold_in(key, 4), observations, actions, size)
        features = self.senses.features + size
        self.network = ActorCritic(keys[0], features, actions, size, recurrent)
        self.goal = Dense(keys[1], goals.features, size)
        self.told = Dense(keys[2], z, size)
        self.context = Dense(keys[3], size, size)
        tiled = self.senses.look.tiles > 0
        self.attention = Dense(jax.random.fold_in(key, 5), size, TILE) if tiled else None

    def start(self) -> Float[Array, " memory"]:
        return self.network.start()

    def step(
        self, memory: Float[Array, " memory"], percept: Percept, goal: Goal, z: Float[Array, " Z"]
    ) -> tuple[Float[Array, " memory"], Decision]:
        memory, decision = self.network.step(memory, *self._inputs(percept, goal, z))
        return memory, self._allowed(decision, goal)

    def unroll(self, percepts: Percept, goal: Goal, z: Float[Array, "... Z"]) -> Decision:
        """Decisions of a whole episode, as `step` by step gives them."""
        decision = self.network.unroll(self.start(), *self._inputs(percepts, goal, z))
        return self._allowed(decision, goal)

    def _allowed(self, decision: Decision, goal: Goal) -> Decision:
        return decision if goal is None else bar(decision, self.barred)

    def _inputs(self, percept: Percept, goal: Goal, z: Array) -> tuple[Array, Array]:
        told = self.told(z)
        if goal is None:
            task = jax.nn.relu(told)
        else:
            asked = self.goal(self.goal_space.encode(goal))
            task = jax.nn.relu(asked + told + asked * told)
        task_everywhere = jnp.broadcast_to(task, (*percept.first.shape, task.shape[-1]))
        seen = self.senses(percept)
        if self.attention is not None:
            seen = attend(seen, self.senses.look.tiles, _gate(self.attention, task))
        gate = _gate(self.context, task)
        return jnp.concatenate([seen, task_everywhere], axis=-1), gate


def _gate(layer: Dense, task: Float[Array, "... size"]) -> Float[Array, "... outputs"]:
    """Around 1, from 0 to 2."""
    return 2 * jax.nn.sigmoid(2 * layer(task))


def bar(decision: Decision, barred: int | None) -> Decision:
    """The decision without one action: an episode that can be ended early learns to be.

    An exploration's end has nothing to show, and before an agent can use what it finds, everything
    else costs. Of an exploitation at random that may end, a long way is never seen.
    """
    if barred is None:
        return decision
    assert isinstance(decision.policy, Categorical)
    return decision._replace(policy=decision.policy.without(barred))


def goal_features(goals: Space) -> int:
    """Length of the vector that `encode_goal` returns."""
    return goals.features + 1


def encode_goal(goals: Space, goal: Goal, lead: tuple[int, ...]) -> Float[Array, "... features"]:
    """The goal, the same for all leading axes; where there is none, zeros and a flag."""
    if goal is None:
        return jnp.zeros((*lead, goal_features(goals))).at[..., -1].set(1.0)
    asked = jnp.append(goals.encode(goal), 0.0)
    return jnp.broadcast_to(asked, (*lead, goal_features(goals)))
