"""Meta-test: fair over problems, repeatable, and blind to which problem it is."""

import inspect
import typing
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.agents import registry
from dreamrl.cli.values import describe
from dreamrl.errors import UserError
from dreamrl.evaluation import FEW_SEEDS, _interval, evaluate, spread
from dreamrl.families.bus import AT_CORNERS, NEXT
from dreamrl.families.grid import GridAction
from dreamrl.runs.results import over_seeds
from dreamrl.testing import replay
from dreamrl.trial import Actor, play
from dreamrl.types import Percept, ProblemID, Trajectory

ACTOR = ["init_exploration", "explore", "beliefs", "init_exploitation", "exploit"]


@pytest.fixture
def agent(fake):
    family = dreamrl.make("bus")
    algorithm = registry.make_trainer("fake", family, fake())
    return algorithm.agent(algorithm.init(jax.random.key(0)))


def test_problems_are_drawn_evenly_and_repeatably():
    ids = (3, 5, 9)
    drawn = spread(ids, 8, seed=1)
    counts = Counter(drawn.tolist())
    assert set(counts) == set(ids)
    assert set(counts.values()) == {2, 3}
    np.testing.assert_array_equal(drawn, spread(ids, 8, seed=1))
    assert (spread(range(50), 50, 0) != spread(range(50), 50, 1)).any()


def test_an_evaluation_says_how_well_and_how_sure(agent):
    family = dreamrl.make("bus")
    result = evaluate(family, agent, family.test_ids, trials=24, episodes=3)
    # Eight steps to a corner, whatever the goal.
    assert result.return_mean == pytest.approx(0.3)
    low, high = result.return_ci95
    assert low <= result.return_mean <= high
    assert result.exploration_length_mean == 7
    assert result.returns.shape == (24, 3)
    assert Counter(result.ids.tolist()) == dict.fromkeys(range(24), 1)
    assert result.statistics == {}


def test_few_unseen_problems_say_little_of_others(agent):
    """An interval over their trials would be of these problems alone."""
    family = dreamrl.make("cooking")
    unseen, known = family.test_ids, family.train_ids
    assert len(unseen) == 1
    assert evaluate(family, agent, unseen, 8).return_ci95 is None
    low, high = evaluate(family, agent, known[:1], 8).return_ci95
    assert low <= high
    scores = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    of_two = _interval(family, np.array([unseen[0], known[0]] * 3)[[0, 2, 4, 1, 3, 5]], scores)
    # Two means, 0 and 1: t of one degree of freedom is 12.706, the standard error 0.5.
    assert of_two == pytest.approx((0.5 - 6.353, 0.5 + 6.353), abs=1e-3)
    assert _interval(family, np.array([unseen[0], known[0]]), np.ones(2)) is None
    of_trials = _interval(family, np.array(known[:2] * 3), scores)
    assert of_trials == pytest.approx((0.5 - 0.575, 0.5 + 0.575), abs=1e-3)


def test_of_unseen_problems_the_interval_is_over_problems():
    """Four trials in each of six tell no more than one, where they come to the same."""
    family = dreamrl.make("distracting-bus")
    scores, many = np.arange(6.0), family.test_ids[:6]
    error = scores.std(ddof=1) / 6**0.5
    margin = 2.5706 * error  # t of five degrees of freedom
    found = _interval(family, np.array(many * 4), np.tile(scores, 4))
    assert found == pytest.approx((2.5 - margin, 2.5 + margin), abs=1e-3)
    low, _ = _interval(family, np.array(family.train_ids[:6] * 4), np.tile(scores, 4))
    assert low > found[0]


def test_few_seeds_have_students_interval():
    one = {"seed": 0, "return_mean": 1.0, "return_ci95": None, "optimal": None}
    both = over_seeds([one, one | {"seed": 1, "return_mean": 2.8}])
    assert both["return_ci95"] == pytest.approx([1.9 - 11.4356, 1.9 + 11.4356], abs=1e-3)
    assert over_seeds([one]) is one
    more = {"split": "unseen", "exploration_length_mean": 1.0}
    assert ("", FEW_SEEDS) in describe(both | more)
    assert "–, as there is one problem" in describe(one | more)[0][1]
    assert ("", FEW_SEEDS) not in describe(one | more)
    alike = over_seeds([one, one | {"seed": 1}])
    assert alike["return_ci95"] is None
    assert "–, as the seeds agree exactly" in describe(alike | more)[0][1]


def test_the_same_seed_gives_the_same_numbers(agent):
    family = dreamrl.make("cooking")
    first, second = (evaluate(family, agent, family.train_ids, 20, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.returns, second.returns)
    np.testing.assert_array_equal(first.lengths, second.lengths)


def test_every_episode_has_a_goal_of_its_own_and_a_fresh_memory(agent):
    family = dreamrl.make("bus")
    trial = play(family, family.problem(jnp.array(3)), agent, jax.random.key(0), episodes=12)
    assert len(np.unique(np.asarray(trial.goals), axis=0)) > 1
    assert (trial.exploitation.observations[:, 0] == trial.exploitation.observations[0, 0]).all()
    assert trial.beliefs.mean.shape == (family.horizon + 1, 4)


@pytest.mark.parametrize(("trials", "episodes"), [(1, 1), (0, 1), (4, 0)])
def test_numbers_out_of_range(agent, trials, episodes):
    family = dreamrl.make("bus")
    with pytest.raises(UserError, match="must be at least"):
        evaluate(family, agent, family.test_ids, trials, 0, episodes)
    with pytest.raises(UserError, match="no problems"):
        evaluate(family, agent, (), 4)


def names_in(annotation):
    arguments = typing.get_args(annotation)
    return {annotation, *(name for part in arguments for name in names_in(part))}


@pytest.mark.parametrize("function", ACTOR)
def test_no_function_of_an_agent_takes_a_problem_id(function):
    hints = typing.get_type_hints(getattr(Actor, function))
    assert all(ProblemID not in names_in(hint) for hint in hints.values())
    for hint in (Percept, Trajectory):
        assert ProblemID not in typing.get_type_hints(hint).values()


def test_a_trial_takes_no_problem_id():
    assert "problem_id" not in inspect.signature(play).parameters


def test_problems_that_look_alike_are_treated_alike(agent):
    """What reaches the agent is recorded: a family that shows nothing leaves no way to differ."""
    family = dreamrl.make("distracting-bus")
    seen = []

    class Spy:
        def __getattr__(self, name):
            def record(*inputs):
                jax.debug.callback(lambda *leaves: seen.append((name, leaves)), *leaves_of(inputs))
                return getattr(agent, name)(*inputs)

            return record

    def leaves_of(inputs):
        leaves = jax.tree.leaves(inputs)
        return [
            jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x
            for x in leaves
        ]

    def all_inputs(problem_id):
        seen.clear()
        # The fake rides one useful line only; the two problems differ in gray lines alone.
        trial = play(family, family.problem(jnp.array(problem_id)), Spy(), jax.random.key(2))
        jax.block_until_ready(trial)
        jax.effects_barrier()
        return sorted(repr(entry) for entry in seen)

    problem, other = 5, 5 + 24 * 7
    assert all_inputs(problem) == all_inputs(other)


@pytest.mark.parametrize("near", ["useful", "gray"])
def test_gray_lines_are_counted_where_they_are_ridden(near):
    family = dreamrl.make("distracting-bus", near=near)
    corner_is_gray = near == "useful"
    to_corner = [GridAction.RIGHT, GridAction.UP, GridAction.RIDE]
    to_next = [GridAction.RIGHT, GridAction.RIDE]
    waits = [GridAction.RIGHT, GridAction.UP, GridAction.STAY]
    assert [5, 5] in AT_CORNERS.stops.tolist()
    assert [5, 4] in NEXT.stops.tolist()
    for actions, ridden in ((to_corner, corner_is_gray), (to_next, not corner_is_gray), (waits, 0)):
        played = replay(family, 7, None, actions)
        mask = jnp.ones(len(actions), bool)
        flags = jnp.zeros(len(actions), bool)
        walked = Trajectory(
            jnp.array(played.observations),
            jnp.array(actions),
            jnp.array(played.rewards),
            flags,
            flags,
            mask,
        )
        problem = family.problem(jnp.array(7))
        assert family.statistics(problem, walked)["gray_line_ridden"] == ridden
        unridden = walked._replace(mask=jnp.zeros_like(mask))
        assert family.statistics(problem, unridden)["gray_line_ridden"] == 0
    assert dreamrl.make("bus").statistics(problem, walked) == {}
