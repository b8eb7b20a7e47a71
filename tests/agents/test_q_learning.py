"""The other learner, with the released settings but for their number: the same problems solved."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dreamrl.agents.q_settings import PAPER

from dreamrl.agents import METHODS, make_algorithm, settings_for
from dreamrl.agents.algorithm import Agent, Algorithm
from dreamrl.errors import UserError
from dreamrl.evaluation import outcome
from dreamrl.families.bandit import Bandit

WITH_PAPER = [name for name in METHODS if "paper" in METHODS[name].presets]


def small(agent, **others):
    """The preset in so few and so small updates that seconds suffice."""
    settings = settings_for(agent, "", "paper")
    smaller = {
        "iterations": 60,
        "trials": 32,
        "hidden": 32,
        "exploration_hidden": 16,
        "z": 4,
        "learning_rate": 5e-3,
        "q_updates": 8,
        "q_batch": 64,
        "q_replay": 1024,
        "q_target_every": 10,
        "q_epsilon_end": 0.5,
        "q_starts": 0,
        "q_exploration_starts": 0,
        "decoder_hidden": 0,
        **others,
    }
    known = {field.name for field in dataclasses.fields(settings)}
    return dataclasses.replace(settings, **{k: v for k, v in smaller.items() if k in known})


def learned_return(agent, family, settings):
    algorithm = make_algorithm(agent, family, settings)

    @jax.jit
    def learn(key):
        def iterate(state, _):
            return algorithm.iterate(state)

        state, metrics = jax.lax.scan(iterate, algorithm.init(key), None, settings.iterations)
        ids = jnp.array(family.test_ids)
        keys = jax.random.split(key, len(ids))
        agent = algorithm.agent(state)
        found = jax.vmap(lambda i, key: outcome(algorithm.family, agent, i, key))(ids, keys)
        return found.returns.mean(), metrics["finite"].min()

    score, finite = learn(jax.random.key(0))
    assert float(finite) == 1.0
    return float(score)


def test_the_preset_is_there_for_dream_and_what_it_is_compared_with():
    rivals = {"rl2", "e-rl2", "varibad", "import"}
    assert {"dream", "random-exploration", "pearl", *rivals} <= set(WITH_PAPER)
    for name in WITH_PAPER:
        settings = settings_for(name, "bus", "paper")
        shared = {key: value for key, value in PAPER.items() if hasattr(settings, key)}
        assert len(shared) == (6 if name == "pearl" else len(PAPER))
        assert {key: getattr(settings, key) for key in shared} == shared
        if name != "pearl":
            # Of 5M steps: each followed by 32 / 4 replayed episodes, epsilon falling over 250,000.
            steps = 40 if name in rivals else 20
            assert settings.q_updates * settings.q_batch == settings.trials * steps * 32 // 4
            acted = settings.iterations * settings.trials * steps
            assert settings.q_epsilon_end * acted == pytest.approx(250_000, rel=0.01)
            assert settings.q_target_every * settings.q_batch == pytest.approx(40_000, rel=0.01)


@pytest.mark.parametrize("agent", ["varibad", "import", "random-exploration"])
def test_it_trains(agent, relevant_fact):
    algorithm = make_algorithm(agent, relevant_fact, small(agent, trials=8, q_replay=16, q_batch=4))
    assert isinstance(algorithm, Algorithm)
    state = jax.jit(algorithm.init)(jax.random.key(0))
    after, metrics = jax.jit(algorithm.iterate)(state)
    assert isinstance(algorithm.agent(after), Agent)
    assert float(metrics["finite"]) == 1.0
    assert 16 <= float(metrics["steps"]) <= 8 * 2 * relevant_fact.horizon
    same = jax.tree.map(lambda a, b: bool((a == b).all()), after.params, state.params)
    assert not all(jax.tree.leaves(same))
    # The target is what the parameters were: ten updates are not over.
    same = jax.tree.map(lambda a, b: bool((a == b).all()), after.target, state.params)
    assert all(jax.tree.leaves(same))


def test_learning_starts_late(relevant_fact):
    """After 16 trials, and that of the exploration policy after 24."""
    few = {"trials": 8, "q_replay": 32, "q_batch": 4, "q_updates": 1}
    settings = small("dream", q_starts=16, q_exploration_starts=24, **few)
    algorithm = make_algorithm("dream", relevant_fact, settings)
    iterate, state = jax.jit(algorithm.iterate), jax.jit(algorithm.init)(jax.random.key(0))
    moved = []
    for _ in range(3):
        after, _ = iterate(state)
        parts = zip(after.params, state.params, strict=True)
        moved.append([not bool(eqx.tree_equal(*pair)) for pair in parts])
        state = after
    # Encoder, exploitation, exploration, decoder.
    assert moved == [[False] * 4, [True, True, False, True], [True] * 4]


def test_dream_finds_a_fact_two_steps_away(relevant_fact):
    assert learned_return("dream", relevant_fact, small("dream", iterations=120)) > 0.85


@pytest.mark.parametrize(
    ("agent", "others"),
    [("e-rl2", {}), ("rl2", {}), ("rl2", {"q_returns": "peng", "q_lambda": 0.9})],
)
def test_a_whole_trial_is_one_long_episode(agent, others):
    """What the exploration finds pays in the exploitation: Q must reach across."""
    family = Bandit(arms=3, horizon=3)
    assert learned_return(agent, family, small(agent, iterations=120, **others)) > 0.95 * 3


def test_it_compares_numbered_actions():
    class Continuous(Bandit):
        @property
        def action_space(self):
            from dreamrl.spaces import Box

            return Box(-1.0, 1.0, (1,))

    for agent in ("dream", "e-rl2"):
        with pytest.raises(UserError, match="learner dqn compares numbered actions"):
            make_algorithm(agent, Continuous(), small(agent))


def test_what_is_kept_must_be_whole_rounds_of_trials():
    with pytest.raises(UserError, match="q_replay"):
        small("dream", q_replay=100)
    assert np.isclose(small("dream").q_epsilon, 1.0)
