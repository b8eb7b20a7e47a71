"""The other learner, with the released settings but for their number: the same problems solved."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from dreamrl.agents.algorithm import Agent, Algorithm
from dreamrl.agents.loop import Trainable
from dreamrl.agents.registry import METHODS, make_trainer, settings_for
from dreamrl.agents.settings import Budget
from dreamrl.configuration import changed, paths_of
from dreamrl.errors import UserError
from dreamrl.evaluation import outcome
from dreamrl.families.bandit import Bandit
from dreamrl.learners.dqn import DQN
from tests.agents.dream.test_isolation import moved

WITH_PAPER = [name for name in METHODS if "paper" in METHODS[name].presets]
RELEASED = Budget(
    iterations=1950, trials=64, episodes=1, learning_rate=1e-4, last_learning_rate=1.0
)


def small(agent, others=None):
    """The preset in so few and so small updates that seconds suffice."""
    settings = settings_for(agent, "", "paper")
    smaller = {
        "budget.iterations": 60,
        "budget.trials": 32,
        "budget.learning_rate": 5e-3,
        "hidden": 32,
        "exploitation.hidden": 32,
        "exploration.hidden": 16,
        "z": 4,
        "encoding.z": 4,
        "learner.updates": 8,
        "learner.batch": 64,
        "learner.capacity": 1024,
        "learner.target_every": 10,
        "learner.epsilon_end": 0.5,
        "learner.starts": 0,
        "exploration.starts": 0,
        "decoder.hidden": 0,
        "decoder.batch": 64,
        "decoder.replay": 1024,
    }
    known = paths_of(settings)
    smaller = {path: value for path, value in smaller.items() if path in known}
    return changed(settings, smaller | (others or {}))


@pytest.fixture
def learned_return(well_compiled):
    return partial(_learned_return, well_compiled)


def _learned_return(run, agent, family, settings):
    trainer = make_trainer(agent, family, settings)

    def learn(key):
        def iterate(state, _):
            return trainer.iterate(state)

        iterations = settings.budget.iterations
        state, metrics = jax.lax.scan(iterate, trainer.init(key), None, iterations)
        ids = jnp.array(family.test_ids)
        keys = jax.random.split(key, len(ids))
        agent = trainer.agent(state)
        found = jax.vmap(lambda i, key: outcome(trainer.family, agent, i, key))(ids, keys)
        return found.returns.mean(), metrics["finite"].min()

    score, finite = run(learn, jax.random.key(0))
    assert float(finite) == 1.0
    return float(score)


def test_the_preset_is_there_for_dream_and_what_it_is_compared_with():
    rivals = {"rl2", "e-rl2", "varibad", "import"}
    assert {"dream", "random-exploration", "pearl", *rivals} <= set(WITH_PAPER)
    for name in WITH_PAPER:
        settings = settings_for(name, "bus", "paper")
        assert settings.budget == RELEASED
        policy = getattr(settings, "exploitation", settings)
        assert (policy.hidden, policy.discount) == (64, 0.99)
        learner = settings.learner
        assert isinstance(learner, DQN)
        if name != "pearl":
            assert (learner.target_every, learner.max_norm, learner.starts) == (78, 10.0, 500)
            # Of 5M steps: each followed by 32 / 4 replayed episodes, epsilon falling over 250,000.
            steps = 40 if name in rivals else 20
            budget = settings.budget
            assert learner.updates * learner.batch == budget.trials * steps * 32 // 4
            acted = budget.iterations * budget.trials * steps
            assert learner.epsilon_end * acted == pytest.approx(250_000, rel=0.01)
            assert learner.target_every * learner.batch == pytest.approx(40_000, rel=0.01)


@pytest.mark.parametrize("agent", ["varibad", "import", "random-exploration"])
def test_it_trains(agent, relevant_fact):
    few = {"budget.trials": 8, "learner.capacity": 16, "learner.batch": 4}
    trainer = make_trainer(agent, relevant_fact, small(agent, few))
    assert isinstance(trainer, Trainable)
    assert isinstance(trainer.algorithm, Algorithm)
    state = jax.jit(trainer.init)(jax.random.key(0))
    after, metrics = jax.jit(trainer.iterate)(state)
    assert isinstance(trainer.agent(after), Agent)
    assert float(metrics["finite"]) == 1.0
    assert 16 <= float(metrics["steps"]) <= 8 * 2 * relevant_fact.horizon
    same = jax.tree.map(lambda a, b: bool((a == b).all()), after.params, state.params)
    assert not all(jax.tree.leaves(same))
    # The target is what the parameters were: ten updates are not over.
    before = trainer.algorithm.target(state.params)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), after.target, before)
    assert jax.tree.leaves(same)
    assert all(jax.tree.leaves(same))


def test_a_state_can_be_donated(relevant_fact):
    """Whoever does so must find each array but once: the target's are its own."""
    few = {"budget.trials": 8, "learner.capacity": 16, "learner.batch": 4, "learner.updates": 1}
    trainer = make_trainer("dream", relevant_fact, small("dream", few))
    state = jax.jit(trainer.init)(jax.random.key(0))
    wanted, _ = jax.jit(trainer.iterate)(state)
    found, _ = jax.jit(trainer.iterate, donate_argnums=0)(state)
    # The two programs may round otherwise.
    assert eqx.tree_equal(found.params, wanted.params, rtol=1e-4, atol=1e-5)
    assert eqx.tree_equal(found.target, wanted.target, rtol=1e-4, atol=1e-5)


def test_learning_starts_late(relevant_fact):
    """After 16 trials, and that of the exploration policy after 24."""
    few = {
        "budget.trials": 8,
        "learner.capacity": 32,
        "learner.batch": 4,
        "learner.updates": 1,
        "learner.starts": 16,
        "exploration.starts": 24,
    }
    trainer = make_trainer("dream", relevant_fact, small("dream", few))
    iterate, state = jax.jit(trainer.iterate), jax.jit(trainer.init)(jax.random.key(0))
    learners = []
    for _ in range(3):
        after, _ = iterate(state)
        learners.append(moved(state.params, after.params))
        state = after
    late = {"encoder", "exploitation", "decoder"}
    assert learners == [set(), late, late | {"exploration"}]


def test_dream_finds_a_fact_two_steps_away(relevant_fact, learned_return):
    assert learned_return("dream", relevant_fact, small("dream", {"iterations": 120})) > 0.85


@pytest.mark.parametrize(
    ("agent", "others"),
    [("e-rl2", {}), ("rl2", {}), ("rl2", {"learner.returns": "peng", "q_lambda": 0.9})],
)
def test_a_whole_trial_is_one_long_episode(agent, others, learned_return):
    """What the exploration finds pays in the exploitation: Q must reach across."""
    family = Bandit(arms=3, horizon=3)
    assert learned_return(agent, family, small(agent, {"iterations": 120, **others})) > 0.95 * 3


def test_it_compares_numbered_actions():
    class Continuous(Bandit):
        @property
        def action_space(self):
            from dreamrl.spaces import Box

            return Box(-1.0, 1.0, (1,))

    for agent in ("dream", "e-rl2"):
        with pytest.raises(UserError, match="learner dqn compares numbered actions"):
            make_trainer(agent, Continuous(), small(agent))


def test_what_is_kept_must_be_whole_rounds_of_trials():
    for agent in ("dream", "rl2"):
        with pytest.raises(
            UserError, match=r"capacity \(100\) must be a multiple of trials \(32\)"
        ):
            small(agent, {"capacity": 100})
    assert small("dream").learner.epsilon == 1.0
