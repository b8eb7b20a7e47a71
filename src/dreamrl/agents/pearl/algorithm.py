"""PEARL: posterior and policy are trained on replayed trials, arranged by problem."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from dreamrl.agents.algorithm import Algorithm, Experience, Loss, Metrics, Snapshot
from dreamrl.agents.pearl.contexts import Task, draw_task
from dreamrl.agents.pearl.losses import pearl_loss
from dreamrl.agents.pearl.networks import (
    Components,
    Conditions,
    ContextEncoder,
    PearlAgent,
    PearlBehaviour,
)
from dreamrl.agents.pearl.settings import PearlSettings
from dreamrl.agents.settings import check_actions
from dreamrl.families.family import Family
from dreamrl.learners import replay
from dreamrl.learners.schedules import ramp
from dreamrl.networks.policy import InstructedPolicy
from dreamrl.trial import TrialKeys
from dreamrl.types import Key, ProblemID


@dataclasses.dataclass(frozen=True)
class Pearl(Algorithm):
    """PEARL on one family."""

    family: Family
    settings: PearlSettings

    def __post_init__(self) -> None:
        """Raise UserError where there are no numbered actions to compare by their Q."""
        check_actions(self.family, self.settings.learner, "pearl")

    def init(self, key: Key) -> tuple[Components, Key]:
        """Return first networks, with goals to explore for, and the key to go on with."""
        family, settings, count = self.family, self.settings, self.settings.budget.trials
        keys = jax.random.split(key, 4)
        encoder = ContextEncoder(keys[0], family, settings.hidden, settings.z)
        kinds = dict(recurrent=settings.recurrent, may_end=settings.may_end)
        policy = InstructedPolicy(keys[1], family, settings.hidden, settings.z, **kinds)
        problems = jax.vmap(family.problem)(self._ids(jnp.arange(count)))
        goals = jax.vmap(family.sample_goal)(jax.random.split(keys[2], count), problems)
        return Components(encoder, policy, goals), keys[3]

    def agent(self, params: Components) -> PearlAgent:
        return PearlAgent(params, self.settings.act_on == "mean")

    def groups(self, params: Components) -> dict:
        """Return encoder and policy: one loss trains both."""
        return {"policy": (params.encoder, params.policy)}

    def merge(self, params: Components, groups: dict) -> Components:
        encoder, policy = groups["policy"]
        return Components(encoder, policy, params.goals)

    def target(self, params: Components) -> InstructedPolicy:
        return params.policy

    def problems(self, key: Key, played: Int[Array, ""]) -> ProblemID:
        """Return the problems in turn, so that replay can be arranged by counting."""
        return ProblemID(self._ids(played + jnp.arange(self.settings.budget.trials)))

    def conditions(
        self, now: Snapshot, problem_id: ProblemID, key: Key, key_episodes: Key
    ) -> tuple[Conditions, TrialKeys]:
        """Draw the z and the goal of each exploration, and which trials act at random."""
        settings, count = self.settings, self.settings.budget.trials
        _, keys = super().conditions(now, problem_id, key, key_episodes)
        key_z, key_goal, key_share, key_often = jax.random.split(key_episodes, 4)
        random = jax.random.uniform(key_share, (count,)) < settings.random_share
        return Conditions(
            jax.random.normal(key_z, (count, settings.z)),
            jax.random.choice(key_goal, now.params.goals, (count,)),
            jnp.where(random, jax.random.uniform(key_often, (count,)), 0.0),
        ), keys

    def behave(self, now: Snapshot, conditions: Conditions) -> PearlBehaviour:
        agent = PearlAgent(now.params, act_on_mean=False)
        return PearlBehaviour(agent, conditions, now.progress, self.settings.learner)

    def prepare(self, now: Snapshot, experience: Experience) -> tuple[tuple[()], Metrics]:
        """Return what is reported of new trials: nothing is learned but from replay."""
        learner = self.settings.learner
        ends = (learner.temperature, learner.last_temperature, 0.0, learner.temperature_end)
        metrics = {
            "return_posterior": experience.trial.exploitation.episode_return.mean(),
            "temperature": ramp(now.progress, *ends),
        }
        return (), metrics

    def stored(self, experience: Experience) -> Experience:
        """Return trials alone: their order tells the problem."""
        return super().stored(experience)._replace(problem_id=None, conditions=None)

    def replayed(self, now: Snapshot, stored: replay.Replay, key: Key) -> Task:
        """Return contexts and episodes of a few problems."""
        settings = self.settings
        shape = (settings.contexts, settings.recent, settings.replayed)
        draw = jax.vmap(lambda key: draw_task(stored, key, len(self.family.train_ids), *shape))
        return draw(jax.random.split(key, settings.problems))

    def losses(self, now: Snapshot, batch: Task, recalled: tuple[()], key: Key) -> dict[str, Loss]:
        terms = (now.target, batch, self.settings, now.progress, key)
        return {"policy": lambda nets: pearl_loss(nets, *terms)}

    def conclude(
        self, now: Snapshot, experience: Experience, metrics: Metrics
    ) -> tuple[Snapshot, Metrics]:
        """Keep the goals of the new trials, for the next explorations."""
        goals = experience.trial.goals[:, 0]
        return now._replace(params=now.params._replace(goals=goals)), metrics

    def _ids(self, numbers: Int[Array, " B"]) -> Int[Array, " B"]:
        """Return the problems of the trials with these numbers; see `contexts`."""
        ids = self.family.train_ids
        rows = numbers % len(ids)
        return ids.start + ids.step * rows if isinstance(ids, range) else jnp.array(ids)[rows]
