"""MAML: an inner step on each exploration, and outer updates through it."""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from dreamrl.agents.algorithm import Algorithm, Experience, Loss, Metrics, Snapshot
from dreamrl.agents.maml.losses import Batch, maml_loss
from dreamrl.agents.maml.networks import InitialPolicy, MamlAgent, MamlBehaviour
from dreamrl.agents.maml.settings import MamlSettings
from dreamrl.families.family import Family
from dreamrl.learners import ppo
from dreamrl.trial import before
from dreamrl.types import Key


@dataclasses.dataclass(frozen=True)
class Maml(Algorithm):
    """MAML on one family."""

    family: Family
    settings: MamlSettings
    # All trials are alike: there is no share of kinds to keep.
    interleaved: ClassVar[bool] = False

    def init(self, key: Key) -> tuple[InitialPolicy, Key]:
        """Return the first initial policy, and the key to go on with."""
        key_params, key = jax.random.split(key)
        return InitialPolicy(key_params, self.family, self.settings), key

    def agent(self, params: InitialPolicy) -> MamlAgent:
        return MamlAgent(params)

    def behave(self, now: Snapshot, conditions: None) -> MamlBehaviour:
        return MamlBehaviour(self.agent(now.params), None, now.progress, self.settings.learner)

    def prepare(self, now: Snapshot, experience: Experience) -> tuple[Batch, Metrics]:
        """Return the explorations to adapt on, and the exploitations of the adapted policies."""
        settings, learner, trial = self.settings, self.settings.learner, experience.trial
        rest = (trial.extras.exploitation, learner.exploitation, settings.discount)
        batch = learner.prepare(trial.exploitation, *rest)
        returns = trial.exploitation.episode_return.mean(1)
        floor = learner.exploration.advantage_floor
        mask = jnp.ones((returns.shape[0], 1), bool)
        credit = ppo.normalise(returns[:, None], mask, floor)[:, 0]
        records = jax.tree.map(lambda x: x[:, 0], trial.beliefs.extra)
        percepts = jax.vmap(jax.vmap(before))(trial.exploitation)
        metrics = {
            "return_exploitation": returns.mean(),
            "return_exploration": trial.exploration.episode_return.mean(),
        }
        return Batch(records, credit, trial.goals, percepts, batch), metrics

    def losses(self, now: Snapshot, batch: Batch, recalled: tuple[()], key: Key) -> dict[str, Loss]:
        return {"policy": lambda initial: maml_loss(initial, batch, now.progress)}
