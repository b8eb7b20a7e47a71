"""One trial: an exploration episode, then exploitation episodes that are scored.

Everything here is for one trial; `jax.vmap` makes it wide.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from dreamrl.families.family import Family
from dreamrl.families.turns import at_once, in_turns
from dreamrl.spaces import inside
from dreamrl.types import Action, Belief, Goal, Key, Observation, Problem, Trajectory


class Percept(NamedTuple):
    """What an agent sees before it acts: the observation and what its last action brought."""

    observation: Observation
    action: Action
    """The previous action; meaningless where `first`."""
    reward: Float[Array, "..."]
    first: Bool[Array, "..."]


class Choice(NamedTuple):
    """What an agent does next."""

    action: Action
    stop: Bool[Array, ""] | bool = False
    """End the episode here, without taking the action."""
    kept: Any = ()
    """Whatever is to be recorded of the decision."""


Act = Callable[[PyTree, Percept, Key], tuple[PyTree, Choice]]
"""(memory, percept, key) -> memory, choice."""


def rollout(
    family: Family, problem: Problem, goal: Goal, act: Act, memory: PyTree, key: Key
) -> tuple[Trajectory, Any]:
    """Plays one episode of at most `family.horizon` steps.

    Returns the trajectory and, with a leading T axis, what `act` kept of each decision. Mapped
    over, no more are played side by side than the family can (`dreamrl.families.turns`).
    """

    def play(problem, goal, memory, key):
        return _episode(family, problem, goal, act, memory, key)

    return in_turns(play, at_once(family))(problem, goal, memory, key)


def _episode(
    family: Family, problem: Problem, goal: Goal, act: Act, memory: PyTree, key: Key
) -> tuple[Trajectory, Any]:
    key_reset, key_act, key_step = jax.random.split(key, 3)
    state, observation = family.reset(key_reset, problem)
    actions = family.action_space
    nothing = jnp.zeros(actions.shape, actions.dtype)
    percept = Percept(observation, nothing, jnp.array(0.0), jnp.array(True))

    def step(carry, keys):
        state, memory, percept, alive = carry
        memory, choice = act(memory, percept, keys[0])
        action, alive = choice.action, alive & ~jnp.asarray(choice.stop)
        following, outcome = family.step(keys[1], problem, goal, state, inside(actions, action))
        state = jax.tree.map(lambda new, old: jnp.where(alive, new, old), following, state)
        observation = jnp.where(alive, outcome.observation, percept.observation)
        reward = jnp.where(alive, outcome.reward, 0.0)
        terminated, truncated = outcome.terminated & alive, outcome.truncated & alive
        after = Percept(observation, action, reward, jnp.array(False))
        taken = (percept.observation, action, reward, terminated, truncated, alive)
        return (state, memory, after, alive & ~(terminated | truncated)), (taken, choice.kept)

    keys = (jax.random.split(key_act, family.horizon), jax.random.split(key_step, family.horizon))
    carry = (state, memory, percept, jnp.array(True))
    (_, _, last, _), (taken, kept) = jax.lax.scan(step, carry, keys)
    observations = jnp.concatenate([taken[0], last.observation[None]])
    return Trajectory(observations, *taken[1:]), kept


def percepts(trajectory: Trajectory) -> Percept:
    """What the agent saw along a trajectory, the final observation included: [T+1]."""
    first = jnp.arange(trajectory.actions.shape[0] + 1) == 0
    return Percept(
        trajectory.observations,
        jnp.concatenate([jnp.zeros_like(trajectory.actions[:1]), trajectory.actions]),
        jnp.concatenate([jnp.zeros_like(trajectory.rewards[:1]), trajectory.rewards]),
        first,
    )


def before(trajectory: Trajectory) -> Percept:
    """[T]: what was seen before each action."""
    return jax.tree.map(lambda x: x[:-1], percepts(trajectory))


class Played(NamedTuple):
    """What happened in a trial; exploitation has a leading axis of N episodes."""

    exploration: Trajectory
    goals: Array
    exploitation: Trajectory


class Trial(NamedTuple):
    """A whole trial; exploitation has a leading axis of N episodes, each with its own goal."""

    exploration: Trajectory
    beliefs: Belief
    """[T+1]: after 0, 1, ... T steps of the exploration."""
    goals: Array
    exploitation: Trajectory
