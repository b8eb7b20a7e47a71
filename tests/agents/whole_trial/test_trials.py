"""Trials of one policy: what is remembered, and what is credited to whom."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dreamrl.agents.whole_trial.trials import Credit, Played

from dreamrl.agents.algorithm import Agent, Algorithm
from dreamrl.agents.policy import bar
from dreamrl.agents.whole_trial import trials as whole
from dreamrl.trial import percepts
from dreamrl.types import ProblemID, Trajectory


def test_they_keep_the_protocols(untrained):
    assert isinstance(untrained.algorithm, Algorithm)
    assert isinstance(untrained.algorithm.agent(untrained.state), Agent)


def test_trials_read_again_decide_alike(untrained):
    """Across the ends of episodes, and where an exploration ended early."""
    trials, nets = untrained.trials, untrained.state.params
    assert (trials.recorded.played.exploration.length < 6).any(), "no exploration ended early"
    memories = whole.read(nets, trials.recorded.played)
    decision_x, decision_e = whole.decide(nets, trials.recorded, memories)
    decision_x = bar(decision_x, untrained.algorithm.family.end_action)
    for decision, batch in ((decision_x, trials.exploration), (decision_e, trials.exploitation)):
        again = decision.policy.log_prob(batch.actions)
        np.testing.assert_allclose(again * batch.mask, batch.log_probs * batch.mask, atol=1e-5)


def test_the_agent_remembers_as_training_does(untrained):
    """Step by step at meta-test, all at once in training."""
    agent = untrained.algorithm.agent(untrained.state)
    played = untrained.trials.recorded.played
    one = jax.tree.map(lambda x: x[0], played.exploration)
    memory, seen = agent.explorer(), percepts(one)
    for t in range(int(one.length) + 1):
        percept = jax.tree.map(lambda x, t=t: x[t], seen)
        memory, _, _ = agent.explore(memory, percept, jax.random.key(0))
    beliefs = agent.beliefs(one)
    np.testing.assert_allclose(memory, beliefs.memory[-1], atol=1e-5)
    np.testing.assert_allclose(beliefs.mean[-1], agent.tell(memory), atol=1e-5)


def test_explorations_never_end_by_choice(untrained):
    played = untrained.trials.recorded.played
    assert (played.exploration.actions != untrained.algorithm.family.end_action).all()
    assert (played.exploitation.actions == untrained.algorithm.family.end_action).any()


@pytest.mark.parametrize(("counts", "expected"), [(True, 0.5), (False, 0.0)], ids=["rl2", "e-rl2"])
def test_the_exploration_leads_to_what_the_exploitation_returns(counts, expected):
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
    played = Played(explored, jnp.zeros((1, 2), jnp.int32), exploited)
    kept_x = (jnp.zeros((1, 2)), jnp.zeros((1, 2)))
    kept_e = (jnp.zeros((1, 2, 2)), jnp.zeros((1, 2, 2)))
    trials = whole.whole_trials(
        ProblemID(jnp.array([0])), played, None, kept_x, kept_e, Credit(1.0, 1.0, counts)
    )
    np.testing.assert_allclose(trials.exploration.targets, [[2 + expected, 2 + expected / 2]])
    np.testing.assert_allclose(trials.exploitation.targets, [[[1, 1], [3, 2]]])


def test_only_e_rl2_and_its_like_leave_out_the_explorations_rewards(untrained):
    objective = untrained.algorithm.objective
    is_rl2 = objective.count_exploration
    rewards = untrained.trials.recorded.played.exploration.rewards
    assert (rewards < 0).any()
    played = untrained.trials.recorded.played
    more = played._replace(exploration=played.exploration._replace(rewards=rewards - 5.0))
    zeros = jnp.zeros(played.exploration.actions.shape)
    kept_e = (jnp.zeros(played.exploitation.actions.shape),) * 2
    credit = Credit(0.9, 0.9, objective.count_exploration)
    targets = [
        whole.whole_trials(
            untrained.trials.recorded.problem_id, each, None, (zeros, zeros), kept_e, credit
        ).exploration.targets
        for each in (played, more)
    ]
    assert bool((targets[0] == targets[1]).all()) is not is_rl2
