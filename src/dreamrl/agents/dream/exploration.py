"""Exploration policy pi(a | s, tau_:t), paid for the information it gains (eq. 5)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from dreamrl.agents.dream.decoder import Decoder
from dreamrl.agents.dream.stopping import ContinuationValue, StopRule
from dreamrl.agents.mistakes import kind_of
from dreamrl.errors import UserError
from dreamrl.families.family import Family
from dreamrl.networks.actor_critic import ActorCritic, Decision, allow_actions, mask_action
from dreamrl.networks.distributions import Categorical
from dreamrl.networks.per_action import ActionScores
from dreamrl.networks.policy import PerceptEncoder
from dreamrl.networks.recurrent import GRU, Cell
from dreamrl.types import Action, Key, Percept, Trajectory

Script = Callable[[Percept, Int[Array, ""]], Action]
"""(percept, number of the step) -> a numbered action."""

ExplorationReward = Callable[
    [Trajectory, Float[Array, " times"], Float[Array, ""], Float[Array, ""]], Float[Array, " T"]
]
"""(exploration, errors, unit, cost) -> rewards; see `information_gain`."""


def checked_reward(reward: ExplorationReward) -> ExplorationReward:
    """Return the same exploration reward; it raises UserError unless it returns one a step."""

    def checked(exploration: Trajectory, *inputs: Float[Array, "..."]) -> Float[Array, " T"]:
        result = reward(exploration, *inputs)
        shape = exploration.rewards.shape
        if getattr(result, "shape", None) != shape:
            name = getattr(reward, "__name__", "it")
            raise UserError(
                f"an exploration reward must be of shape {shape}, one number a step, and {name} "
                f"returned {kind_of(result)}"
            )
        return result

    return checked


class ExplorationPolicy(eqx.Module):
    """Sees what happened and what the decoder makes of it; never a goal, a z or an ID.

    It cannot take `masked`, the action that ends an episode: the stop rule says when enough is
    known; nor what the percept does not allow. A `random` one takes all others equally often; one
    with a `script` follows that, as far as it is allowed.
    """

    percept_encoder: PerceptEncoder
    network: ActorCritic
    scores: ActionScores | None
    stop: StopRule
    masked: int | None = eqx.field(static=True)
    random: bool = eqx.field(static=True)
    script: Script | None = eqx.field(static=True)

    def __init__(
        self,
        key: Key,
        family: Family,
        size: int,
        z: int,
        *,
        random: bool = False,
        cell: Cell = GRU,
        stop_rule: Callable[[Key, int], StopRule] = ContinuationValue,
        script: Script | None = None,
    ):
        self.masked, self.random, self.script = family.end_action, random, script
        key_network, key_stop = jax.random.split(key)
        self.percept_encoder = PerceptEncoder(jax.random.fold_in(key, 2), family, size)
        features = self.percept_encoder.features + z
        self.network = ActorCritic(key_network, features, family.action_space, size, cell)
        self.scores = self.percept_encoder.scores(jax.random.fold_in(key, 3), size)
        self.stop = stop_rule(key_stop, size)

    def init_carry(self) -> PyTree:
        carry = self.network.init_carry()
        return carry if self.script is None else (carry, jnp.array(0))

    def step(
        self, carry: Any, percept: Percept, belief: Float[Array, " Z"]
    ) -> tuple[Any, Decision]:
        """Return the next carry and the decision."""
        if self.script is None:
            carry, decision = self.network.step(carry, self._features(percept, belief))
            return carry, self._allowed(decision, percept)
        inner, number = carry
        inner, decision = self.network.step(inner, self._features(percept, belief))
        action = self.script(percept, number)
        return (inner, number + 1), self._scripted(decision, percept, action)

    def unroll(self, percepts: Percept, beliefs: Float[Array, "T Z"]) -> Decision:
        """Return the decisions of a whole exploration, as `step` by step gives them."""
        features = self._features(percepts, beliefs)
        decision = self.network.unroll(self.network.init_carry(), features)
        if self.script is None:
            return self._allowed(decision, percepts)
        actions = jax.vmap(self.script)(percepts, jnp.arange(features.shape[0]))
        return self._scripted(decision, percepts, actions)

    def _features(
        self, percept: Percept, belief: Float[Array, "... Z"]
    ) -> Float[Array, "... features"]:
        return jnp.concatenate([self.percept_encoder(percept), belief], axis=-1)

    def _allowed(self, decision: Decision, percept: Percept) -> Decision:
        decision = self.percept_encoder.scored(self.scores, decision, percept)
        decision = mask_action(allow_actions(decision, percept.allowed), self.masked)
        if self.random:
            return decision._replace(policy=decision.policy.anything())
        return decision

    def _scripted(self, decision: Decision, percept: Percept, action: Action) -> Decision:
        assert isinstance(decision.policy, Categorical)
        choice = jnp.arange(decision.policy.logits.shape[-1]) == action[..., None]
        if percept.allowed is not None:
            is_possible = (choice & percept.allowed).any(-1, keepdims=True)
            choice = jnp.where(is_possible, choice, percept.allowed)
        return decision._replace(policy=decision.policy.anything().among(choice))


class ExplorerCarry(NamedTuple):
    """The carry of an exploration."""

    policy: PyTree
    decoder: PyTree
    seen: Float[Array, " features"]
    """The last observation, encoded: the decoder reads whole transitions."""
    belief: Float[Array, " Z"]
    """The belief that the decision was based on."""
    steps: Int[Array, ""]
    """Steps taken before the decision."""


def init_carry(policy: ExplorationPolicy, decoder: Decoder) -> ExplorerCarry:
    """Return the carry before the first step of an exploration."""
    zeros = jnp.zeros(decoder.observation.features)
    start = decoder.init_carry()
    steps = jnp.array(-1)
    return ExplorerCarry(policy.init_carry(), start, zeros, decoder.belief(start), steps)


def decide(
    policy: ExplorationPolicy, decoder: Decoder, carry: ExplorerCarry, percept: Percept
) -> tuple[ExplorerCarry, Decision]:
    """Let the decoder read the last transition, then the policy decide on what it believes."""
    observation = decoder.observation(percept.observation)
    memory = decoder.step(carry.decoder, carry.seen, percept.action, percept.reward, observation)
    memory = jax.tree.map(
        lambda old, new: jnp.where(percept.first, old, new), carry.decoder, memory
    )
    belief = decoder.belief(memory)
    inner, decision = policy.step(carry.policy, percept, belief)
    return ExplorerCarry(inner, memory, observation, belief, carry.steps + 1), decision


def information_gain(
    exploration: Trajectory,
    errors: Float[Array, " times"],
    unit: Float[Array, ""] | float,
    cost: Float[Array, ""] | float,
) -> Float[Array, " T"]:
    """Return r_t = (|f - g(tau_:t)|^2 - |f - g(tau_:t+1)|^2) / unit - cost for the steps taken.

    `errors` has T+1 entries. `unit` is the decoder's mean error before any observation, so gain
    and `cost` are shares of all there is to know, in any family. The sum telescopes: error before
    - error after - c length.
    """
    gains = (errors[:-1] - errors[1:]) / unit
    return jnp.where(exploration.mask, gains - cost, 0.0)


def step_cost(cost: float, known: Float[Array, ""]) -> Float[Array, ""]:
    """Return c, the cost of a step, as a share of all there is to know.

    `cost` is its share of what can be found out, and `known` how much explorations of full length
    recover of all. Where that is little, a share of everything would be more than any step is
    worth (docs/lessons.md).
    """
    return cost * jnp.clip(known, 0.0, 1.0)


def returns_as_rewards(
    mask: Bool[Array, " T"], exploitation_return: Float[Array, ""]
) -> Float[Array, " T"]:
    """Pay an exploration's last step what the exploitation after it returned (end to end)."""
    steps = jnp.arange(mask.shape[0])
    return jnp.where(steps == mask.sum() - 1, exploitation_return, 0.0)


def return_of_trial(
    returns: Float[Array, "B N"], decoded: Bool[Array, "B N"]
) -> tuple[Float[Array, " B"], Bool[Array, " B"]]:
    """Return the mean of each trial's episodes on the decoder's z, and whether there are any."""
    total = (returns * decoded).sum(1)
    return total / jnp.maximum(decoded.sum(1), 1), decoded.any(1)
