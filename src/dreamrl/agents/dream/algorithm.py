"""DREAM: four components, trained together, none in the other's way (Liu et al. 2021)."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from dreamrl.agents.algorithm import Algorithm, Experience, Loss, Metrics, Snapshot
from dreamrl.agents.dream import bottleneck, prices
from dreamrl.agents.dream.decoder import Decoder, belief_error, decoder_loss
from dreamrl.agents.dream.dynamics import Dynamics, check_dynamics
from dreamrl.agents.dream.exploration import (
    ExplorationPolicy,
    ExplorationReward,
    Script,
    information_gain,
    returns_as_rewards,
    step_cost,
)
from dreamrl.agents.dream.losses import (
    ExploitationBatch,
    ExplorationBatch,
    exploitation_loss,
    exploration_loss,
)
from dreamrl.agents.dream.networks import Components, Conditions, DreamAgent, DreamBehaviour
from dreamrl.agents.dream.settings import DreamSettings, Unlimited
from dreamrl.agents.dream.stopping import (
    ContinuationValue,
    Stop,
    StopRule,
    continuation_targets,
    stop_length,
)
from dreamrl.agents.settings import check_actions
from dreamrl.families.family import Family, exploration_weight
from dreamrl.learners import replay
from dreamrl.learners.schedules import ramp
from dreamrl.networks.encoder import Encoder, make_encoder
from dreamrl.networks.policy import InstructedPolicy
from dreamrl.networks.recurrent import GRU, Cell
from dreamrl.trial import TrialKeys, before, blank
from dreamrl.types import Key, ProblemID, Trajectory


class Explored(NamedTuple):
    """What the decoder learns from; it stays in the replay."""

    trajectory: Trajectory
    problem_id: ProblemID


class Memory(NamedTuple):
    """What DREAM keeps besides its components."""

    replay: replay.Replay
    """Of `Explored`."""
    dual: bottleneck.Dual
    stake: prices.Stake | None = None
    """What knowing the problem is worth, where explorations have a price."""


class Batch(NamedTuple):
    """What the two policies learn from."""

    exploitation: ExploitationBatch
    exploration: ExplorationBatch


@dataclasses.dataclass(frozen=True)
class Dream(Algorithm):
    """DREAM on one family. One part of it is changed by passing another.

    Args:
        reward: What a step of exploration is paid.
        stop_rule: Makes the module that ends explorations, from a key and a width.
        cell: Makes the recurrent cell of the exploration policy and of the decoder.
        script: A scripted explorer in place of the learned policy, with DREAM's decoder, stop
            rule and exploitation.

    Raises:
        UserError: For what cannot be trained on the family with these settings.
    """

    family: Family
    settings: DreamSettings
    reward: ExplorationReward = information_gain
    stop_rule: Callable[[Key, int], StopRule] = ContinuationValue
    cell: Cell = GRU
    script: Script | None = None

    def __post_init__(self) -> None:
        """Raise UserError for what cannot be trained on the family with these settings."""
        if self.settings.exploration.objective == "predict-dynamics":
            check_dynamics(self.family)
        check_actions(self.family, self.settings.learner)

    def init(self, key: Key) -> tuple[Components, Key]:
        """Return first components, each from a key of its own, and the key to go on with."""
        family, settings = self.family, self.settings
        explore, z = settings.exploration, settings.encoding.z
        keys = jax.random.split(key, 5)
        if explore.objective == "predict-dynamics":
            encoder: Encoder = Dynamics(keys[0], family, z)
        else:
            encoder = make_encoder(keys[0], family, z, settings.encoding.scale)
        exploit = settings.exploitation
        may_end = exploit.may_end
        exploitation = InstructedPolicy(keys[1], family, exploit.hidden, z, may_end=may_end)
        exploration = ExplorationPolicy(
            keys[2],
            family,
            explore.hidden,
            z,
            random=explore.policy == "random",
            cell=self.cell,
            stop_rule=self.stop_rule,
            script=self.script,
        )
        width = settings.decoder.hidden or explore.hidden
        decoder = Decoder(keys[3], family, width, z, self.cell)
        return Components(encoder, exploitation, exploration, decoder), keys[4]

    def agent(self, params: Components) -> DreamAgent:
        """Return what meta-test gets: all but the encoder."""
        return DreamAgent(params.exploration, params.decoder, params.exploitation, self._ends)

    def encode(self, params: Components, problem_id: ProblemID) -> Float[Array, "... Z"]:
        return params.encoder(problem_id)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Encoder and exploitation share one objective; exploration and decoder have their own."""
        return ("exploitation", "exploration", "decoder")

    def groups(self, params: Components) -> dict:
        """Return the three groups that are trained apart."""
        parts = ((params.encoder, params.exploitation), params.exploration, params.decoder)
        return dict(zip(self.group_names, parts, strict=True))

    def merge(self, params: Components, groups: dict) -> Components:
        (encoder, exploitation), exploration, decoder = (groups[n] for n in self.group_names)
        return Components(encoder, exploitation, exploration, decoder)

    def target(self, params: Components) -> tuple[InstructedPolicy, ExplorationPolicy]:
        return params.exploitation, params.exploration

    def starts(self) -> dict[str, int]:
        """Return when each group begins to learn, by learner dqn."""
        starts = super().starts()
        later = max(starts["exploration"], self.settings.exploration.starts)
        return starts | {"exploration": later}

    @property
    def replayed_episodes(self) -> int:
        """Episodes that are kept for replay, the decoder's explorations among them."""
        return super().replayed_episodes + self.settings.decoder.replay

    def memory(self, params: Components) -> Memory:
        """Return an empty replay of explorations, and the first dual variable."""
        family = self.family
        explored = jax.eval_shape(lambda: blank(family))
        example = Explored(explored, ProblemID(jnp.array(int(family.train_ids[0]))))
        ring = replay.empty(example, self.settings.decoder.replay)
        stake = prices.first_stake() if self._weight else None
        return Memory(ring, bottleneck.init_dual(self.settings.bottleneck), stake)

    def remember(self, memory: Memory, experience: Experience) -> Memory:
        """Keep new explorations for the decoder."""
        new = Explored(experience.trial.exploration, experience.problem_id)
        return memory._replace(replay=replay.add(memory.replay, new))

    def recalled(self, memory: Memory, key: Key) -> Explored:
        """Return the explorations that the decoder learns from in this iteration."""
        count = self.settings.learner.updates * self.settings.decoder.batch
        return replay.sample(memory.replay, key, count)

    def decoder_share(self, progress: Float[Array, ""]) -> Float[Array, ""]:
        """Return the share of exploitation episodes that act on the decoder's z."""
        exploit = self.settings.exploitation
        times = (exploit.decoder_share_begin, exploit.decoder_share_end)
        return ramp(progress, 0.0, exploit.decoder_share, *times)

    def conditions(
        self, now: Snapshot, problem_id: ProblemID, key: Key, key_episodes: Key
    ) -> tuple[Conditions, TrialKeys]:
        """Draw which trials explore at random, and on which z each exploitation acts."""
        settings, count, episodes = self.settings, self.settings.budget.trials, self._episodes
        random_share = settings.exploration.random_share
        random = jnp.arange(count) < random_share * count
        keys = jax.vmap(jax.random.split)(jax.random.split(key, count))
        frequency = jnp.where(random, jax.vmap(jax.random.uniform)(keys[:, 1]), 0.0)
        key_share, key_noise, key_play = jax.random.split(key_episodes, 3)
        # Only explorations of the policy's own are decoded, so their share is larger.
        share = self.decoder_share(now.progress) / (1 - random_share)
        decoded = jax.random.bernoulli(key_share, jnp.minimum(share, 1.0), (count * episodes,))
        noise = jax.random.normal(key_noise, (count * episodes, settings.encoding.z))
        drawn = jax.vmap(jax.random.split)(jax.random.split(key_play, count * episodes))
        decoded, noise, drawn = (
            x.reshape(count, episodes, *x.shape[1:])
            for x in (decoded, settings.encoding.rho * noise, drawn)
        )
        decoded, blind = decoded & ~random[:, None], None
        if self._weight:
            own = jax.random.fold_in(key_share, 1)
            blind = jax.random.bernoulli(own, prices.BLIND_SHARE, (count, episodes))
            decoded = decoded & ~blind
        conditions = Conditions(problem_id, frequency, ~random, decoded, noise, blind)
        return conditions, TrialKeys(keys[:, 0], drawn[:, :, 0], drawn[:, :, 1])

    def behave(self, now: Snapshot, conditions: Conditions) -> DreamBehaviour:
        agent, learner = self.agent(now.params), self.settings.learner
        return DreamBehaviour(agent, conditions, now.progress, learner, now.params.encoder)

    def prepare(self, now: Snapshot, experience: Experience) -> tuple[Batch, Metrics]:
        """Return what each policy may learn from trials."""
        params, progress = now.params, now.progress
        settings, explore = self.settings, self.settings.exploration
        trial, conditions = experience.trial, experience.conditions
        explored, on_purpose = trial.exploration, conditions.on_purpose
        means = jax.lax.stop_gradient(params.encoder(experience.problem_id))
        recorded: Any = ((), ())
        if trial.beliefs is None:
            beliefs = jax.lax.stop_gradient(jax.vmap(params.decoder.unroll)(explored))
            before_acting = beliefs[:, :-1]
            seen = (jax.vmap(before)(explored), before_acting)
            decision = jax.vmap(params.exploration.unroll)(*seen)
            values = params.exploration.stop(decision.features)
        else:
            beliefs, recorded_x = trial.beliefs.mean, trial.extras.exploration
            before_acting, values = recorded_x.belief, recorded_x.continuation
            recorded = (recorded_x.learner, trial.extras.exploitation)
        errors = belief_error(means[:, None], beliefs)
        unit = jnp.maximum(errors[:, 0].mean(), settings.encoding.rho**2)
        on_policy = explored.mask & on_purpose[:, None]
        known = 1 - _mean(errors[:, -1], on_purpose) / unit
        cost = step_cost(explore.cost, known)
        acted_on = conditions.beliefs(beliefs[:, 0], beliefs[:, -1])
        exploitation = self._exploitation_batch(experience, acted_on, recorded[1])
        returns, decoded = trial.exploitation.episode_return, conditions.decoded
        informed = ~conditions.believed

        paid = jax.vmap(self.reward, in_axes=(0, 0, None, None))
        # An explorer that can end its episode otherwise than by the masked action must not be
        # charged before the decoder has made longer explorations worth their cost.
        exploit = settings.exploitation
        times = (exploit.decoder_share_begin, exploit.decoder_share_end)
        grown = ramp(progress, 0.0, 1.0, *times)
        charged = paid(explored, errors, unit, cost * grown)
        rewards = paid(explored, errors, unit, cost)
        own = self._weight * explored.rewards
        if self._weight:
            worth = prices.in_information(own, now.memory.stake.value)
            charged, rewards = charged + grown * worth, rewards + worth
        learned_from = on_policy
        continuation = jax.vmap(continuation_targets)(rewards, values, on_policy)
        if explore.objective == "end-to-end":
            after, known_after = return_of_trial(returns, decoded)
            charged = jax.vmap(returns_as_rewards)(explored.mask, after) + own
            learned_from = on_policy & known_after[:, None]
            # The value of information is unknown here: explorations go on to their end.
            continuation = jnp.ones_like(values)
        prepared = settings.learner.prepare(
            explored._replace(rewards=charged, mask=learned_from),
            recorded[0],
            settings.learner.exploration,
            explore.discount,
        )
        exploration = ExplorationBatch(
            jax.vmap(before)(explored), before_acting, jax.lax.stop_gradient(continuation), prepared
        )
        ends = jax.vmap(stop_length)(values, explored.mask)
        informative = errors[:, 0].mean() > 4 * settings.encoding.rho**2
        late = progress > exploit.decoder_share_begin
        late = late & (explored.mask.shape[1] > 1) & (self._ends == "rule")
        metrics = {
            "return_encoder": _mean(returns.reshape(-1), informed.reshape(-1)),
            "return_decoder": _mean(returns.reshape(-1), decoded.reshape(-1)),
            "information": known,
            "z_squared": jnp.square(means).sum(-1).mean(),
            "z_nats": bottleneck.lower_bound(means, settings.encoding.rho),
            "stop_length": _mean(ends, on_purpose),
            "collapsed": late & informative & (_mean(ends, on_purpose) <= 1.0),
        }
        return Batch(exploitation, exploration), metrics

    def losses(self, now: Snapshot, batch: Batch, recalled: Explored, key: Key) -> dict[str, Loss]:
        """Return the losses of the three groups, each on its own data."""
        settings, progress = self.settings, now.progress
        weight = self._penalty_weight(now)
        exploit_target, explore_target = now.target or (None, None)
        means = now.params.encoder(recalled.problem_id)
        return {
            "exploitation": lambda nets: exploitation_loss(
                nets, exploit_target, batch.exploitation, settings, weight, progress
            ),
            "exploration": lambda policy: exploration_loss(
                policy, explore_target, batch.exploration, settings, progress
            ),
            "decoder": lambda decoder: (decoder_loss(decoder, recalled.trajectory, means), {}),
        }

    def conclude(
        self, now: Snapshot, experience: Experience, metrics: Metrics
    ) -> tuple[Snapshot, Metrics]:
        """Adapt the dual variable to the return on the true z."""
        metrics["dual"] = self._penalty_weight(now)
        metrics["decoder_share"] = self.decoder_share(now.progress)
        returned, kind = metrics["return_encoder"], self.settings.bottleneck
        dual = bottleneck.adapt(now.memory.dual, returned, kind, now.progress)
        stake, conditions = now.memory.stake, experience.conditions
        if stake is not None:
            returns = experience.trial.exploitation.episode_return
            stake = prices.Stake(
                stake.informed.follow(returns, ~conditions.believed),
                stake.blind.follow(returns, conditions.blind),
            )
            metrics["stake"] = stake.value
        return now._replace(memory=now.memory._replace(dual=dual, stake=stake)), metrics

    @property
    def _weight(self) -> float:
        """How much the exploration's own rewards count."""
        return exploration_weight(self.family)

    @property
    def _ends(self) -> Stop:
        """How the trained agent's explorations end."""
        explore = self.settings.exploration
        # Where steps cost nothing, an error of the rule would be all that ends an exploration.
        free = explore.cost == 0 and not self._weight
        return "never" if explore.stop == "rule" and free else explore.stop

    @property
    def _episodes(self) -> int:
        return self.settings.budget.episodes

    def _penalty_weight(self, now: Snapshot) -> Float[Array, ""]:
        kind = self.settings.bottleneck
        if self.settings.exploration.objective == "predict-dynamics":
            kind = Unlimited()
        return bottleneck.penalty_weight(kind, now.memory.dual, now.progress)

    def _exploitation_batch(
        self, experience: Experience, beliefs: Float[Array, "B N Z"], recorded: PyTree
    ) -> ExploitationBatch:
        """Return all exploitation episodes, [B * N, ...]."""
        settings, trial, conditions = self.settings, experience.trial, experience.conditions
        problem_id = jax.tree.map(
            lambda x: jnp.repeat(x, self._episodes, axis=0), experience.problem_id
        )
        zs = (beliefs, conditions.believed, conditions.noise)
        (beliefs, believed, noise), goals, episodes, recorded = jax.tree.map(
            lambda x: x.reshape(-1, *x.shape[2:]), (zs, trial.goals, trial.exploitation, recorded)
        )
        learner, discount = settings.learner, settings.exploitation.discount
        prepared = learner.prepare(episodes, recorded, learner.exploitation, discount)
        seen = jax.vmap(before)(episodes)
        return ExploitationBatch(problem_id, beliefs, believed, noise, goals, seen, prepared)


def return_of_trial(
    returns: Float[Array, "B N"], decoded: Bool[Array, "B N"]
) -> tuple[Float[Array, " B"], Bool[Array, " B"]]:
    """Return the mean of each trial's episodes on the decoder's z, and whether there are any."""
    total = (returns * decoded).sum(1)
    return total / jnp.maximum(decoded.sum(1), 1), decoded.any(1)


def _mean(x: Float[Array, "..."], where: Bool[Array, "..."]) -> Float[Array, ""]:
    return (x * where).sum() / jnp.maximum(where.sum(), 1)
