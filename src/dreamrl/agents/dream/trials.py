"""DREAM's new trials: explorations, the beliefs that they leave, and exploitations."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from dreamrl.agents.agent import Metrics
from dreamrl.agents.dream import exploration
from dreamrl.agents.dream.components import Components, Explored
from dreamrl.agents.dream.decoder import belief_error
from dreamrl.agents.dream.exploitation import ExploitationBatch, encoding
from dreamrl.agents.dream.exploration import (
    ExplorationBatch,
    exploration_rewards,
    price,
    returns_as_rewards,
)
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.agents.dream.stopping import going_on, stop_length
from dreamrl.families.family import Family, draw_ids
from dreamrl.learners import ppo
from dreamrl.learners.schedules import ramp
from dreamrl.trial import Choice, before, rollout
from dreamrl.types import Key, ProblemID, Trajectory


class NewTrials(NamedTuple):
    """What one iteration adds, ready for the updates."""

    exploitation: ExploitationBatch
    exploration: ExplorationBatch
    explored: Explored
    metrics: Metrics


@dataclasses.dataclass(frozen=True)
class Player:
    """Plays the trials of one iteration, and says what each part may learn from them."""

    family: Family
    settings: DreamSettings

    def decoder_share(self, progress: Array) -> Float[Array, ""]:
        settings = self.settings
        times = (settings.decoder_share_begin, settings.decoder_share_end)
        return ramp(progress, 0.0, settings.decoder_share, *times)

    def explore(
        self, params: Components, problem_id: ProblemID, key: Key, random: Bool[Array, ""] | bool
    ) -> tuple[Trajectory, PyTree]:
        """An exploration of full length; `random` ones act at random with their own frequency."""
        policy, decoder = params.exploration, params.decoder
        key, key_frequency = jax.random.split(key)
        frequency = jnp.where(random, jax.random.uniform(key_frequency), 0.0)

        def act(memory, percept, key):
            key_action, key_random = jax.random.split(key)
            memory, decision, belief = exploration.decide(policy, decoder, memory, percept)
            at_random = jax.random.uniform(key_random) < frequency
            both = policy.at_random(decision).policy, decision.policy
            mixed = jax.tree.map(lambda any_, own: jnp.where(at_random, any_, own), *both)
            action = mixed.sample(key_action)
            log_prob = decision.policy.log_prob(action)
            kept = (log_prob, decision.value, belief, policy.stop(decision.state))
            return memory, Choice(action, kept=kept)

        problem = self.family.problem(problem_id.value)
        start = exploration.start(policy, decoder)
        return rollout(self.family, problem, None, act, start, key)

    def exploit(
        self, params: Components, problem_id: ProblemID, z: Array, key: Key
    ) -> tuple[Array, Trajectory, PyTree]:
        policy = params.exploitation
        key_goal, key_episode = jax.random.split(key)
        problem = self.family.problem(problem_id.value)
        goal = self.family.sample_goal(key_goal, problem)

        def act(memory, percept, key):
            memory, decision = policy.step(memory, percept, goal, z)
            action = decision.policy.sample(key)
            kept = (decision.policy.log_prob(action), decision.value)
            return memory, Choice(action, kept=kept)

        return goal, *rollout(self.family, problem, goal, act, policy.start(), key_episode)

    def play(self, params: Components, progress: Array, key: Key) -> NewTrials:
        """New trials, and what each part may learn from them."""
        settings = self.settings
        count = settings.trials
        keys = jax.random.split(key, 5)
        problem_id = ProblemID(draw_ids(self.family.train_ids, keys[0], count))
        means = params.encoder(problem_id)

        random = jnp.arange(count) < settings.random_share * count
        explored, (log_probs, values, beliefs, worth) = jax.vmap(
            self.explore, in_axes=(None, 0, 0, 0)
        )(params, problem_id, jax.random.split(keys[1], count), random)
        final = jax.vmap(params.decoder.unroll)(explored)
        errors = belief_error(means[:, None], final)
        unit = jnp.maximum(errors[:, 0].mean(), settings.rho**2)
        own = explored.mask & ~random[:, None]

        def mean(x, where):
            return (x * where).sum() / jnp.maximum(where.sum(), 1)

        known = 1 - mean(errors[:, -1], ~random) / unit
        cost = price(settings.cost, known)
        exploitation_batch, decoded, returns, steps = self._exploit_all(
            params, problem_id, final[:, -1], ~random, progress, keys[2]
        )

        paid = jax.vmap(exploration_rewards, in_axes=(0, 0, None, None))
        # An explorer that can end its episode otherwise than by the barred action must not be
        # charged before the decoder has made longer explorations worth their cost.
        times = (settings.decoder_share_begin, settings.decoder_share_end)
        charged = paid(errors, explored.mask, unit, cost * ramp(progress, 0.0, 1.0, *times))
        rewards = paid(errors, explored.mask, unit, cost)
        taught, going = own, jax.vmap(going_on)(rewards, worth, own)
        if settings.objective == "end-to-end":
            after, known_after = return_of_trial(returns, decoded, count)
            charged = jax.vmap(returns_as_rewards)(explored.mask, after)
            taught = own & known_after[:, None]
            # What information is worth is not known here: explorations go on to their end.
            going = jnp.ones_like(worth)
        exploration_batch = ExplorationBatch(
            jax.vmap(before)(explored),
            beliefs,
            going,
            ppo.make_batch(
                explored.actions,
                charged,
                explored.terminated,
                taught,
                log_probs,
                values,
                settings.exploration_discount,
                settings.exploration_gae_lambda,
                floor=0.1,
            ),
        )
        ends = jax.vmap(stop_length)(worth, explored.mask)
        something = errors[:, 0].mean() > 4 * settings.rho**2
        late = (progress > settings.decoder_share_begin) & (self.family.horizon > 1)
        metrics = {
            "steps": explored.mask.sum() + steps,
            "return_encoder": mean(returns, ~decoded),
            "return_decoder": mean(returns, decoded),
            "information": known,
            "z_squared": jnp.square(means).sum(-1).mean(),
            "stop_length": mean(ends, ~random),
            "collapsed": late & something & (mean(ends, ~random) <= 1.0),
        }
        metrics = {name: value.astype(jnp.float32) for name, value in metrics.items()}
        kept = Explored(explored, problem_id)
        return NewTrials(exploitation_batch, exploration_batch, kept, metrics)

    def _exploit_all(
        self,
        params: Components,
        problem_id: ProblemID,
        beliefs: Array,
        decodable: Array,
        progress: Array,
        key: Key,
    ) -> tuple[ExploitationBatch, Array, Array, Array]:
        """Exploitation episodes of all trials, on the encoder's z or on the decoder's."""
        settings = self.settings
        repeated = (problem_id, beliefs, decodable)
        problem_id, beliefs, decodable = jax.tree.map(
            lambda x: jnp.repeat(x, settings.episodes, axis=0), repeated
        )
        count = settings.trials * settings.episodes
        key_share, key_noise, key_play = jax.random.split(key, 3)
        # Only explorations of the policy's own are decoded, so their share is larger.
        share = self.decoder_share(progress) / (1 - settings.random_share)
        decoded = decodable & jax.random.bernoulli(key_share, jnp.minimum(share, 1.0), (count,))
        noise = settings.rho * jax.random.normal(key_noise, beliefs.shape)
        z = encoding(params.encoder, problem_id, beliefs, decoded, noise)
        goals, played, (log_probs, values) = jax.vmap(self.exploit, in_axes=(None, 0, 0, 0))(
            params, problem_id, z, jax.random.split(key_play, count)
        )
        learned = ppo.make_batch(
            played.actions,
            played.rewards,
            played.terminated,
            played.mask,
            log_probs,
            values,
            settings.discount,
            settings.gae_lambda,
            floor=0.3,
        )
        batch = ExploitationBatch(
            problem_id, beliefs, decoded, noise, goals, jax.vmap(before)(played), learned
        )
        return batch, decoded, played.episode_return, played.mask.sum()


def return_of_trial(
    returns: Array, decoded: Array, trials: int
) -> tuple[Float[Array, " trials"], Bool[Array, " trials"]]:
    """The mean return of each trial's episodes on the decoder's z, and whether there are any."""
    returns, decoded = returns.reshape(trials, -1), decoded.reshape(trials, -1)
    total = (returns * decoded).sum(1)
    return total / jnp.maximum(decoded.sum(1), 1), decoded.any(1)
