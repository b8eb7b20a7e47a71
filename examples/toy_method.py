"""A method in under 100 lines: explore at random, remember what each action earned, and use it.

    python examples/toy_method.py

A method says how it explores, what it carries over, how it exploits, and what trains it. Everything
else (trials, minibatches, optimisers, checkpoints, meta-test) is shared.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

import dreamrl
from dreamrl import PPO, Belief, Budget, Choice, Method
from dreamrl.agents.algorithm import Algorithm
from dreamrl.agents.policy import InstructedPolicy
from dreamrl.trial import before


@dataclasses.dataclass(frozen=True)
class TallySettings:
    """Hyperparameters: a budget and a learner, as of every method, and its own."""

    budget: Budget = Budget(iterations=60, trials=256, learning_rate=1e-2)
    learner: PPO = PPO()
    hidden: int = 32


class TallyActor(eqx.Module):
    """Explores at random; the belief is the reward that each action earned."""

    policy: InstructedPolicy
    actions: Any = eqx.field(static=True)
    sample: Any = eqx.field(static=True, default=None)
    """How actions are chosen in training; the agent of meta-test is greedy."""

    def init_exploration(self):
        return ()

    def explore(self, carry, percept, key):
        return carry, Choice(self.actions.sample(key))

    def beliefs(self, exploration):
        earned = self.actions.encode(exploration.actions) * exploration.rewards[:, None]
        earned = jnp.where(exploration.mask[:, None], earned, 0.0)
        return Belief(jnp.concatenate([jnp.zeros_like(earned[:1]), jnp.cumsum(earned, 0)]))

    def init_exploitation(self, belief, episode, key):
        return self.policy.init_carry(), belief.mean

    def exploit(self, carry, percept, goal, key):
        inner, tally = carry
        inner, decision = self.policy.step(inner, percept, goal, tally)
        greedy = Choice(decision.policy.mode())
        return (inner, tally), greedy if self.sample is None else self.sample(decision, key)


@dataclasses.dataclass(frozen=True)
class Tally(Algorithm):
    """Trains the exploitation policy on the tallies of random explorations."""

    family: Any
    settings: TallySettings

    def init(self, key):
        key, key_policy = jax.random.split(key)
        size = self.settings.hidden, self.family.action_space.features
        return InstructedPolicy(key_policy, self.family, *size), key

    def agent(self, params):
        return TallyActor(params, self.family.action_space)

    def behave(self, params, conditions, progress):
        learner = self.settings.learner
        sample = lambda decision, key: learner.choose(decision, key, progress)  # noqa: E731
        return TallyActor(params, self.family.action_space, sample)

    def prepare(self, params, experience, progress):
        trial, learner = experience.trial, self.settings.learner
        recorded, objective = trial.extras.exploitation, learner.exploitation
        batch = learner.prepare(trial.exploitation, recorded, objective, 0.99)
        seen = jax.vmap(jax.vmap(before))(trial.exploitation)
        returns = {"return_sampled": trial.exploitation.episode_return.mean()}
        return (seen, trial.goals, trial.beliefs.mean[:, -1], batch), returns

    def losses(self, params, target, batch, memory, progress, key):
        (seen, goals, tallies, steps), learner = batch[0], self.settings.learner

        def loss(policy):
            each = jax.vmap(policy.unroll, in_axes=(0, 0, None))
            decision = jax.vmap(each)(seen, goals, tallies)
            return learner.loss(decision, None, steps, learner.exploitation, progress)

        return {"policy": loss}


METHOD = Method(TallySettings, Tally, {"default": TallySettings()})


def main(family="bandit"):
    """Return what the method earns on a family where rewards tell actions apart."""
    dreamrl.register_method("tally", METHOD)
    training = dreamrl.train("tally", family, seeds=1)
    result = dreamrl.evaluate(training.agent)
    print(f"return {result.return_mean:.2f}")
    return result.return_mean


if __name__ == "__main__":
    main()
