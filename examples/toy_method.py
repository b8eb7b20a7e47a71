"""A method in under 100 lines: explore at random, remember what each action earned, and use it.

It says how to explore, what to carry over, how to exploit, and what trains it. All else is shared.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

import dreamrl
from dreamrl import PPO, Belief, Budget, Choice, Method
from dreamrl.agents.algorithm import Algorithm
from dreamrl.networks.policy import InstructedPolicy
from dreamrl.trial import before


@dataclasses.dataclass(frozen=True)
class TallySettings:
    budget: Budget = Budget(iterations=60, trials=256, learning_rate=1e-2)
    learner: PPO = PPO()


class TallyActor(eqx.Module):
    """Explores at random; believes what each action earned; greedy, unless told how to choose."""

    policy: InstructedPolicy
    actions: Any = eqx.field(static=True)
    choose: Any = eqx.field(static=True, default=lambda d, key: Choice(d.policy.mode()))

    def init_exploration(self):
        return ()

    def explore(self, carry, percept, key):
        return carry, Choice(self.actions.sample(key))

    def beliefs(self, exploration):
        earned = self.actions.encode(exploration.actions) * exploration.rewards[:, None]
        return Belief(jnp.concatenate([jnp.zeros_like(earned[:1]), jnp.cumsum(earned, 0)]))

    def init_exploitation(self, belief, episode, key):
        return self.policy.init_carry(), belief.mean

    def exploit(self, carry, percept, goal, key):
        inner, decision = self.policy.step(carry[0], percept, goal, carry[1])
        return (inner, carry[1]), self.choose(decision, key)


@dataclasses.dataclass(frozen=True)
class Tally(Algorithm):
    """Trains the exploitation policy on the tallies of random explorations."""

    family: Any
    settings: TallySettings

    def init(self, key):
        key, key_policy = jax.random.split(key)
        return InstructedPolicy(key_policy, self.family, 32, self.family.action_space.n), key

    def agent(self, params):
        return TallyActor(params, self.family.action_space)

    def behave(self, now, conditions):
        def choose(decision, key):
            return self.settings.learner.choose(decision, key, now.progress)

        return TallyActor(now.params, self.family.action_space, choose)

    def prepare(self, now, experience):
        trial, learner = experience.trial, self.settings.learner
        recorded, objective = trial.extras.exploitation, learner.exploitation
        batch = learner.prepare(trial.exploitation, recorded, objective, 0.99)
        seen = jax.vmap(jax.vmap(before))(trial.exploitation)
        return (seen, trial.goals, trial.beliefs.mean[:, -1], batch), {}

    def losses(self, now, batch, recalled, key):
        (seen, goals, tallies, steps), learner = batch, self.settings.learner

        def loss(policy):
            each = jax.vmap(policy.unroll, in_axes=(0, 0, None))
            decision = jax.vmap(each)(seen, goals, tallies)
            return learner.loss(decision, None, steps, learner.exploitation, now.progress)

        return {"policy": loss}


METHOD = Method(TallySettings, Tally, {"default": TallySettings()})


def main():
    """Return what the method earns on a bandit."""
    dreamrl.register_method("tally", METHOD)
    return dreamrl.evaluate(dreamrl.train("tally", "bandit").agent).return_mean


if __name__ == "__main__":
    print(main())
