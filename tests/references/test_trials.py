"""Whole trials: the best there is, and Thompson sampling, by hand and by searching everything."""

import types

import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.errors import TooLarge
from dreamrl.families.grid import GridAction as A
from dreamrl.references import (
    bayes_optimal,
    exploration,
    no_exploration,
    optimum,
    references,
    shortest_informative,
    tables,
    thompson,
)
from dreamrl.references.exploitation import Exploitation
from dreamrl.references.tables import ENDED, parts
from dreamrl.testing import replay


def within(family, horizon):
    """The same, over after fewer steps."""

    def step(key, problem, goal, state, action):
        state, step = family.step(key, problem, goal, state, action)
        over = (state.steps >= horizon) & ~step.terminated
        return state, step._replace(truncated=over)

    names = [name for name in dir(family) if not name.startswith("_")]
    kept = {name: getattr(family, name) for name in names}
    return types.SimpleNamespace(**{**kept, "horizon": horizon, "step": step})


def test_a_bandit_by_hand():
    """Four pulls tell five arms apart.

    Knowing nothing, the right arm is the first, ..., the fifth that is tried: 5, ..., 1.
    Thompson sampling pulls one arm all the time, and then one of those that may still be right.
    """
    found = references(dreamrl.make("bandit"), number=10)
    assert found.optimum == found.bayes_optimal == pytest.approx(5)
    assert found.shortest_informative == 4
    assert found.no_exploration == pytest.approx(3)
    assert found.thompson == pytest.approx(5 / 5 + 4 / 5 * 5 / 4)


def test_a_bandit_with_too_few_pulls_by_hand():
    """Two arms are tried; if both are wrong, one of three is right, at the first or second pull."""
    family = dreamrl.make("bandit", arms=5, horizon=2)
    assert shortest_informative(family) is None
    assert bayes_optimal(family) == pytest.approx(2 / 5 * 2 + 3 / 5 * (2 + 1) / 3)
    assert thompson(family) == pytest.approx(2 / 5 + 4 / 5 * 2 / 4)


@pytest.mark.parametrize("actions", [2, 7])
def test_the_didactic_problem_by_hand(actions):
    """Thompson sampling learns the problem only if it draws the one whose action tells."""
    found = references(dreamrl.make("tabular-didactic", actions=actions), number=10)
    assert found.bayes_optimal == found.optimum == 1
    assert found.shortest_informative == 1
    assert found.no_exploration == pytest.approx(1 / actions)
    assert found.thompson == pytest.approx(1 / actions + (actions - 1) / actions**2)


def test_thompson_sampling_on_two_buses_by_hand():
    """Permutations 0123 and 0132: half of the goals need no knowledge, and half explore it.

    Who believes in the wrong line rides it to and fro: back at the wrong end, to ride on the line
    believed in seems shorter than to walk.
    """
    unknown = (0.8 + (0.8 - 2.0) / 2) / 2
    assert thompson(dreamrl.make("bus"), [0, 1]) == pytest.approx((0.8 + unknown) / 2)


def test_names_of_ingredients_change_no_thompson_sampling():
    """Goals that are one another's names are played once, and give what each would."""
    family = within(dreamrl.make("cooking"), 7)
    ids = tuple(4**2 * a + 4 * b + c for a in (0, 3) for b in (0, 3) for c in (0, 3))
    plain = types.SimpleNamespace(**{k: v for k, v in vars(family).items() if k != "symmetries"})
    value = thompson(plain, ids)
    assert thompson(family, ids) == pytest.approx(value)
    assert value < no_exploration(plain, ids) < optimum(plain, ids)


def test_the_treasure_is_as_good_as_told_by_hand():
    """A walk of 15 steps leaves only cells that lie on one shortest way: 7, at distances 2 to 8."""
    family = dreamrl.make("treasure")
    right, up, left = A.RIGHT, A.UP, A.LEFT
    walk = [*[right] * 4, up, left, left, up, left, up, right, right, A.DOWN, right, up]
    cells = [family.problem(jnp.array(i)).cell.tolist() for i in family.train_ids]
    steps = np.array([sum(cell) for cell in cells])
    told = np.mean(1.0 * (16 - steps) - 0.1 * (steps - 1))
    seen = replay(family, 0, None, walk).observations.tolist()
    left_over = [i for i, cell in enumerate(cells) if cell not in seen]
    assert sorted(steps[left_over]) == [2, 3, 4, 5, 6, 7, 8]
    assert no_exploration(family, left_over) == pytest.approx(optimum(family, left_over))
    assert optimum(family) == pytest.approx(told)


@pytest.mark.parametrize(
    ("name", "horizon", "ids"),
    [
        ("treasure", 4, (0, 2, 5, 9, 13)),
        ("treasure", 5, (0, 1, 3, 4, 8, 12)),
        ("bus", 4, (0, 3, 9, 14)),
        ("bus", 6, (1, 6, 10, 16, 22)),
        ("cooking", 4, (7, 13, 30)),
    ],
)
def test_the_search_finds_what_a_search_of_everything_finds(name, horizon, ids):
    family = within(dreamrl.make(name), horizon)
    exploitation = Exploitation(family, ids)
    table = exploitation.tabulator.tabulate(ids, None)
    known = {}

    def final(owners):
        return len(owners) * exploitation.value([ids[i] for i in owners])

    def everything(step, rows):
        if step == horizon:
            return final(table.layers[-1].owners[rows])
        key = step, rows.tobytes()
        if key not in known:
            owners = table.layers[step].owners
            known[key] = max(
                sum(
                    final(owners[before]) if after[0] == ENDED else everything(step + 1, after)
                    for before, after in table.split(step, rows, action)
                )
                for action in range(family.action_space.n)
            )
        return known[key]

    best = sum(everything(0, rows) for rows in parts(table.first)) / len(ids)
    assert bayes_optimal(family, ids) == pytest.approx(best)
    assert no_exploration(family, ids) <= best + 1e-9
    assert best <= optimum(family, ids) + 1e-9


def test_what_is_too_large_is_left_out(monkeypatch):
    monkeypatch.setattr(exploration, "MOST_SETS", 20)
    monkeypatch.setattr(tables, "MOST_SHARED", 20)
    family = dreamrl.make("bandit", arms=12, horizon=4)
    with pytest.raises(TooLarge, match=r"'bandit' has too many sets of problems"):
        bayes_optimal(family)
    with pytest.raises(TooLarge, match=r"'bandit' has too many states"):
        thompson(family)
