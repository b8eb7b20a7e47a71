"""Whole trials played by one policy, and the policy's loss on them."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dreamrl.agents.policy import bar
from dreamrl.agents.whole_trial.nets import Nets, read_all
from dreamrl.families.family import Family
from dreamrl.learners import ppo
from dreamrl.networks.actor_critic import Decision
from dreamrl.trial import Choice, Played, before, rollout
from dreamrl.types import Action, Goal, Key, ProblemID, Trajectory


class Told(NamedTuple):
    """In an informed trial the policy is told this z, not what the reader makes of the trial."""

    z: Float[Array, "... Z"]
    informed: Bool[Array, "..."]


class Recorded(NamedTuple):
    """B trials as they were played."""

    problem_id: ProblemID
    played: Played
    told: Told | None


class WholeTrials(NamedTuple):
    """B trials and what PPO's loss needs to know of them."""

    recorded: Recorded
    exploration: ppo.Batch
    """[B, T]"""
    exploitation: ppo.Batch
    """[B, N, T]"""


class Credit(NamedTuple):
    """How returns are counted."""

    discount: float
    gae_lambda: float
    count_exploration: bool
    """Whether the exploration's own rewards are among them."""


Kept = tuple[Array, Array]
"""Log-probability and value of each decision; of Q-learning's there is nothing to be kept."""

Pick = Callable[[Decision, Key], Action]
"""How an action is drawn in training."""


def sampled(decision: Decision, key: Key) -> Action:
    return decision.policy.sample(key)


def play(
    nets: Nets,
    family: Family,
    problem_id: ProblemID,
    told: Told | None,
    episodes: int,
    explores: bool,
    key: Key,
    pick: Pick = sampled,
) -> tuple[Played, Kept, Kept]:
    """One trial: the reader's memory goes on from the exploration into each exploitation.

    A method that does not explore has explorations of no step.
    """
    key_explore, key_goals, key_exploit = jax.random.split(key, 3)
    problem = family.problem(problem_id.value)

    def episode(goal: Goal, memory: Array, key: Key) -> tuple[Trajectory, Kept]:
        def act(memory, percept, key):
            memory = nets.reader.step(memory, percept, goal)
            z = choose(told, nets.tell(memory))
            _, decision = nets.policy.step(nets.policy.start(), percept, goal, z)
            if goal is None:
                decision = bar(decision, family.end_action)
            action = pick(decision, key)
            log_prob = decision.policy.log_prob(action)
            stop = goal is None and not explores
            return memory, Choice(action, stop, kept=(log_prob, decision.value))

        return rollout(family, problem, goal, act, memory, key)

    exploration, kept_x = episode(None, nets.reader.start(), key_explore)
    memory = read_all(nets.reader, exploration)[-1]
    draw = jax.vmap(family.sample_goal, in_axes=(0, None))
    goals = draw(jax.random.split(key_goals, episodes), problem)
    keys = jax.random.split(key_exploit, episodes)
    exploitation, kept_e = jax.vmap(episode, in_axes=(0, None, 0))(goals, memory, keys)
    return Played(exploration, goals, exploitation), kept_x, kept_e


def choose(told: Told | None, z: Float[Array, "... Z"]) -> Float[Array, "... Z"]:
    return z if told is None else jnp.where(told.informed[..., None], told.z, z)


def whole_trials(
    problem_id: ProblemID,
    played: Played,
    told: Told | None,
    kept_x: Kept,
    kept_e: Kept,
    credit: Credit,
) -> WholeTrials:
    """Advantages run through the trial: the exploration leads to the exploitation's returns.

    What follows an exploration's last step is the lambda return of the exploitation episodes,
    a mean over them.
    """
    exploration, exploitation = played.exploration, played.exploitation
    learned = ppo.make_batch(
        exploitation.actions,
        exploitation.rewards,
        exploitation.terminated,
        exploitation.mask,
        *kept_e,
        credit.discount,
        credit.gae_lambda,
        floor=0.3,
    )
    first = kept_e[1][..., 0]
    following = first + credit.gae_lambda * (learned.targets[..., 0] - first)
    rewards = exploration.rewards * float(credit.count_exploration)
    # Neither an end nor the horizon ends the trial here: the exploitation follows.
    explored = ppo.make_batch(
        exploration.actions,
        rewards,
        jnp.zeros_like(exploration.terminated),
        exploration.mask,
        *kept_x,
        credit.discount,
        credit.gae_lambda,
        floor=0.1,
        after=following.mean(1),
    )
    return WholeTrials(Recorded(problem_id, played, told), explored, learned)


class Memories(NamedTuple):
    """The reader's memory all through B trials."""

    exploration: Float[Array, "B times size"]
    """[B, T+1]"""
    exploitation: Float[Array, "B N T size"]


def read(nets: Nets, played: Played) -> Memories:
    """The memories of recorded trials, as they were while playing if the reader is the same."""
    explored = jax.vmap(lambda x: read_all(nets.reader, x))(played.exploration)
    seen = jax.vmap(jax.vmap(before))(played.exploitation)
    unroll = jax.vmap(nets.reader.unroll, in_axes=(None, 0, 0))
    return Memories(explored, jax.vmap(unroll)(explored[:, -1], seen, played.goals))


def decide(nets: Nets, recorded: Recorded, memories: Memories) -> tuple[Decision, Decision]:
    """The policy's decisions of the explorations [B, T] and of the exploitations [B, N, T]."""
    played, told = recorded.played, recorded.told
    over_steps = None if told is None else jax.tree.map(lambda x: x[:, None], told)
    over_episodes = None if told is None else jax.tree.map(lambda x: x[:, None, None], told)
    z_x = choose(over_steps, nets.tell(memories.exploration[:, :-1]))
    z_e = choose(over_episodes, nets.tell(memories.exploitation))
    unroll = nets.policy.unroll
    seen_x = jax.vmap(before)(played.exploration)
    seen_e = jax.vmap(jax.vmap(before))(played.exploitation)
    decision_x = jax.vmap(lambda seen, z: unroll(seen, None, z))(seen_x, z_x)
    decision_e = jax.vmap(jax.vmap(unroll))(seen_e, played.goals, z_e)
    return decision_x, decision_e


class Weights(NamedTuple):
    """Of entropies and of the log barrier."""

    exploration_entropy: Float[Array, ""]
    entropy: Float[Array, ""]
    barrier: Float[Array, ""]


def policy_loss(
    nets: Nets,
    trials: WholeTrials,
    memories: Memories,
    barred: int | None,
    clip: float,
    weights: Weights,
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """PPO on both episodes of the trial."""
    decision_x, decision_e = decide(nets, trials.recorded, memories)
    explored = ppo.ppo_loss(bar(decision_x, barred), trials.exploration, clip)
    exploited = ppo.ppo_loss(decision_e, trials.exploitation, clip)
    loss = explored.total(weights.exploration_entropy) + exploited.total(weights.entropy)
    loss += weights.barrier * ppo.log_barrier(decision_e.policy, trials.exploitation.mask)
    entropies = {
        "exploration_entropy": explored.entropy,
        "exploitation_entropy": exploited.entropy,
    }
    return loss, entropies
