"""Values worked out by hand, and the search against one without any of its short cuts."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.errors import UserError
from dreamrl.families.grid import HORIZON, GridAction
from dreamrl.references import (
    no_exploration,
    optimum,
    random_exploration,
    references,
    shortest_informative,
)
from dreamrl.references.exploitation import Exploitation
from dreamrl.spaces import Discrete
from dreamrl.types import Step


class Doors:
    """Behind one of two doors is a prize, 1; behind the other a loss, -1. A peek tells, at a cost.

    Actions: open the first, open the second, peek, end. Seen: nothing, or 1 + the good door.
    """

    name = "doors"
    train_ids = test_ids = (0, 1)
    horizon = 3
    end_action = 3
    observation_space = Discrete(3)
    action_space = Discrete(4)
    goal_space = Discrete(1)

    def __init__(self, cost=0.25, hidden=False):
        self.cost = cost
        self.hidden = hidden

    def problem(self, problem_id):
        return jnp.asarray(problem_id)

    def goals(self, problem):
        return jnp.array([0]), jnp.array([1.0])

    def sample_goal(self, key, problem):
        return jnp.array(0)

    def reset(self, key, problem):
        return jnp.array(0), jnp.array(0)

    def step(self, key, problem, goal, state, action):
        seen = jnp.where((action == 2) & (not self.hidden), 1 + problem, 0)
        prize = jnp.where(action == problem, 1.0, -1.0) * (action < 2)
        reward = -self.cost * (action == 2) + (0.0 if goal is None else prize)
        terminated = action != 2
        truncated = (state == 2) & ~terminated
        return state + 1, Step(seen, reward, terminated, truncated)


def test_doors_by_hand():
    doors = Doors()
    assert optimum(doors) == pytest.approx(1)
    assert no_exploration(doors) == pytest.approx(1 - 0.25)
    assert no_exploration(doors, ids=[1]) == pytest.approx(1)
    assert shortest_informative(doors) == 1
    assert shortest_informative(doors, ids=[1]) == 0
    # Only a first action that peeks shows anything: one in three, or in four with the end.
    mean, error = random_exploration(doors, number=4000)
    assert mean == pytest.approx(1 / 3 + 2 / 3 * 0.75, abs=4 * error)
    assert error == pytest.approx(0.25 * np.sqrt(2 / 9 / 4000), rel=0.05)
    mean, error = random_exploration(doors, number=4000, end=True)
    assert mean == pytest.approx(1 / 4 + 3 / 4 * 0.75, abs=4 * error)


def test_a_peek_that_costs_too_much_is_not_taken():
    assert no_exploration(Doors(cost=1.5)) == pytest.approx(0)


def test_what_cannot_be_seen_is_never_known():
    doors = Doors(hidden=True)
    assert optimum(doors) == pytest.approx(1)
    assert no_exploration(doors) == pytest.approx(0)
    assert shortest_informative(doors) is None
    assert random_exploration(doors, number=10) == (pytest.approx(0), 0)


@pytest.mark.parametrize(
    ("name", "test", "train", "trial", "without", "sampling", "steps"),
    [
        ("bus", 0.8, 0.8, 0.8, 0.3, -0.6, 10),
        ("distracting-bus", 0.8, 0.8, 0.8, 0.3, -0.6, 10),
        ("map", 0.8, 0.8, 0.8, 0.3, -0.6, 4),
        ("cooking", 0.466667, 0.398942, 0.4, 0.076042, -1.129223, 4),
    ],
)
def test_what_is_known(name, test, train, trial, without, sampling, steps):
    found = references(dreamrl.make(name), number=40)
    assert found.family == name
    assert found.optimum == pytest.approx(test, abs=1e-6)
    assert found.optimum_train == pytest.approx(train, abs=1e-6)
    assert found.no_exploration == pytest.approx(without, abs=1e-6)
    assert found.shortest_informative == steps
    assert found.bayes_optimal == pytest.approx(trial, abs=1e-6)
    assert found.thompson == pytest.approx(sampling, abs=1e-6)
    assert found.no_exploration < found.random_exploration.mean < found.optimum
    assert 0 < found.random_exploration.standard_error < 0.05


def test_cooking_by_hand():
    """ID 10 has 2, 2, 0. Both from the near drawer: 0.6; one or both from the far one: 0.4, 0.2."""
    value = (4 * 0.6 + 4 * 0.4 + 0.2) / 9
    assert optimum(dreamrl.make("cooking"), [10]) == pytest.approx(value)


def test_two_buses_by_hand():
    """Permutations 0123 and 0132.

    For two of the goals the line is known, 0.8. For the others one of two neighbouring stops is
    right: 3 steps or, the wrong one first, 7 steps.
    """
    value = (0.8 + 0.8 + 2 * (0.8 + 0.4) / 2) / 4
    assert no_exploration(dreamrl.make("bus"), [0, 1]) == pytest.approx(value)


def test_one_step_tells_two_buses_apart():
    """Out to one stop of the unsure lines, and a ride."""
    assert shortest_informative(dreamrl.make("bus"), [0, 1]) == 2


@pytest.mark.parametrize("name", ["bus", "cooking"])
def test_symmetries_change_nothing(name):
    family = dreamrl.make(name)
    ids = [*family.train_ids[:7], *family.test_ids[-3:]]
    plain = Exploitation(_without_symmetries(family), ids)
    clever = Exploitation(family, ids)
    assert len(plain._searches) == 0
    assert plain.value(ids) == pytest.approx(clever.value(ids))
    for i in ids:
        assert plain.optimum(i) == pytest.approx(clever.optimum(i))
    assert len(plain._searches) > len(clever._searches)


@pytest.mark.parametrize("ids", [[0, 5], [3, 9, 23], [1, 6, 10, 16, 22]])
def test_the_search_finds_what_a_search_of_everything_finds(ids):
    exploitation = Exploitation(_short(dreamrl.make("bus")), ids)
    value = exploitation.value(ids)
    everything = 0.0
    for task in exploitation._tasks(ids):
        search = exploitation._search(task.goal)
        rows = search._rows(task.ids)
        everything += _search_everything(search, 0, rows, {})
    assert value == pytest.approx(everything / len(ids))


def _search_everything(search, step, rows, known):
    key = step, rows.tobytes()
    if key not in known:
        layer = search.tables.layers[step]
        weights = search.weights[layer.owners[rows]]
        known[key] = max(
            weights @ layer.rewards[rows, action]
            + sum(
                _search_everything(search, step + 1, after, known)
                for after in search.tables.after(step, rows, action)
            )
            for action in range(layer.rewards.shape[1])
        )
    return known[key]


def _attributes(family):
    names = [name for name in dir(family) if not name.startswith("_")]
    return {name: getattr(family, name) for name in names}


def _without_symmetries(family):
    kept = _attributes(family)
    del kept["symmetries"]
    return types.SimpleNamespace(**kept)


def _short(family):
    """The same, over after eight steps."""

    def step(key, problem, goal, state, action):
        state, step = family.step(key, problem, goal, state, action)
        over = (state.steps >= 8) & ~step.terminated
        return state, step._replace(truncated=over)

    return types.SimpleNamespace(**{**_attributes(family), "horizon": 8, "step": step})


def test_the_best_return_of_a_told_policy_is_played():
    """The tables' best actions, played with the family itself, bring what the tables promise."""
    family = dreamrl.make("cooking")
    exploitation = Exploitation(family, [27])
    task = exploitation._tasks([27])[-1]
    search = exploitation._search(task.goal)
    problem = family.problem(jnp.array(task.ids[0]))
    state, _ = family.reset(jax.random.key(0), problem)
    row, total = search.root[task.ids[0]], 0.0
    for step in range(HORIZON):
        action = search.best[step][row].argmax()
        state, result = family.step(
            jax.random.key(0), problem, jnp.array(task.goal), state, jnp.array(action)
        )
        total += float(result.reward)
        row = search.tables.layers[step].following[row, action]
        if result.terminated:
            break
    assert action == GridAction.DROP
    assert total == pytest.approx(search.known(task.ids[0]), abs=1e-5)


def test_chance_has_no_references():
    class Windy(Doors):
        def step(self, key, problem, goal, state, action):
            return super().step(key, problem, goal, state, jax.random.randint(key, (), 0, 4))

    with pytest.raises(UserError, match=r"'doors'.*without chance"):
        optimum(Windy())


def test_references_name_what_they_lack():
    family = _attributes(Doors())
    del family["goals"]
    with pytest.raises(UserError, match=r"'doors'.*need a method goals"):
        optimum(types.SimpleNamespace(**family))
    with pytest.raises(UserError, match="'doors' has no problem 2"):
        optimum(Doors(), [2])
    with pytest.raises(UserError, match="at least one problem"):
        no_exploration(Doors(), [])
