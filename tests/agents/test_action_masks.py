"""Actions that are not possible now, or that settings bar: nobody takes them, ever."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.algorithm import Snapshot
from dreamrl.agents.dream.dynamics import Dynamics
from dreamrl.agents.dream.exploration import ExplorationPolicy
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.configuration import changed
from dreamrl.deploy import TrainedAgent
from dreamrl.errors import FamilyError, UserError
from dreamrl.families.family import has_mask
from dreamrl.families.one_goal import all_goals, the_goal
from dreamrl.families.privileged import WithTaskInfo
from dreamrl.networks.distributions import MASKED
from dreamrl.networks.policy import InstructedPolicy
from dreamrl.references import references
from dreamrl.spaces import Box, Discrete
from dreamrl.testing import check_family
from dreamrl.trial import Choice, play, rollout
from dreamrl.types import Percept, Step

END, HORIZON = 4, 4


@dataclasses.dataclass(frozen=True)
class Temptation:
    """One action in four pays 1; the one that is not possible now would pay 100, or more."""

    pays: float = 100.0
    offered: bool = False
    """Whether it is possible after all."""

    name = "temptation"
    train_ids = test_ids = (0, 1)
    horizon, end_action = HORIZON, END
    observation_space, action_space, goal_space = Discrete(1), Discrete(5), Discrete(1)
    sample_goal = staticmethod(the_goal)
    goals = staticmethod(all_goals)

    def problem(self, problem_id):
        return jnp.asarray(problem_id)

    def reset(self, key, problem):
        return jnp.array(0), jnp.array(0)

    def step(self, key, problem, goal, state, action):
        ends = action == END
        paid = jnp.where(action == state % 4, self.pays, (action == 1 + problem) * 1.0)
        over = (state + 1 >= HORIZON) & ~ends
        return state + 1, Step(jnp.array(0), paid, ends, over)

    def action_mask(self, problem, goal, state):
        return (jnp.arange(5) != state % 4) | self.offered


SMALL = {"trials": 8, "iterations": 2}
PPO = SMALL | {"learner.minibatches": 1}
DQN = SMALL | {"learner": "dqn", "updates": 1, "learner.batch": 4, "capacity": 8}
DREAM = {
    "decoder.replay": 8,
    "decoder.batch": 8,
    "exploration.hidden": 8,
    "exploitation.hidden": 8,
}
PEARL = {"updates": 1, "learner.batch": 4, "capacity": 8, "replayed": 2, "contexts": 2}
CASES = {
    "dream": PPO | DREAM,
    "dream by dqn": DQN | DREAM,
    "rl2": PPO | {"hidden": 8},
    "rl2 by dqn": DQN | {"hidden": 8},
    "varibad": PPO | {"hidden": 8},
    "import": PPO | {"hidden": 8},
    "oracle": PPO | {"hidden": 8},
    "pearl": SMALL | PEARL | {"hidden": 8},
    "maml": PPO | {"hidden": 8},
}


def a_trainer(case, family, may_end=True):
    name = case.partition(" ")[0]
    changes = CASES[case] | {"may_end": may_end}
    return make_trainer(name, family, changed(settings_for(name), changes))


def possible(episodes):
    """Of each step taken, whether its action was possible."""
    actions = np.asarray(episodes.actions)
    barred = actions == np.arange(actions.shape[-1]) % 4
    return ~barred[np.asarray(episodes.mask)]


def taken(episodes):
    """All actions taken."""
    return np.asarray(episodes.actions)[np.asarray(episodes.mask)].tolist()


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_possible_is_never_done(case):
    # Whoever does it once is paid what no loss survives.
    trainer = a_trainer(case, Temptation(np.nan), may_end=False)

    @jax.jit
    def trained(key):
        first = trainer.init(key)
        # By either learner: one that acts at random does anything but end an exploitation.
        now = Snapshot(first.params, jnp.array(0.0), first.memory)
        new = trainer.play(now, jnp.array(0), key).trial
        state, metrics = trainer.iterate(first)
        agent, family = trainer.agent(state), trainer.family

        def tested(number, key):
            return play(family, family.problem(number), agent, key)

        numbers, keys = jnp.arange(16) % 2, jax.random.split(key, 16)
        return metrics, new, jax.vmap(tested)(numbers, keys)

    metrics, new, trials = trained(jax.random.key(0))
    assert metrics["finite"] == 1
    losses = [value for name, value in metrics.items() if name.startswith("loss")]
    # The logit of a masked action, -1e9 or so, is in none of them either.
    assert np.abs(losses).max() < 1000
    assert np.isfinite([value for name, value in metrics.items() if "return" in name]).all()
    for played in (new, trials):
        assert possible(played.exploration).all()
        assert possible(played.exploitation).all()
        assert END not in taken(played.exploitation)
    assert set(taken(new.exploitation)) == set(range(4))


@pytest.mark.parametrize("case", CASES)
def test_an_end_that_settings_bar_has_no_chance(case):
    family, chances = Temptation(offered=True), []
    for may_end in (True, False):
        trainer = a_trainer(case, family, may_end)
        params = jax.jit(trainer.init)(jax.random.key(0)).params
        policy = params.exploitation if case.startswith("dream") else params.policy
        z = jnp.zeros(policy.z_proj.weight.shape[0])
        space = trainer.family.observation_space
        seen = jnp.zeros(space.shape).astype(space.dtype)
        percept = Percept(seen, *map(jnp.array, (0, 0.0, True)), jnp.ones(5, bool))
        _, decision = policy.step(policy.init_carry(), percept, jnp.array(0), z)
        chances.append(float(jnp.exp(decision.policy.log_prob(jnp.array(END)))))
    np.testing.assert_allclose(chances, [0.2, 0], atol=0.05)


def test_fixed_encodings_are_made_without_it():
    assert np.isfinite(Dynamics(jax.random.key(0), Temptation(np.nan), 4).means).all()


def test_the_same_agents_take_it_where_they_can():
    """So the family tempts: what is tested above could fail."""
    trainer = a_trainer("rl2", Temptation(np.nan, offered=True))
    metrics = jax.jit(lambda key: trainer.iterate(trainer.init(key))[1])(jax.random.key(0))
    assert metrics["finite"] == 0


def percepts():
    steps = jnp.arange(HORIZON)
    nothing = jnp.zeros(HORIZON, int)
    allowed = jnp.arange(5) != (steps % 4)[:, None]
    return Percept(nothing, nothing, jnp.zeros(HORIZON), steps == 0, allowed)


@pytest.mark.parametrize("goal", [None, 0])
def test_replayed_decisions_are_masked_as_those_that_were_played(goal):
    goal = None if goal is None else jnp.array(goal)
    policy = InstructedPolicy(jax.random.key(0), Temptation(), 8, 3)
    seen, z = percepts(), jnp.ones(3)
    whole = policy.unroll(seen, goal, z)
    carry, steps = policy.init_carry(), []
    for t in range(HORIZON):
        one = jax.tree.map(lambda x, t=t: x[t], seen)
        carry, decision = policy.step(carry, one, goal, z)
        steps.append(decision.policy.logits)
    np.testing.assert_allclose(whole.policy.logits, np.stack(steps), rtol=1e-5)
    possible = np.asarray(seen.allowed) & ((goal is not None) | (np.arange(5) != END))
    np.testing.assert_array_equal(whole.policy.logits == MASKED, ~possible)
    assert np.isfinite(whole.policy.barrier()).all()


@pytest.mark.parametrize("kind", ["learned", "random", "scripted"])
def test_explorers_of_all_kinds_keep_to_it(kind):
    script = (lambda percept, number: number % 4) if kind == "scripted" else None
    policy = ExplorationPolicy(
        jax.random.key(0), Temptation(), 8, 2, random=kind == "random", script=script
    )
    decision = policy.unroll(percepts(), jnp.zeros((HORIZON, 2)))
    chances = np.asarray(jax.nn.softmax(decision.policy.logits))
    assert chances[np.arange(HORIZON), np.arange(HORIZON) % 4] == pytest.approx(0)
    np.testing.assert_allclose(chances.sum(-1), 1, rtol=1e-5)


def test_a_script_is_followed_as_far_as_it_is_possible():
    policy = ExplorationPolicy(
        jax.random.key(0), Temptation(), 8, 2, script=lambda percept, number: jnp.array(1)
    )
    decision = policy.unroll(percepts(), jnp.zeros((HORIZON, 2)))
    chances = np.asarray(jax.nn.softmax(decision.policy.logits))
    np.testing.assert_allclose(chances[[0, 2, 3], 1], 1, rtol=1e-5)
    np.testing.assert_allclose(chances[1], [0.25, 0, 0.25, 0.25, 0.25], rtol=1e-5)


def test_what_was_possible_is_recorded_and_all_is_behind_the_end():
    def act(carry, percept, key):
        ends = jnp.where(carry == 1, END, 3)
        return carry + 1, Choice(ends, extras=percept.allowed)

    family = Temptation()
    played = rollout(family, jnp.array(0), None, act, jnp.array(0), jax.random.key(0))
    assert played.trajectory.mask.tolist() == [True, True, False, False]
    expected = [[False, *[True] * 4], [True, False, *[True] * 3], *[[True] * 5] * 3]
    assert played.trajectory.allowed.tolist() == expected
    assert played.extras.tolist() == expected[:-1]
    assert has_mask(family, exploring=True)
    assert has_mask(WithTaskInfo(family), exploring=False)


def test_references_keep_to_it():
    found = references(Temptation(), number=20)
    # The action that pays is not possible in one step of four.
    assert (found.optimum, found.bayes_optimal, found.thompson) == (3, 3, 3)
    # Half of the time the first step is for nothing.
    assert found.no_exploration == 2.5
    assert found.shortest_informative == 1
    assert 2.5 < found.random_exploration.mean <= 3


def test_the_rules_are_checked():
    check_family(Temptation())

    @dataclasses.dataclass(frozen=True)
    class Nothing(Temptation):
        def action_mask(self, problem, goal, state):
            return (jnp.arange(5) == END) | (state < 2)

    with pytest.raises(FamilyError, match="step 3: action_mask leaves no action beside end_act"):
        check_family(Nothing())

    @dataclasses.dataclass(frozen=True)
    class Few(Temptation):
        def action_mask(self, problem, goal, state):
            return jnp.ones(3, bool)

    with pytest.raises(FamilyError, match=r"action_mask must be 5 flags, is \[True, True, True\]"):
        check_family(Few())

    @dataclasses.dataclass(frozen=True)
    class Vectors(Temptation):
        action_space, end_action = Box(-1.0, 1.0, ()), None

        def step(self, key, problem, goal, state, action):
            return super().step(key, problem, goal, state, jnp.array(0))

    with pytest.raises(FamilyError, match="action_mask is for numbered actions"):
        check_family(Vectors())


def test_in_a_loop_of_ones_own():
    trainer = a_trainer("dream", Temptation())
    agent = TrainedAgent(trainer.family, trainer.agent(trainer.init(jax.random.key(0))))
    agent = agent.with_stop("never")
    explored = agent.explore(0)
    assert explored.steps == HORIZON
    assert possible(explored.trajectory._replace(mask=np.ones(HORIZON, bool))).all()
    exploited = agent.exploit(0, 0, explored)
    assert possible(exploited._replace(mask=np.ones(len(exploited.actions), bool))).all()
    explorer = agent.explorer()
    with pytest.raises(UserError, match="allowed, of observation 0, is missing: it must say"):
        explorer.observe(0)
    with pytest.raises(UserError, match="allowed, of observation 0, must be 5 flags, one at least"):
        explorer.observe(0, allowed=[False] * 5)
    only = [False, False, True, False, False]
    explorer.observe(0, allowed=only)
    assert explorer.act() == 2
    explorer.observe(0, 0.0, allowed=[True] * 5)
    assert explorer.trajectory.allowed.tolist() == [only, [True] * 5]
