"""Exploration policy pi(a | s, tau_:t), paid for the information it gains (eq. 5)."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dreamrl.agents.dream.decoder import Decoder
from dreamrl.agents.dream.stopping import StopRule
from dreamrl.agents.policy import Senses, bar
from dreamrl.learners import ppo
from dreamrl.networks.actor_critic import ActorCritic, Decision
from dreamrl.spaces import ActionSpace, Space
from dreamrl.trial import Percept
from dreamrl.types import Action, Key


class ExplorationPolicy(eqx.Module):
    """Sees what happened and what the decoder makes of it; never a goal, a z or an ID.

    It cannot take `barred`, the action that ends an episode: `stop` says when enough is known.
    A `random` one takes all others equally often, whatever it sees.
    """

    senses: Senses
    network: ActorCritic
    stop: StopRule
    barred: int | None = eqx.field(static=True)
    random: bool = eqx.field(static=True)

    def __init__(
        self,
        key: Key,
        observations: Space,
        actions: ActionSpace,
        size: int,
        z: int,
        barred: int | None = None,
        random: bool = False,
    ):
        self.barred, self.random = barred, random
        key_network, key_stop = jax.random.split(key)
        self.senses = Senses(jax.random.fold_in(key, 2), observations, actions, size)
        self.network = ActorCritic(key_network, self.senses.features + z, actions, size)
        self.stop = StopRule(key_stop, size)

    def step(
        self, memory: Float[Array, " size"], percept: Percept, belief: Float[Array, " Z"]
    ) -> tuple[Float[Array, " size"], Decision]:
        memory, decision = self.network.step(memory, self._features(percept, belief))
        return memory, self._allowed(decision)

    def unroll(self, percepts: Percept, beliefs: Float[Array, "T Z"]) -> Decision:
        features = self._features(percepts, beliefs)
        return self._allowed(self.network.unroll(self.network.start(), features))

    def at_random(self, decision: Decision) -> Decision:
        """Every action that is not barred, equally often."""
        return bar(decision._replace(policy=decision.policy.anything()), self.barred)

    def _features(self, percept: Percept, belief: Array) -> Float[Array, "... features"]:
        return jnp.concatenate([self.senses(percept), belief], axis=-1)

    def choose(self, decision: Decision, key: Key) -> Action:
        """The action taken at meta-test: the greedy one, or any if it is random."""
        if self.random:
            return decision.policy.sample(key)
        return decision.policy.mode()

    def _allowed(self, decision: Decision) -> Decision:
        return self.at_random(decision) if self.random else bar(decision, self.barred)


class ExplorerMemory(NamedTuple):
    policy: Float[Array, " size"]
    decoder: Float[Array, " size"]
    seen: Float[Array, " features"]
    """What the decoder saw last: it reads whole transitions."""


def start(policy: ExplorationPolicy, decoder: Decoder) -> ExplorerMemory:
    return ExplorerMemory(policy.network.start(), decoder.start(), jnp.zeros(decoder.look.features))


def decide(
    policy: ExplorationPolicy, decoder: Decoder, memory: ExplorerMemory, percept: Percept
) -> tuple[ExplorerMemory, Decision, Float[Array, " Z"]]:
    """The decoder reads the last transition, then the policy decides on what it believes."""
    seen = decoder.look(percept.observation)
    read = decoder.step(memory.decoder, memory.seen, percept.action, percept.reward, seen)
    read = jnp.where(percept.first, memory.decoder, read)
    belief = decoder.belief(read)
    hidden, decision = policy.step(memory.policy, percept, belief)
    return ExplorerMemory(hidden, read, seen), decision, belief


def exploration_rewards(
    errors: Float[Array, " times"],
    mask: Bool[Array, " T"],
    unit: Float[Array, ""] | float,
    cost: Float[Array, ""] | float,
) -> Float[Array, " T"]:
    """r_t = (|f - g(tau_:t)|^2 - |f - g(tau_:t+1)|^2) / unit - cost for the steps taken.

    `errors` has T+1 entries. `unit` is the decoder's mean error before any observation, so gain
    and `cost` are shares of all there is to know, in any family. The sum telescopes: error before
    - error after - c length.
    """
    gained = (errors[:-1] - errors[1:]) / unit
    return jnp.where(mask, gained - cost, 0.0)


def price(cost: float, known: Float[Array, ""]) -> Float[Array, ""]:
    """What a step costs, c, as a share of all there is to know.

    `cost` is its share of what can be found out, and `known` how much explorations of full length
    recover of all. Where that is little, a share of everything would be more than any step is
    worth (docs/lessons.md).
    """
    return cost * jnp.clip(known, 0.0, 1.0)


def returns_as_rewards(
    mask: Bool[Array, " T"], exploitation_return: Float[Array, ""]
) -> Float[Array, " T"]:
    """End to end: an exploration's last step is paid what the exploitation after it returned."""
    steps = jnp.arange(mask.shape[0])
    return jnp.where(steps == mask.sum() - 1, exploitation_return, 0.0)


class ExplorationBatch(NamedTuple):
    """B explorations; nothing in it comes from an exploitation."""

    percepts: Percept
    beliefs: Float[Array, "B T Z"]
    worth: Float[Array, "B T"]
    """What going on was worth at each step: the stop rule's targets."""
    ppo: ppo.Batch


def exploration_loss(
    policy: ExplorationPolicy, batch: ExplorationBatch, clip: float, entropy_weight: Array | float
) -> tuple[Float[Array, ""], ppo.PPOLoss]:
    decision = jax.vmap(policy.unroll)(batch.percepts, batch.beliefs)
    loss = ppo.ppo_loss(decision, batch.ppo, clip)
    mask = batch.ppo.mask
    errors = jnp.square(policy.stop(decision.state) - batch.worth)
    stop = (errors * mask).sum() / jnp.maximum(mask.sum(), 1)
    return loss.total(entropy_weight) + 0.5 * stop, loss
