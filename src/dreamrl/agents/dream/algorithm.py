"""DREAM: four components, trained together, none in the other's way (Liu et al. 2021)."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dreamrl.agents.algorithm import Algorithm, Experience, Loss, Metrics, Snapshot
from dreamrl.agents.dream import bottleneck, prices, regret
from dreamrl.agents.dream.conditions import Conditions, Early, draw
from dreamrl.agents.dream.critic import PrivilegedCritic, check_critic
from dreamrl.agents.dream.decoder import Decoder, belief_error, decoder_loss
from dreamrl.agents.dream.dynamics import check_dynamics
from dreamrl.agents.dream.exploration import (
    ExplorationPolicy,
    ExplorationReward,
    Script,
    checked_reward,
    information_gain,
    return_of_trial,
    returns_as_rewards,
    step_cost,
)
from dreamrl.agents.dream.losses import (
    ExploitationBatch,
    ExplorationBatch,
    exploitation_batch,
    exploitation_loss,
    exploration_loss,
    regret_loss,
)
from dreamrl.agents.dream.networks import Components, DreamAgent, DreamBehaviour
from dreamrl.agents.dream.objectives import LEARNED, OBJECTIVES, Explored, Objective
from dreamrl.agents.dream.settings import DreamSettings, Unlimited
from dreamrl.agents.dream.stopping import (
    ContinuationValue,
    Stop,
    StopRule,
    continuation_targets,
    stop_length,
)
from dreamrl.agents.settings import check_actions
from dreamrl.families.family import Family, exploration_weight, horizon_of
from dreamrl.learners import replay
from dreamrl.learners.schedules import ramp
from dreamrl.networks.encoder import make_encoder
from dreamrl.networks.policy import InstructedPolicy
from dreamrl.networks.recurrent import GRU, Cell
from dreamrl.trial import TrialKeys, before, blank
from dreamrl.types import Key, ProblemID

OF_THE_ENCODER = ("return_encoder", "information", "z_squared", "z_nats")
"""Metrics that say nothing where no encoder is trained."""


class Memory(NamedTuple):
    """DREAM's memory besides its components."""

    replay: replay.Replay
    """Of `Explored`: what the decoder learns from."""
    dual: bottleneck.Dual
    stake: prices.Stake | None = None
    """The worth of knowing the problem, where explorations have a price."""


class Batch(NamedTuple):
    """The data that the two policies learn from."""

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
        check_critic(self.settings)

    def init(self, key: Key) -> tuple[Components, Key]:
        """Return first components, each from a key of its own, and the key to go on with."""
        family, settings = self.family, self.settings
        explore, z = settings.exploration, settings.encoding.z
        keys = jax.random.split(key, 5)
        encoding, exploit = settings.encoding, settings.exploitation
        encoder = make_encoder(keys[0], family, z, encoding.scale, encoding.hidden)
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
        objective: Objective | regret.Regret | None = None
        key_objective = jax.random.fold_in(keys[2], 1)
        if self._regret:
            objective = regret.Regret(key_objective, family, z, settings.encoding.rho)
        elif explore.objective in OBJECTIVES:
            objective = OBJECTIVES[explore.objective](key_objective, family, width, z)
        critic = None
        if explore.critic == "privileged":
            key_critic = jax.random.fold_in(keys[2], 2)
            critic = PrivilegedCritic(key_critic, explore.hidden, z, encoding.rho)
        parts = (encoder, exploitation, exploration, decoder, objective, critic)
        return Components(*parts), keys[4]

    def agent(self, params: Components) -> DreamAgent:
        """Return the agent of meta-test: all but the encoder."""
        return DreamAgent(params.exploration, params.decoder, params.exploitation, self._ends)

    def encode(self, params: Components, problem_id: ProblemID) -> Float[Array, "... Z"]:
        return params.encoder(problem_id)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Encoder and exploitation share one objective; exploration and decoder have their own."""
        has_loss = self._regret or self.settings.exploration.objective in LEARNED
        return ("exploitation", "exploration", "decoder", *(["objective"] if has_loss else []))

    def groups(self, params: Components) -> dict:
        """Return the groups that are trained apart."""
        exploit = (params.encoder, params.exploitation)
        explore = (params.exploration, params.critic)
        parts = (exploit, explore, params.decoder, params.objective)
        return dict(zip(self.group_names, parts, strict=False))

    def merge(self, params: Components, groups: dict) -> Components:
        encoder, exploitation = groups["exploitation"]
        exploration, critic = groups["exploration"]
        decoder, objective = groups["decoder"], groups.get("objective", params.objective)
        return Components(encoder, exploitation, exploration, decoder, objective, critic)

    def target(self, params: Components) -> tuple[InstructedPolicy, ExplorationPolicy]:
        return params.exploitation, params.exploration

    def starts(self) -> dict[str, int]:
        """Return when each group begins to learn, by learner dqn."""
        starts = super().starts()
        start = max(starts["exploration"], self.settings.exploration.starts)
        return starts | {"exploration": start}

    @property
    def replayed_episodes(self) -> int:
        """Episodes that are kept for replay, the decoder's explorations among them."""
        return super().replayed_episodes + self.settings.decoder.replay

    def memory(self, params: Components) -> Memory:
        """Return an empty replay of explorations, and the first dual variable."""
        family = self.family
        trajectory = jax.eval_shape(lambda: blank(family))
        example = Explored(trajectory, ProblemID(jnp.array(int(family.train_ids[0]))))
        ring = replay.empty(example, self.settings.decoder.replay)
        stake = prices.first_stake() if self._weight else None
        return Memory(ring, bottleneck.init_dual(self.settings.bottleneck), stake)

    def remember(self, memory: Memory, experience: Experience) -> Memory:
        """Keep new explorations for the decoder."""
        explorations = Explored(experience.trial.exploration, experience.problem_id)
        return memory._replace(replay=replay.add(memory.replay, explorations))

    def recalled(self, memory: Memory, key: Key) -> Explored:
        """Return the explorations that the decoder learns from in this iteration."""
        count = self.settings.learner.updates * self.settings.decoder.batch
        return replay.sample(memory.replay, key, count)

    def decoder_share(self, progress: Float[Array, ""]) -> Float[Array, ""]:
        """Return the share of exploitation episodes that act on the decoder's z."""
        if self._end_to_end:
            return jnp.ones_like(progress)
        exploit = self.settings.exploitation
        times = (exploit.decoder_share_begin, exploit.decoder_share_end)
        return ramp(progress, 0.0, exploit.decoder_share, *times)

    def conditions(
        self, now: Snapshot, problem_id: ProblemID, key: Key, key_episodes: Key
    ) -> tuple[Conditions, TrialKeys]:
        """Draw which trials explore at random, and on which z each exploitation acts."""
        early: Early | None = None
        if self._regret:
            steps = horizon_of(self.family, exploring=True)
            early = functools.partial(regret.early_beliefs, steps=steps)
        elif self._weight and not self._end_to_end:
            early = prices.blind_beliefs
        share = self.decoder_share(now.progress)
        conditions, keys = draw(self.settings, problem_id, share, key, key_episodes, early)
        if self._end_to_end:
            conditions = conditions._replace(decoded=jnp.ones_like(conditions.decoded))
        if not self.settings.exploitation.belief_noise:
            conditions = conditions.with_plain_beliefs()
        return conditions, keys

    def behave(self, now: Snapshot, conditions: Conditions) -> DreamBehaviour:
        agent, learner = self.agent(now.params), self.settings.learner
        parts = (now.params.encoder, now.params.critic is not None)
        return DreamBehaviour(agent, conditions, now.progress, learner, *parts)

    def prepare(self, now: Snapshot, experience: Experience) -> tuple[Batch, Metrics]:
        """Return the data that each policy may learn from."""
        params, progress = now.params, now.progress
        settings, explore = self.settings, self.settings.exploration
        trial, conditions = experience.trial, experience.conditions
        trajectory, on_purpose = trial.exploration, conditions.on_purpose
        means = jax.lax.stop_gradient(params.encoder(experience.problem_id))
        percepts = jax.vmap(before)(trajectory)
        records: Any = ((), ())
        if trial.beliefs is None:
            beliefs = jax.lax.stop_gradient(jax.vmap(params.decoder.unroll)(trajectory))
            before_acting = beliefs[:, :-1]
            decision = jax.vmap(params.exploration.unroll)(percepts, before_acting)
            values = params.exploration.stop(decision.features)
        else:
            beliefs, records_x = trial.beliefs.mean, trial.extras.exploration
            before_acting, values = records_x.belief, records_x.continuation
            records = (records_x.learner, trial.extras.exploitation)
            if params.critic is not None:
                told = jax.lax.stop_gradient(params.critic(records_x.features, means))
                records = (records_x.learner._replace(value=told), records[1])
        residuals = errors = belief_error(means[:, None], beliefs)
        if self._regret:
            residuals = jax.lax.stop_gradient(params.objective.left(means, beliefs, trial.goals))
        elif params.objective is not None:
            trials = Explored(trajectory, experience.problem_id)
            residuals = jax.lax.stop_gradient(params.objective.left(trials))
        on_policy = trajectory.mask & on_purpose[:, None]
        unit, share = self._share_found(residuals, on_purpose)
        cost = step_cost(explore.cost, share)
        contexts = jax.vmap(Conditions.beliefs)(conditions, beliefs)
        exploitation = exploitation_batch(
            settings, experience, contexts, records[1], self._end_to_end
        )
        returns, decoded = trial.exploitation.episode_return, conditions.decoded
        on_encoder = ~conditions.believed

        reward_of = jax.vmap(checked_reward(self.reward), in_axes=(0, 0, None, None))
        # An explorer that can end its episode otherwise than by the masked action must not be
        # charged before the decoder has made longer explorations worth their cost.
        exploit = settings.exploitation
        times = (exploit.decoder_share_begin, exploit.decoder_share_end)
        growth = ramp(progress, 0.0, 1.0, *times)
        payoffs = reward_of(trajectory, residuals, unit, cost * growth)
        rewards = reward_of(trajectory, residuals, unit, cost)
        bonus = self._weight * trajectory.rewards
        if self._weight:
            stake = unit if self._regret else now.memory.stake.value
            worth = prices.in_information(bonus, stake)
            payoffs, rewards = payoffs + growth * worth, rewards + worth
        policy_mask = on_policy
        continuation = jax.vmap(continuation_targets)(rewards, values, on_policy)
        if explore.objective in ("returns", "end-to-end"):
            trial_return, has_return = return_of_trial(returns, decoded)
            payoffs = jax.vmap(returns_as_rewards)(trajectory.mask, trial_return) + bonus
            policy_mask = on_policy & has_return[:, None]
            # The value of information is unknown here: explorations go on to their end.
            continuation = jnp.ones_like(values)
        batch = settings.learner.prepare(
            trajectory._replace(rewards=payoffs, mask=policy_mask),
            records[0],
            settings.learner.exploration,
            explore.discount,
        )
        targets = jax.lax.stop_gradient(continuation)
        exploration = ExplorationBatch(percepts, before_acting, targets, means, batch)
        ends = jax.vmap(stop_length)(values, trajectory.mask)
        informative = errors[:, 0].mean() > 4 * settings.encoding.rho**2
        is_late = progress > exploit.decoder_share_begin
        is_late = is_late & (trajectory.mask.shape[1] > 1) & (self._ends == "rule")
        metrics = {
            "return_encoder": _mean(returns.reshape(-1), on_encoder.reshape(-1)),
            "return_decoder": _mean(returns.reshape(-1), decoded.reshape(-1)),
            "information": self._share_found(errors, on_purpose)[1],
            "z_squared": jnp.square(means).sum(-1).mean(),
            "z_nats": bottleneck.lower_bound(means, settings.encoding.rho),
            "stop_length": _mean(ends, on_purpose),
            "collapsed": is_late & informative & (_mean(ends, on_purpose) <= 1.0),
        }
        return Batch(exploitation, exploration), metrics

    def losses(self, now: Snapshot, batch: Batch, recalled: Explored, key: Key) -> dict[str, Loss]:
        """Return the losses of the three groups, each on its own data."""
        settings, progress = self.settings, now.progress
        weight = self._penalty_weight(now)
        exploit_target, explore_target = now.target or (None, None)
        params, means = now.params, now.params.encoder(recalled.problem_id)

        def exploit_terms(nets: tuple, decoder: Decoder) -> tuple[Float[Array, ""], Metrics]:
            reader = decoder if self._end_to_end else None
            terms = (exploit_target, batch.exploitation, settings, weight, progress, reader)
            return exploitation_loss(nets, *terms)

        def decoder_terms(decoder: Decoder) -> tuple[Float[Array, ""], Metrics]:
            if self._end_to_end:
                return exploit_terms((params.encoder, params.exploitation), decoder)
            return decoder_loss(decoder, recalled.trajectory, means), {}

        losses: dict[str, Loss] = {
            "exploitation": lambda nets: exploit_terms(nets, params.decoder),
            "exploration": lambda nets: exploration_loss(
                nets, explore_target, batch.exploration, settings, progress
            ),
            "decoder": decoder_terms,
        }
        if self._regret:
            terms = (batch.exploitation, params.encoder)
            losses["objective"] = lambda critic: (regret_loss(critic, *terms), {})
        elif "objective" in self.group_names:
            losses["objective"] = lambda objective: (objective.loss(recalled), {})
        return losses

    def conclude(
        self, now: Snapshot, experience: Experience, metrics: Metrics
    ) -> tuple[Snapshot, Metrics]:
        """Adapt the dual variable to the return on the true z."""
        if self._end_to_end:
            return now, {name: x for name, x in metrics.items() if name not in OF_THE_ENCODER}
        metrics["dual"] = self._penalty_weight(now)
        metrics["decoder_share"] = self.decoder_share(now.progress)
        episode_return, kind = metrics["return_encoder"], self.settings.bottleneck
        dual = bottleneck.adapt(now.memory.dual, episode_return, kind, now.progress)
        stake, conditions = now.memory.stake, experience.conditions
        if stake is not None:
            returns = experience.trial.exploitation.episode_return
            stake = prices.Stake(
                stake.informed.follow(returns, ~conditions.believed),
                stake.blind.follow(returns, conditions.early == 0),
            )
            metrics["stake"] = stake.value
        return now._replace(memory=now.memory._replace(dual=dual, stake=stake)), metrics

    @property
    def _weight(self) -> float:
        """Weight of the exploration's rewards."""
        return exploration_weight(self.family)

    @property
    def _ends(self) -> Stop:
        """The end of the trained agent's explorations."""
        explore = self.settings.exploration
        # Where steps cost nothing, an error of the rule would be all that ends an exploration.
        free = explore.cost == 0 and not self._weight
        return "never" if explore.stop == "rule" and free else explore.stop

    @property
    def _end_to_end(self) -> bool:
        """True if all is learned from explorations alone; the encoder is not used."""
        return self.settings.exploration.objective == "end-to-end"

    @property
    def _regret(self) -> bool:
        """True if exploration is paid in returns, by a critic."""
        return self.settings.exploration.objective == "regret"

    def _share_found(
        self, residuals: Float[Array, "B times"], on_purpose: Bool[Array, " B"]
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Return all there is to find out, and the share of it that explorations find."""
        unit = jnp.maximum(residuals[:, 0].mean(), self.settings.encoding.rho**2)
        return unit, 1 - _mean(residuals[:, -1], on_purpose) / unit

    def _penalty_weight(self, now: Snapshot) -> Float[Array, ""]:
        kind = Unlimited() if self._end_to_end else self.settings.bottleneck
        return bottleneck.penalty_weight(kind, now.memory.dual, now.progress)


def _mean(x: Float[Array, "..."], mask: Bool[Array, "..."]) -> Float[Array, ""]:
    return (x * mask).sum() / jnp.maximum(mask.sum(), 1)
