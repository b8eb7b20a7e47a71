"""The built-in tables that come from public networks, and the program that makes them."""

import numpy as np
import pytest

from dreamrl.families.diagnosis import diagnosis
from dreamrl.families.diagnosis.network import Variable
from dreamrl.references import references
from tools.networks import CASES, Case, tables


def chances(table, test, fault):
    """P(outcome) of a test, over all faults whose name begins so; and P(fault)."""
    rows = [i for i, name in enumerate(table.faults) if name.split(" & ")[0] == fault]
    weights = table.prior[rows]
    number = len(table.outcomes[table.tests.index(test)])
    seen = table.likelihoods[table.tests.index(test), :number][:, rows] @ weights
    return dict(
        zip(table.outcomes[table.tests.index(test)], seen / weights.sum(), strict=True)
    ), weights.sum()


def test_alarm_says_what_the_network_says():
    """By hand, of the tables of the network's nodes."""
    family = diagnosis(table="alarm")
    assert (family.budget, family.outcomes, len(family.table.faults)) == (3, "fixed", 360)
    history, share = chances(family.table, "HISTORY", "left heart failure")
    assert history == pytest.approx({"TRUE": 0.9, "FALSE": 0.1}, abs=1e-5)
    none = 0.8 * 0.95 * 0.99 * 0.9 * 0.99 * 0.96 * 0.9 * 0.92
    ones = (0.2 / 0.8, 0.05 / 0.95, 0.01 / 0.99, 0.1 / 0.9, 0.01 / 0.99, 0.04 / 0.96, 0.1 / 0.9)
    total = none * (1 + sum(ones) + 0.08 / 0.92)
    assert share == pytest.approx(none * ones[1] / total, rel=1e-4)
    assert total == pytest.approx(0.892, abs=1e-3), "the page says that 11 % are left out"
    cvp, _ = chances(family.table, "CVP", "hypovolaemia")
    assert cvp["LOW"] == pytest.approx(0.01 * 0.95 + 0.09 * 0.04 + 0.9 * 0.01, abs=1e-4)


def test_insurance_says_what_the_network_says():
    family = diagnosis(table="insurance")
    history, share = chances(family.table, "DrivHist", "normal normal")
    assert history == pytest.approx({"Zero": 0.9, "One": 0.07, "Many": 0.03}, abs=1e-5)
    assert share == pytest.approx(0.2713, abs=1e-4)
    # Claims of 20.4 thousand are expected of substandard drivers: only the surcharge pays.
    row = [i for i, name in enumerate(family.table.faults) if name.startswith("normal substandard")]
    assert family.table.payoffs[:, row[0]].tolist() == pytest.approx(
        [-12.34, -7.34, 4.66], abs=0.01
    )


@pytest.mark.parametrize(
    ("table", "best", "greedy", "none"),
    [("alarm", -0.6893, -0.8612, -0.9362), ("insurance", 1.9147, 1.7136, 1.6084)],
)
def test_what_can_be_reached_is_on_the_page(table, best, greedy, none):
    found = references(diagnosis(table=table), number=10)
    assert found.bayes_optimal.low == pytest.approx(best, abs=1e-4)
    assert found.greedy_information.mean == pytest.approx(greedy, abs=1e-4)
    assert found.no_test == pytest.approx(none, abs=1e-4)


def test_states_without_a_name_are_left_out_and_the_others_sum_to_one():
    """Two causes, one in ten and one in five, never both; a test that shows the first."""
    network = {
        "a": Variable(("yes", "no"), (), np.array([0.1, 0.9])),
        "b": Variable(("yes", "no"), (), np.array([0.2, 0.8])),
        "see": Variable(("yes", "no"), ("a",), np.array([[0.7, 0.4], [0.3, 0.6]])),
    }

    def name(states):
        found = [cause for cause in "ab" if states[cause] == "yes"]
        return None if len(found) > 1 else (found or ["none"])[0]

    def pays(network):
        return {"wait": {"none": 0.0, "a": -1.0, "b": -2.5}}

    found = tables(Case(["a", "b"], {"see": 0.5}, {}, 1, name, pays), network)
    shares = {"a": 0.1 * 0.8, "b": 0.9 * 0.2, "none": 0.9 * 0.8}
    assert {name: float(prior) for name, prior in found["faults"][1:]} == pytest.approx(
        {name: share / 0.98 for name, share in shares.items()}, rel=1e-5
    )
    assert found["tests"][0] == ["test", "cost", "outcome", "a", "b", "none"]
    assert found["tests"][1] == ["see", 0.5, "yes", "0.7", "0.4", "0.4"]
    assert found["repairs"][1] == ["wait", "-1", "-2.5", "0"]
    assert set(CASES) == {"alarm", "insurance"}
