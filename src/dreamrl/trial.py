"""One trial: an exploration episode, then exploitation episodes that are scored.

`play` plays a trial, by `exploration` and `exploitation`, its two parts: training, meta-test,
stories and deployment on a family's problems all go through them. An `Actor` says how to explore,
what to carry over, and how to exploit. Everything here handles one trial; batch it with `jax.vmap`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree, Scalar

from dreamrl.families.family import CanObserve, Family, has_mask, horizon_of, mask_of
from dreamrl.families.turns import at_once, in_turns
from dreamrl.networks.distributions import MASKED, Distribution
from dreamrl.spaces import ActionSpace, inside
from dreamrl.types import Action, Belief, Goal, Key, Percept, Problem, State, Trajectory


def any_action(actions: ActionSpace, percept: Percept, key: Key) -> Action:
    """Return an action at random, all that are possible now being as likely."""
    if percept.allowed is None:
        return actions.sample(key)
    return jax.random.categorical(key, jnp.where(percept.allowed, 0.0, MASKED))


class Choice(NamedTuple):
    """An agent's next action."""

    action: Action
    stop: Bool[Array, ""] | bool = False
    """End the episode here, without taking the action."""
    extras: Any = ()
    """Records of the decision: log-probability, value, belief."""


class Decided(NamedTuple):
    """A trained agent's record of its choice, for views of the trial."""

    policy: Distribution
    continuation: Float[Array, "..."] | None = None
    """Value of going on with the exploration, where the agent stops by it."""


Act = Callable[[PyTree, Percept, Key], tuple[PyTree, Choice]]
"""(carry, percept, key) -> carry, choice."""


@runtime_checkable
class Actor(Protocol):
    """A way to explore, to carry over beliefs, and to exploit. A pytree of parameters.

    A trained agent is a greedy actor, and none of its functions takes a `ProblemID`. In training a
    method supplies a behaviour actor, which samples, and records what its learner needs.
    """

    def init_exploration(self) -> PyTree:
        """Return the carry with which an exploration begins."""
        ...

    def explore(self, carry: PyTree, percept: Percept, key: Key) -> tuple[PyTree, Choice]:
        """Return the next carry and what to do; `Choice.stop` ends the exploration."""
        ...

    def beliefs(self, exploration: Trajectory) -> Belief:
        """Return the belief after 0, 1, ... T steps of an exploration, with a leading [T+1] axis.

        After the end it stays the same, so the last one is what is carried over.
        """
        ...

    def init_exploitation(self, belief: Belief, episode: Int[Scalar, ""] | int, key: Key) -> PyTree:
        """Return the carry with which exploitation episode number `episode` begins."""
        ...

    def exploit(
        self, carry: PyTree, percept: Percept, goal: Goal, key: Key
    ) -> tuple[PyTree, Choice]:
        """Return the next carry and what to do; exploitation does not stop by itself."""
        ...


class Episode(NamedTuple):
    """One episode, and the records on the way."""

    trajectory: Trajectory
    extras: Any
    """[T, ...]: the actor's record of each decision."""
    states: State | None
    """[T+1, ...]: the environment's states; None unless they were asked for. Not for agents."""


def rollout(
    family: Family,
    problem: Problem,
    goal: Goal,
    act: Act,
    carry: PyTree,
    key: Key,
    *,
    start: State | None = None,
    steps: int | None = None,
    states: bool = False,
) -> Episode:
    """Play one episode.

    Mapped over, no more are played side by side than the family can (`dreamrl.families.turns`).

    Args:
        goal: What is asked for; None in an exploration.
        act: Chooses each action; it threads `carry` through the episode.
        start: Where it begins, of a family that can `observe` it; None: where `reset` says.
        steps: How many are taken at most; None: as many as `horizon_of` says.
        states: Whether to keep the environment's states.
    """
    steps = horizon_of(family, exploring=goal is None) if steps is None else steps

    def episode(problem, goal, carry, key):
        return _episode(family, problem, goal, act, carry, key, start, steps, states)

    return in_turns(episode, at_once(family))(problem, goal, carry, key)


def _episode(
    family: Family,
    problem: Problem,
    goal: Goal,
    act: Act,
    carry: PyTree,
    key: Key,
    start: State | None,
    steps: int,
    states: bool,
) -> Episode:
    key_reset, key_act, key_step = jax.random.split(key, 3)
    if start is not None and isinstance(family, CanObserve):
        observation = family.observe(problem, start)
    else:
        start, observation = family.reset(key_reset, problem)
    actions = family.action_space
    no_action = jnp.zeros(actions.shape, actions.dtype)
    allowed = mask_of(family, problem, goal, start)
    percept = Percept(observation, no_action, jnp.array(0.0), jnp.array(True), allowed)

    def step(loop, keys):
        state, carry, percept, alive = loop
        carry, choice = act(carry, percept, keys[0])
        action, alive = choice.action, alive & ~jnp.asarray(choice.stop)
        next_state, outcome = family.step(keys[1], problem, goal, state, inside(actions, action))
        state = jax.tree.map(lambda new, old: jnp.where(alive, new, old), next_state, state)
        observation = jnp.where(alive, outcome.observation, percept.observation)
        reward = jnp.where(alive, outcome.reward, 0.0)
        terminated, truncated = outcome.terminated & alive, outcome.truncated & alive
        transition = (action, reward, terminated, truncated, alive, percept.allowed)
        record = ((percept.observation, *transition), choice.extras, state if states else None)
        alive = alive & ~(terminated | truncated)
        allowed = mask_of(family, problem, goal, state)
        # After the end it says nothing, and must leave losses finite.
        allowed = None if allowed is None else allowed | ~alive
        next_percept = Percept(observation, action, reward, jnp.array(False), allowed)
        return (state, carry, next_percept, alive), record

    keys = (jax.random.split(key_act, steps), jax.random.split(key_step, steps))
    loop = (start, carry, percept, jnp.array(True))
    (_, _, last, _), (transition, extras, episode_states) = jax.lax.scan(step, loop, keys)
    observations, *rest, allowed = transition
    observations, allowed = jax.tree.map(
        lambda all_, one: jnp.concatenate([all_, one[None]]),
        (observations, allowed),
        (last.observation, last.allowed),
    )
    if states:
        join = lambda first, rest: jnp.concatenate([jnp.asarray(first)[None], rest])  # noqa: E731
        episode_states = jax.tree.map(join, start, episode_states)
    trajectory = Trajectory(observations, *rest)._replace(allowed=allowed)
    return Episode(trajectory, extras, episode_states)


def blank(family: Family, exploring: bool = True) -> Trajectory:
    """Return a trajectory as long as the horizon, in which no step was taken; in NumPy."""
    steps, space = horizon_of(family, exploring), family.action_space
    view = family.observation_space
    observations: Any = np.zeros((steps + 1, *view.shape), view.dtype)
    actions: Any = np.zeros((steps, *space.shape), space.dtype)
    rest: Any = (np.zeros(steps, kind) for kind in (np.float32, bool, bool, bool))
    trajectory = Trajectory(observations, actions, *rest)
    if not has_mask(family, exploring):
        return trajectory
    allowed: Any = np.ones((steps + 1, space.features), bool)
    return trajectory._replace(allowed=allowed)


class TrialKeys(NamedTuple):
    """The random keys of one trial."""

    explore: Key
    goals: Key
    """[N]"""
    exploit: Key
    """[N]"""


def trial_keys(key: Key, episodes: int) -> TrialKeys:
    """Return the keys of a trial with so many exploitation episodes."""
    key_explore, key_goals, key_exploit = jax.random.split(key, 3)
    goals, exploit = (jax.random.split(k, episodes) for k in (key_goals, key_exploit))
    return TrialKeys(key_explore, goals, exploit)


class Extras(NamedTuple):
    """An actor's records of its decisions."""

    exploration: Any = ()
    """[T, ...]"""
    exploitation: Any = ()
    """[N, T, ...]"""


class States(NamedTuple):
    """The environment's states in a trial. Agents never see them."""

    exploration: State
    """[T+1, ...]"""
    exploitation: State
    """[N, T+1, ...]"""


class Trial(NamedTuple):
    """A whole trial; exploitation has a leading axis of N episodes, each with its own goal."""

    exploration: Trajectory
    beliefs: Any
    """A `Belief`, [T+1]: after 0, 1, ... T steps of the exploration; replay keeps None."""
    goals: Array
    """[N, ...]"""
    exploitation: Trajectory
    """[N, T, ...]"""
    extras: Extras = Extras()
    states: States | None = None


def exploration(
    family: Family,
    problem: Problem,
    actor: Actor,
    key: Key,
    *,
    states: bool = False,
) -> tuple[Episode, Belief]:
    """Play a trial's exploration; return it, and the beliefs [T+1] after each of its steps."""
    carry = actor.init_exploration()
    episode = rollout(family, problem, None, actor.explore, carry, key, states=states)
    return episode, actor.beliefs(episode.trajectory)


def exploitation(
    family: Family,
    problem: Problem,
    actor: Actor,
    belief: Belief,
    goal: Goal,
    number: Int[Scalar, ""] | int,
    key: Key,
    *,
    states: bool = False,
) -> Episode:
    """Play exploitation episode `number` of a trial, on what an exploration left."""

    def act(carry, percept, key):
        return actor.exploit(carry, percept, goal, key)

    # Folded in, so that an actor that draws nothing leaves the episode's own key as it is.
    carry = actor.init_exploitation(belief, number, jax.random.fold_in(key, 0))
    return rollout(family, problem, goal, act, carry, key, states=states)


def play(
    family: Family,
    problem: Problem,
    actor: Actor,
    key: Key | TrialKeys,
    *,
    episodes: int = 1,
    states: bool = False,
) -> Trial:
    """Play one trial: an exploration, then exploitation episodes that each draw a goal.

    The environment reads `problem`; the actor gets observations, rewards and goals alone, and
    between the episodes nothing is carried over but the belief that the exploration left.

    Args:
        family: Whose problem it is.
        problem: What `family.problem` gives for an ID.
        actor: A trained agent, or a method's behaviour in training.
        key: A random key; or, from a method that draws them itself, all keys of the trial.
        episodes: N, the number of exploitation episodes.
        states: Whether to keep the environment's states, to draw what observations do not tell.
    """
    keys = key if isinstance(key, TrialKeys) else trial_keys(key, episodes)
    first, beliefs = exploration(family, problem, actor, keys.explore, states=states)
    belief = jax.tree.map(lambda x: x[-1], beliefs)

    def exploit(goal: Array, number: Array, key: Key) -> Episode:
        return exploitation(family, problem, actor, belief, goal, number, key, states=states)

    goals = jax.vmap(family.sample_goal, in_axes=(0, None))(keys.goals, problem)
    second = jax.vmap(exploit)(goals, jnp.arange(episodes), keys.exploit)
    return Trial(
        first.trajectory,
        beliefs,
        goals,
        second.trajectory,
        Extras(first.extras, second.extras),
        States(first.states, second.states) if states else None,
    )


def percepts(trajectory: Trajectory) -> Percept:
    """Return the agent's percepts along a trajectory, the final observation included: [T+1]."""
    first = jnp.arange(trajectory.actions.shape[0] + 1) == 0
    return Percept(
        trajectory.observations,
        jnp.concatenate([jnp.zeros_like(trajectory.actions[:1]), trajectory.actions]),
        jnp.concatenate([jnp.zeros_like(trajectory.rewards[:1]), trajectory.rewards]),
        first,
        trajectory.allowed,
    )


def before(trajectory: Trajectory) -> Percept:
    """Return the percept before each action: [T]."""
    return jax.tree.map(lambda x: x[:-1], percepts(trajectory))
