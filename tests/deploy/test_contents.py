"""How many bits z holds of problems, of what matters in them, and of each fact."""

import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.cli.values import describe
from dreamrl.deploy.contents import contents, told
from dreamrl.families.family import Facts
from tests.agents.conftest import IRRELEVANT_FACT, Line

RHO = 0.1


class Told(Line):
    """Eight problems: a bit that matters, and a symbol of four that does not."""

    def facts(self, problem):
        return Facts({"bit": problem.pays}, {"symbol": problem.problem_id // 2})


FAMILY = Told("told", symbol_written=True)
BIT, SYMBOL = np.arange(8) % 2, np.arange(8) // 2


def of(columns, family=FAMILY):
    return contents(family, np.stack([np.asarray(x, float) for x in columns], 1), RHO)


def test_all_of_it():
    found = of([BIT, SYMBOL])
    assert found.problem == pytest.approx((3, 3), abs=1e-3)
    assert found.relevant == pytest.approx((1, 1), abs=1e-3)
    assert found.irrelevant == pytest.approx((2, 2), abs=1e-3)
    assert found.facts["bit"] == pytest.approx((1, 1), abs=1e-3)
    assert found.facts["symbol"] == pytest.approx((2, 2), abs=1e-3)


def test_what_matters_and_no_more():
    found = of([BIT, 0 * SYMBOL])
    assert found.relevant == pytest.approx((1, 1), abs=1e-3)
    assert found.irrelevant == pytest.approx((0, 2), abs=1e-6)
    # Two of four symbols look like the other two.
    assert of([BIT, SYMBOL % 2]).irrelevant == pytest.approx((1, 2), abs=1e-3)


def test_nothing():
    found = of([0 * BIT])
    assert [held.bits for held in (found.problem, *found.facts.values())] == pytest.approx([0] * 3)


def test_by_a_noise_that_hides_some():
    """Two points that are d apart: the information of a binary channel with Gaussian noise."""
    apart = 0.2
    x = np.linspace(-1, 1, 200_001)
    densities = np.exp(-np.square(x[:, None] - [0, apart]) / (2 * RHO**2))
    densities /= RHO * np.sqrt(2 * np.pi)
    mean = densities.mean(1)
    expected = (densities * np.log2(densities / mean[:, None])).sum() * (x[1] - x[0]) / 2
    assert of([apart * BIT]).problem.bits == pytest.approx(expected, abs=0.02)


def test_problems_count_as_often_as_they_come():
    class Rare(Told):
        def prior(self, ids):
            return np.where(np.asarray(ids) % 2, 0.1, 0.9)

    found = of([BIT], Rare("rare"))
    entropy = -(0.1 * np.log2(0.1) + 0.9 * np.log2(0.9))
    assert found.relevant == pytest.approx((entropy, entropy), abs=0.01)


def test_where_nobody_says_what_matters():
    found = of([BIT], IRRELEVANT_FACT)
    assert found.problem == pytest.approx((1, 3), abs=1e-3)
    assert (found.relevant, found.irrelevant, found.facts) == (None, None, {})


def test_lines_of_the_bus_and_drawers_of_the_kitchen():
    bus = dreamrl.make("distracting-bus")
    facts = bus.facts(bus.problem(jnp.array(25)))
    assert len(facts.relevant) == len(facts.irrelevant) == 4
    encodings = np.eye(53)
    found = contents(bus, encodings, RHO)
    assert found.problem.whole == pytest.approx(np.log2(53))
    # The 53 training problems have all 24 ways for the lines that matter.
    assert found.irrelevant.whole == pytest.approx(1.166, abs=1e-3)
    drawers = dreamrl.make("cooking").facts(dreamrl.make("cooking").problem(jnp.array(27)))
    # 27 = 3 + 2 * 4 + 1 * 16.
    assert [int(x) for x in drawers.relevant.values()] == [3, 2, 1]
    assert drawers.irrelevant == {}


def test_what_matters_in_a_diagnosis_is_the_repair():
    """Of the pump's eight faults some share a repair."""
    family = dreamrl.make("diagnosis")
    known = np.arange(len(family.train_ids))
    found = contents(family, np.eye(len(known)), 0.01)
    assert found.facts["repair"].whole < found.facts["fault"].whole
    kinds = [int(family.facts(family.problem(jnp.array(i))).relevant["repair"]) for i in known]
    assert 1 < len(set(kinds)) < len(known)
    only = contents(family, np.eye(len(known))[kinds], 0.01)
    assert only.relevant.bits == pytest.approx(only.relevant.whole, abs=1e-3)
    assert only.irrelevant.bits == pytest.approx(0, abs=1e-3)


def test_it_is_told_by_evaluate():
    result = told(of([BIT, SYMBOL % 2]))
    assert result["z_irrelevant_bits"] == pytest.approx(1, abs=1e-3)
    assert result["facts"]["symbol"] == pytest.approx((1, 2), abs=1e-3)
    base = {"split": "unseen", "return_mean": 1.0, "return_ci95": None, "optimal": None}
    rows = dict(describe({**base, **result, "exploration_length_mean": 2.0}))
    assert rows["bits of the problem in z"] == "2.00 of 3.00"
    assert rows["  of what matters"] == "1.00 of 1.00"
    assert rows["  of the rest"] == "1.00 of 2.00"
    assert not any("whole" in name for name in rows)
