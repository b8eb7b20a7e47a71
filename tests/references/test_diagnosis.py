"""Exact values of diagnoses: against a search without any of its short cuts, and by hand."""

import dataclasses
import itertools

import numpy as np
import pytest

import dreamrl
from dreamrl.cli import main
from dreamrl.families.diagnosis import Diagnosis, Table, diagnosis, from_columns
from dreamrl.families.diagnosis.relevance import reduced
from dreamrl.references import diagnosis as ways
from dreamrl.references import no_exploration, optimum, references
from dreamrl.references.belief_search import BeliefSearch
from dreamrl.runs.results import limits


def table(seed=0, faults=3, outcomes=(2, 3), repairs=2, costs=0.0):
    """A table of random numbers, some of them 0."""
    rng = np.random.default_rng(seed)
    likelihoods = np.zeros((len(outcomes), max(outcomes), faults))
    for each, number in zip(likelihoods, outcomes, strict=True):
        each[:number] = rng.dirichlet(np.full(number, 0.6), faults).round(1).T
        each[0] += 1 - each.sum(0)
    return Table(
        tuple(f"fault {i}" for i in range(faults)),
        tuple(f"test {i}" for i in range(len(outcomes))),
        tuple(tuple(map(str, range(number))) for number in outcomes),
        tuple(f"repair {i}" for i in range(repairs)),
        rng.dirichlet(np.ones(faults)),
        likelihoods,
        costs * rng.random(len(outcomes)),
        rng.normal(size=(repairs, faults)).round(1),
    )


def machine(budget=10):
    """Twelve faults, each repair right for three; of fifteen tests five tell about the repair."""
    faults = [f"fault {i}" for i in range(12)]
    group, place = np.arange(12) // 3, np.arange(12) % 3
    signs = [*(group == g for g in range(4)), group < 2]
    chances = [np.where(sign, 0.88, 0.1) for sign in signs]
    chances += [np.where(place == i % 3, 0.95, 0.03) for i in range(10)]
    tests = {"test": [f"test {i}" for i in range(15)], "cost": [0] * 15}
    tests |= {fault: [float(c[i]) for c in chances] for i, fault in enumerate(faults)}
    right = {f: [1 if g == group[i] else -1 for g in range(4)] for i, f in enumerate(faults)}
    prior = {"fault": faults, "prior": [1 / 12] * 12}
    return from_columns(prior, tests, {"repair": list("abcd"), **right}, budget=budget)


def barred(family, test, done):
    """Whether a test cannot be done after others."""
    names = [family.table.tests[other] for other in done]
    own = family.table.tests[test]
    groups = [group for group in family.exclusive if own in group]
    if any(name in group and name != own for name in names for group in groups):
        return True
    return family.outcomes == "fixed" and test in done


def histories(family, weights, left, done=()):
    """The best return of all that may be done from here on, trying everything."""
    best = (family.table.payoffs @ weights).max()
    if not left:
        return best
    for test, chances in enumerate(family.table.likelihoods):
        if barred(family, test, done):
            continue
        after = sum(histories(family, weights * c, left - 1, (*done, test)) for c in chances)
        best = max(best, after - family.table.costs[test] * weights.sum())
    return best


@pytest.mark.parametrize("outcomes", ["fresh", "fixed"])
@pytest.mark.parametrize("costs", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_the_best_is_what_trying_everything_finds(outcomes, costs, seed):
    family = Diagnosis(table(seed, costs=costs), 3, outcomes)
    for budget, found in enumerate(references(family, 10).by_budget):
        assert found.gap == 0
        assert found.low == pytest.approx(histories(family, family.table.prior, budget), abs=1e-6)


@pytest.mark.parametrize("outcomes", ["fresh", "fixed"])
@pytest.mark.parametrize("seed", range(3))
def test_the_best_where_tests_exclude_one_another(outcomes, seed):
    own = table(seed, outcomes=(2, 2, 3), costs=0.05)
    either = (("test 0", "test 1"), ("test 1", "test 2"))
    family, free = Diagnosis(own, 3, outcomes, "d", either), Diagnosis(own, 3, outcomes)
    found = references(family, 200)
    for budget, best in enumerate(found.by_budget):
        assert best.gap == 0
        assert best.low == pytest.approx(histories(family, own.prior, budget), abs=1e-6)
    assert found.bayes_optimal.low <= references(free, 10).bayes_optimal.low + 1e-9
    for way in (found.greedy_information, found.greedy_value, found.fixed_order, found.random):
        assert way.mean <= found.bayes_optimal.high + 3 * way.error + 1e-6
    # In order: the first, then, without the second, the third; and again, where that is possible.
    assert found.fixed_order.tests == pytest.approx(2 if outcomes == "fixed" else 3)
    if outcomes == "fixed":
        # The middle one alone, or the two others.
        assert found.random.tests == pytest.approx(5 / 3, abs=0.15)


def played(family, choose, weights, step=0, done=()):
    """Return and number of tests of a way to choose them, history by history."""
    stop = np.array([(family.table.payoffs @ weights).max(), 0.0])
    state = np.isin(np.arange(len(family.table.tests)), done)
    if step == family.horizon or not weights.any():
        return stop
    test = int(choose(step, weights[None], state[None])[0])
    if test == ways.STOP:
        return stop
    here = weights.sum() * np.array([-family.table.costs[test], 1.0])
    likelihoods = family.table.likelihoods[test]
    return here + sum(
        played(family, choose, weights * c, step + 1, (*done, test)) for c in likelihoods
    )


@pytest.mark.parametrize("outcomes", ["fresh", "fixed"])
@pytest.mark.parametrize(
    "choose", [ways._most_informative, ways._most_valuable], ids=["information", "value"]
)
def test_ways_to_choose_are_what_each_history_comes_to(outcomes, choose):
    family = Diagnosis(table(5, faults=4, repairs=3, costs=0.1), 4, outcomes)
    decision = family.decision

    def chosen(step, weights, done):
        return choose(decision, step, weights, done)

    found = ways.walk(decision, chosen)
    expected = played(family, chosen, family.table.prior)
    assert (found.mean, found.tests) == pytest.approx(tuple(expected))
    assert found.error == 0


def test_information_and_value_of_one_test_by_hand():
    # The first test tells all about the fault, and nothing about the repair.
    family = from_columns(
        {"fault": list("abcd"), "prior": [0.25] * 4},
        {
            "test": ["x", "y"],
            "cost": [0, 0.1],
            "a": [1, 0.1],
            "b": [0, 0.1],
            "c": [1, 0.9],
            "d": [0, 0.9],
        },
        {"repair": ["left", "right"], "a": [1, 0], "b": [1, 0], "c": [0, 1], "d": [0, 1]},
        budget=1,
    )
    found = references(family, 10)
    assert found.useless == ("x",)
    assert (found.optimum, found.no_test) == (1, 0.5)
    assert found.greedy_information == (0.5, 1, 0)
    assert found.greedy_value == pytest.approx((0.8, 1, 0))
    assert found.bayes_optimal == pytest.approx((0.8, 0.8, 1), abs=1e-6)
    assert found.fixed_order == (0.5, 1, 0)
    # Told in one step what a test that costs more than it is worth would say.
    dear = from_columns(
        {"fault": list("ab"), "prior": [0.5] * 2},
        {"test": ["y"], "cost": [0.6], "a": [0.1], "b": [0.9]},
        {"repair": ["left", "right"], "a": [1, 0], "b": [0, 1]},
        budget=3,
    )
    found = references(dear, 10)
    assert found.bayes_optimal == pytest.approx((0.5, 0.5, 0), abs=1e-6)
    assert found.greedy_value == (0.5, 0, 0)
    # All three tests are done: right unless two or three of them err.
    assert found.greedy_information.mean == pytest.approx(1 - 3 * 0.01 * 0.9 - 0.001 - 3 * 0.6)


def test_what_is_left_out_changes_no_value():
    family = machine(2)
    decision = reduced(family.decision)
    assert decision.tests.tolist() == [0, 1, 2, 3, 4]
    assert decision.prior == pytest.approx([0.25] * 4)
    whole = BeliefSearch(family.decision)
    for price in (0.0, 0.1):
        small = BeliefSearch(decision).value(price=price)
        assert whole.value(price=price) == pytest.approx(small, abs=1e-9)


def test_a_test_that_helps_only_beside_another_is_kept():
    # y shows whether the mirror is on, without which x says nothing: neither tells alone.
    kinds = list(itertools.product((0, 1), (0, 1)))
    faults = [f"{repair}{mirror}" for repair, mirror in kinds]
    tests = {"test": ["x", "y"], "cost": [0, 0]}
    tests |= {f"{r}{m}": [r ^ m, m] for r, m in kinds}
    payoffs = {f"{r}{m}": [1 - r, r] for r, m in kinds}
    family = from_columns(
        {"fault": faults, "prior": [0.25] * 4}, tests, {"repair": ["a", "b"], **payoffs}
    )
    found = references(family, 10)
    assert found.useless == ()
    assert found.bayes_optimal == pytest.approx((1, 1, 2), abs=1e-6)
    assert found.greedy_value == (0.5, 0, 0)


def test_the_machine_of_twelve_faults():
    found = references(machine(), 2000)
    assert found.useless == tuple(f"test {i}" for i in range(5, 15))
    assert found.by_budget[8].low == pytest.approx(0.9485, abs=0.001)
    assert found.bayes_optimal.low == pytest.approx(0.977, abs=0.001)
    assert found.no_test == pytest.approx(-0.5)
    assert found.greedy_information.mean < found.bayes_optimal.low - 0.03
    assert found.random.mean == pytest.approx(0.35, abs=0.08)
    returns, tests = zip(*((p.mean, p.tests) for p in found.frontier), strict=True)
    assert sorted(returns, reverse=True) == list(returns)
    assert sorted(tests, reverse=True) == list(tests)
    # At the price of each point no other is better.
    for point in found.frontier:
        priced = [other.mean - point.price * other.tests for other in found.frontier]
        assert point.mean - point.price * point.tests >= max(priced) - 1e-6


def test_bounds_hold_where_there_are_too_many_beliefs(monkeypatch):
    family = Diagnosis(table(3, faults=4, outcomes=(2, 3, 2), repairs=3), 5)
    exact = BeliefSearch(family.decision)
    monkeypatch.setattr("dreamrl.references.belief_search.MOST_GOING", 100)
    bounded = BeliefSearch(family.decision)
    assert not bounded.exact
    best, known = exact.value().low, optimum(family)
    assert bounded.value().low <= best <= bounded.value().high + 1e-9 <= known + 2e-9
    assert bounded.value().gap > 0
    assert bounded.value(1) == exact.value(1)


def test_sampled_walks_agree_with_exact_ones(monkeypatch):
    decision = Diagnosis(table(4, faults=5, outcomes=(3, 3, 2), repairs=4), 6).decision
    exact = ways.greedy_information(decision)
    monkeypatch.setattr(ways, "MOST", 40 * 5 * 8)
    sampled = ways.greedy_information(decision)
    assert exact.error == 0 < sampled.error
    assert sampled.mean == pytest.approx(exact.mean, abs=4 * sampled.error + 1e-3)


def test_the_best_is_no_worse_than_a_sampled_way_is_sure_to_be(monkeypatch):
    family = Diagnosis(table(4, faults=5, outcomes=(3, 3, 2), repairs=4), 6)
    exact = references(family, 10)
    monkeypatch.setattr(ways, "MOST", 40 * 5 * 8)
    monkeypatch.setattr("dreamrl.references.belief_search.MOST_GOING", 1)
    ways.best_of.cache_clear()
    found = references(family, 10)
    ways.best_of.cache_clear()
    best, tried = found.bayes_optimal, (found.greedy_information, found.greedy_value)
    assert min(way.error for way in tried) > 0 < best.gap
    assert best.low == pytest.approx(max(way.mean - 4 * way.error for way in tried))
    assert best.low <= exact.bayes_optimal.low <= best.high


def test_random_tests_in_the_mean():
    # One test, all of the budget: the exact value is that of no choice at all.
    family = Diagnosis(table(6, outcomes=(3,)), 2)
    exact = ways.greedy_information(family.decision)
    found = ways.random_tests(family.decision, 4000)
    assert found.mean == pytest.approx(exact.mean, abs=4 * found.error)
    fixed = Diagnosis(family.table, 2, "fixed")
    once = ways.greedy_information(Diagnosis(family.table, 1).decision)
    found = ways.random_tests(fixed.decision, 4000)
    assert found.mean == pytest.approx(once.mean, abs=4 * found.error)


def test_many_faults_and_tests_are_bounded_in_seconds():
    family = Diagnosis(table(7, faults=30, outcomes=(2,) * 40, repairs=6), 10)
    found = references(family, 100)
    assert found.no_test < found.bayes_optimal.low <= found.bayes_optimal.high
    assert found.bayes_optimal.high <= found.optimum + 1e-9
    for way in (found.greedy_value, found.greedy_information):
        assert way.mean <= found.bayes_optimal.low + 4 * way.error + 1e-9


def test_reports_of_runs_have_optimum_and_no_exploration():
    family = machine()
    assert limits(family) == pytest.approx({"optimal": 1, "no_exploration": -0.5})
    assert no_exploration(family, (0, 1, 2, 3)) == pytest.approx(0.5)


def test_the_command_prints_them(capsys):
    assert main(["references", "diagnosis"]) == 0
    told = capsys.readouterr().out
    assert "told the fault               1.0000" in told
    assert "about the repair is told by: read the hours meter, ask whether it came" in told
    assert main(["references", "diagnosis:tests=2", "--json"]) == 0
    assert '"no_test": 0.01' in capsys.readouterr().out


def test_the_pump_shows_why():
    """The most informative test is useless, and several faults share a repair."""
    family = dreamrl.make("diagnosis")
    found = references(family, 100)
    decision = family.decision
    first = ways._most_informative(
        decision, 0, decision.prior[None], np.zeros((1, len(decision.costs)), bool)
    )
    assert family.table.tests[int(first[0])] in found.useless
    assert found.greedy_information.mean < found.bayes_optimal.low - 0.05
    assert len(family.table.repairs) < len(family.table.faults)


def test_most_information_is_not_most_return():
    """Fault c is rare and dear. Test x tells a from b, of which there are many; test y tells c."""
    family = from_columns(
        {"fault": ["a", "b", "c"], "prior": [0.5, 0.4, 0.1]},
        {"test": ["x", "y"], "cost": [0, 0], "a": [0, 0], "b": [1, 0], "c": [0, 1]},
        {"repair": ["A", "B", "C"], "a": [1, 0, 0], "b": [0, 1, 0], "c": [-20, -20, 1]},
        budget=1,
    )
    found = references(family, 10)
    # After x it is a or c, 5 to 1, and C pays 0.1; or b, and B 0.4. After y c, 0.1; or else A, 0.5.
    assert found.informed == (pytest.approx(0.1 + 0.4), pytest.approx(1), 0)
    assert found.bayes_optimal[::2] == (pytest.approx(0.1 + 0.5), pytest.approx(1))


def test_most_information_is_paid_for():
    """Two tests tell as much, and all there is to know is worth 0.5."""
    family = from_columns(
        {"fault": ["a", "b"], "prior": [0.5, 0.5]},
        {"test": ["dear", "cheap"], "cost": [0.3, 0.1], "a": [0.1, 0.9], "b": [0.9, 0.1]},
        {"repair": ["left", "right"], "a": [1, 0], "b": [0, 1]},
        budget=1,
    )
    found = references(family, 10)
    assert found.informed == (pytest.approx(0.9 - 0.1), pytest.approx(1), 0)
    # Of the error 0.5 before, 0.18 is left: 0.64 of 0.5.
    dear = dataclasses.replace(family.table, costs=np.array([0.33, 0.33]))
    found = references(dataclasses.replace(family, table=dear), 10)
    assert found.informed == (pytest.approx(0.5), pytest.approx(0), 0)
    assert found.bayes_optimal.low == pytest.approx(0.9 - 0.33)


def test_most_information_in_a_network():
    found = references(diagnosis(table="asia"), 10)
    assert found.informed == (pytest.approx(-0.79643, abs=1e-5), pytest.approx(2), 0)
