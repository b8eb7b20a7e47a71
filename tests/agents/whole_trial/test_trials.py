"""Trials of one policy: what is remembered, and what is credited to whom."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.algorithm import Agent, Algorithm, Experience, Snapshot
from dreamrl.agents.loop import Trainable
from dreamrl.agents.whole_trial.losses import decide, read
from dreamrl.agents.whole_trial.networks import Conditions
from dreamrl.configuration import changed
from dreamrl.learners.ppo import Recorded
from dreamrl.trial import Extras, Trial, percepts
from dreamrl.types import ProblemID, Trajectory


def test_they_keep_the_protocols(untrained):
    assert isinstance(untrained.trainer, Trainable)
    assert isinstance(untrained.algorithm, Algorithm)
    assert isinstance(untrained.trainer.agent(untrained.state), Agent)


def test_trials_read_again_decide_alike(untrained):
    """Across the ends of episodes, and where an exploration ended early."""
    batch, nets = untrained.batch, untrained.state.params
    assert (batch.trial.exploration.length < 6).any(), "no exploration ended early"
    decisions = decide(nets, batch.trial, batch.context, read(nets, batch.trial))
    for decision, steps in zip(decisions, (batch.exploration, batch.exploitation), strict=True):
        again = decision.policy.log_prob(steps.actions)
        np.testing.assert_allclose(again * steps.mask, steps.log_probs * steps.mask, atol=1e-5)


def test_the_agent_remembers_as_training_does(untrained):
    """Step by step at meta-test, all at once in training."""
    agent = untrained.trainer.agent(untrained.state)
    one = jax.tree.map(lambda x: x[0], untrained.batch.trial.exploration)
    carry, seen = agent.init_exploration(), percepts(one)
    for t in range(int(one.length) + 1):
        percept = jax.tree.map(lambda x, t=t: x[t], seen)
        carry, _ = agent.explore(carry, percept, jax.random.key(0))
    beliefs = agent.beliefs(one)
    np.testing.assert_allclose(carry, beliefs.extra[-1], atol=1e-5)
    np.testing.assert_allclose(beliefs.mean[-1], agent.belief_head(carry), atol=1e-5)


def test_explorations_never_end_by_choice(untrained):
    trial = untrained.batch.trial
    assert (trial.exploration.actions != untrained.algorithm.family.end_action).all()
    assert (trial.exploitation.actions == untrained.algorithm.family.end_action).any()


def credited(untrained, algorithm, experience, discount, lambda_):
    """The learner's batch of trials, without normalisation but of advantages."""
    both = {f"learner.{part}.gae_lambda": lambda_ for part in ("exploration", "exploitation")}
    settings = changed(algorithm.settings, both | {"discount": discount})
    algorithm = dataclasses.replace(algorithm, settings=settings)
    return algorithm.prepare(Snapshot(untrained.state.params, jnp.array(0.0)), experience)[0]


@pytest.mark.parametrize(("counts", "expected"), [(True, 0.5), (False, 0.0)], ids=["rl2", "e-rl2"])
def test_the_exploration_leads_to_what_the_exploitation_returns(counts, expected, untrained):
    """Two steps each, values 0, discount 1, lambda 1: returns are what is credited.

    Its own rewards (0.25 a step) count in RL2 alone; the two episodes return 1 and 3, 2 on
    average.
    """

    def episodes(rewards, lead):
        shape = (*lead, 2)
        none = jnp.zeros(shape, bool)
        seen = jnp.zeros((*lead, 3, 1), jnp.int32)
        actions = jnp.zeros(shape, jnp.int32)
        return Trajectory(seen, actions, jnp.array(rewards), none, none, ~none)

    explored = episodes([[0.25, 0.25]], (1,))
    exploited = episodes([[[0.0, 1.0], [1.0, 2.0]]], (1, 2))
    recorded = (Recorded(jnp.zeros(shape), jnp.zeros(shape)) for shape in ((1, 2), (1, 2, 2)))
    goals = jnp.zeros((1, 2), jnp.int32)
    trial = Trial(explored, None, goals, exploited, Extras(*recorded))
    algorithm = dataclasses.replace(untrained.algorithm, include_exploration_reward=counts)
    experience = Experience(ProblemID(jnp.array([0])), Conditions(None, None), trial)
    batch = credited(untrained, algorithm, experience, 1.0, 1.0)
    np.testing.assert_allclose(batch.exploration.targets, [[2 + expected, 2 + expected / 2]])
    np.testing.assert_allclose(batch.exploitation.targets, [[[1, 1], [3, 2]]])


def test_only_e_rl2_and_its_like_leave_out_the_explorations_rewards(untrained):
    algorithm, experience = untrained.algorithm, untrained.experience
    is_rl2 = algorithm.include_exploration_reward
    trial = experience.trial
    assert (trial.exploration.rewards < 0).any()
    poorer = trial.exploration._replace(rewards=trial.exploration.rewards - 5.0)
    targets = [
        credited(untrained, algorithm, each, 0.9, 0.9).exploration.targets
        for each in (experience, experience._replace(trial=trial._replace(exploration=poorer)))
    ]
    assert bool((targets[0] == targets[1]).all()) is not is_rl2
