"""A person does the tests: what is proposed, what it is worth, and what is repaired."""

import io
import json

import numpy as np
import pytest

import dreamrl
from dreamrl import runs
from dreamrl.cli import main
from dreamrl.deploy.consultation import Consultation, summary
from dreamrl.deploy.divergence import divergence
from dreamrl.deploy.wording import Share, likeliest
from dreamrl.errors import UserError
from dreamrl.families.diagnosis import diagnosis, fleet, from_columns, posterior
from tests.diagnoses import SMALL, untrained


@pytest.fixture(scope="module")
def agent():
    return untrained(diagnosis(), stop="never")


def test_the_belief_is_exact_and_tests_go_on_to_the_budget(agent):
    consultation = Consultation(agent)
    table, results = agent.family.table, []
    np.testing.assert_allclose(consultation.posterior, table.prior)
    for number in range(agent.family.budget):
        proposal = consultation.proposal
        test = table.tests.index(proposal.test)
        assert sum(p.probability for p in proposal.prospects) == pytest.approx(1)
        outcome = table.outcomes[test][0]
        consultation.tell(outcome.upper()[:3])
        results.append(int(table.offsets[test]))
        np.testing.assert_allclose(consultation.posterior, posterior(table, results))
        assert consultation.told[number] == (proposal.test, outcome)
    assert consultation.done
    assert consultation.proposal is None
    with pytest.raises(UserError, match="there is no test to tell an outcome of"):
        consultation.tell("low")
    advice, belief = consultation.advice, consultation.posterior
    row = table.repairs.index(advice.repair)
    assert advice.expected == pytest.approx(table.payoffs[row] @ belief)
    assert advice.risk == pytest.approx(belief[table.payoffs[row] < table.payoffs.max(0)].sum())


def test_what_is_not_said_one_by_one_is_summed():
    shares = [Share(f"fault {i}", 1 / 20, "5%") for i in range(20)]
    shown = likeliest(shares)
    assert [share.name for share in shown[:8]] == [f"fault {i}" for i in range(8)]
    assert shown[8:] == [("and 12 others", pytest.approx(0.6), "60%")]
    assert likeliest(shares[:8]) == shares[:8]
    assert likeliest(shares[:9])[8].name == "and 1 other"


def test_what_a_test_is_worth_by_hand():
    family = from_columns(
        {"fault": ["a", "b"], "prior": [0.6, 0.4]},
        {"test": ["x"], "cost": [0.05], "a": [0.1], "b": [0.8]},
        {"repair": ["for a", "for b"], "a": [1, 0], "b": [0, 1]},
        budget=2,
    )
    consultation = Consultation(untrained(family, stop="never"))
    proposal = consultation.proposal
    # Right in 0.54 of the negative cases and 0.32 of the positive ones, before in 0.6.
    assert proposal.worth == pytest.approx(0.54 + 0.32 - 0.6)
    assert proposal.cost == 0.05
    assert [p.repair for p in proposal.prospects] == ["for a", "for b"]
    assert [p.probability for p in proposal.prospects] == pytest.approx([0.62, 0.38])


def test_outcomes_that_are_none_are_refused_and_nothing_is_lost():
    family = from_columns(
        {"fault": ["a", "b"], "prior": [0.6, 0.4]},
        {"test": ["x"], "cost": [0], "a": [1], "b": [1]},
        {"repair": ["for a", "for b"], "a": [1, 0], "b": [0, 1]},
        budget=2,
    )
    consultation = Consultation(untrained(family, stop="never"))
    with pytest.raises(UserError, match=r"unknown outcome of 'x' 'maybe': known: negative, pos"):
        consultation.tell("maybe")
    with pytest.raises(UserError, match="by the table 'x' cannot be 'negative'"):
        consultation.tell("neg")
    with pytest.raises(UserError, match="unknown outcome"):
        consultation.tell(" ")
    consultation.tell("positive")
    assert len(consultation.told) == 1


def test_outcomes_are_told_apart_by_their_letters_and_lines_do_not_matter():
    words = ["low", "Low", "low\nside"]
    family = from_columns(
        {"fault": ["a", "b"], "prior": [0.6, 0.4]},
        {
            "test": ["x  y"] * 3,
            "cost": [0] * 3,
            "outcome": words,
            "a": [1 / 3] * 3,
            "b": [1 / 3] * 3,
        },
        {"repair": ["for a", "for b"], "a": [1, 0], "b": [0, 1]},
        budget=4,
    )
    consultation = Consultation(untrained(family, stop="never"))
    with pytest.raises(UserError, match="unknown outcome of 'x  y' 'LOW'"):
        consultation.tell("LOW")
    with pytest.raises(UserError, match="the outcome is of 'z', and the agent asked for 'x  y'"):
        consultation.tell("low", "z")
    consultation.tell("Low", "x y")
    consultation.tell(" low ")
    consultation.tell("low\r\nside")
    consultation.tell("low s")
    assert [outcome for _, outcome in consultation.told] == ["Low", "low", words[2], words[2]]
    assert consultation.exhausted


def test_what_each_repair_comes_to_by_hand():
    family = from_columns(
        {"fault": ["a", "b"], "prior": [0.6, 0.4]},
        {"test": ["x"], "cost": [0], "a": [0.1], "b": [0.8]},
        {"repair": ["for a", "for b"], "a": [1, 0], "b": [-1, 2]},
        budget=2,
    )
    consultation = Consultation(untrained(family, stop="never"))
    for_a, for_b = consultation.repairs
    assert for_a == ("for a", pytest.approx(0.6 - 0.4), pytest.approx(0.4))
    assert for_b == ("for b", pytest.approx(0.8), pytest.approx(0.6))
    assert consultation.advice in consultation.repairs
    assert not consultation.exhausted


def test_what_was_told_is_not_asked_again_where_outcomes_are_fixed():
    family = from_columns(
        {"fault": ["a", "b"], "prior": [0.6, 0.4]},
        {"test": ["x"], "cost": [0], "a": [0.2], "b": [0.8]},
        {"repair": ["for a", "for b"], "a": [1, 0], "b": [0, 1]},
        budget=3,
        outcomes="fixed",
    )
    consultation = Consultation(untrained(family, stop="never"))
    consultation.tell("positive")
    assert consultation.done
    assert consultation.posterior == pytest.approx([0.12 / 0.44, 0.32 / 0.44])


def test_only_diagnoses_have_tests():
    with pytest.raises(UserError, match="'bandit' has no tests and repairs"):
        Consultation(untrained(dreamrl.make("bandit")))


FLEET = fleet(tables=6, held_out=2, faults=3, tests=2, repairs=2, budget=2)
MACHINE = from_columns(
    {"fault": ["worn", "loose", "dirty"], "prior": [0.5, 0.3, 0.2]},
    {
        "test": ["listen", "shake"],
        "cost": [0, 0],
        "worn": [0.9, 0.2],
        "loose": [0.5, 0.9],
        "dirty": [0.1, 0.2],
    },
    {"repair": ["replace", "clean"], "worn": [1, -1], "loose": [1, -1], "dirty": [-1, 1]},
)


def test_an_agent_of_a_fleet_diagnoses_a_machine_of_it_and_another(monkeypatch):
    agent = untrained(FLEET, stop="never")
    seen = []
    observation = type(FLEET).observation
    monkeypatch.setattr(
        type(FLEET),
        "observation",
        lambda self, table, results=(): (
            seen.append((table, list(results))) or observation(self, table, results)
        ),
    )
    for machine in (FLEET.machine(5), MACHINE):
        consultation, results, table = Consultation(agent, machine=machine), [], machine.table
        np.testing.assert_allclose(consultation.posterior, table.prior)
        for _ in range(2):
            proposal = consultation.proposal
            consultation.tell(proposal.prospects[1].outcome)
            results.append(int(table.offsets[table.tests.index(proposal.test)]) + 1)
            # What it sees is that machine's table, and what it was told of it.
            assert seen[-1] == (table, results)
            np.testing.assert_allclose(consultation.posterior, posterior(table, results))
        assert consultation.done
        assert consultation.advice.repair in table.repairs
        assert seen[-1] == (table, [])


def test_machines_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="has many machines: give one, by --machine or machine="):
        Consultation(untrained(FLEET))
    with pytest.raises(UserError, match=r"have \(2, 2, 3, 2\) tests, outcomes, .* and this one"):
        Consultation(untrained(FLEET), machine=diagnosis())
    with pytest.raises(UserError, match="diagnosis is of one machine, whose table it has"):
        Consultation(untrained(diagnosis()), machine=diagnosis())


def test_a_machine_of_a_folder_at_the_terminal(tmp_path, capsys):
    module = tmp_path / "fleets.py"
    module.write_text(
        "from dreamrl.families.diagnosis import fleet\n"
        "made = fleet(tables=6, held_out=2, faults=3, tests=2, repairs=2, budget=2)\n"
    )
    plant = tmp_path / "plant"
    plant.mkdir()
    (plant / "faults.csv").write_text("fault,prior\nworn,0.5\nloose,0.3\ndirty,0.2\n")
    (plant / "tests.csv").write_text(
        "test,cost,worn,loose,dirty\nlisten,0,0.9,0.5,0.1\nshake,0,0.2,0.9,0.2\n"
    )
    (plant / "repairs.csv").write_text("repair,worn,loose,dirty\nreplace,1,1,-1\nclean,-1,-1,1\n")
    run, family = str(tmp_path / "run"), f"{module}:made"
    small = [word for pair in SMALL.items() for word in (f"--{pair[0]}", str(pair[1]))]
    assert main(["train", "dream", family, "--out", run, *small]) == 0
    capsys.readouterr()
    asked = ["diagnose", run, "--family", family, "--json"]
    assert main([*asked, "--machine", str(plant)]) == 0
    held = json.loads(capsys.readouterr().out)
    assert held["posterior"] == pytest.approx({"worn": 0.5, "loose": 0.3, "dirty": 0.2})
    assert held["advice"]["repair"] in ("replace", "clean")
    assert main(asked) == 2
    assert "--machine" in capsys.readouterr().err


def test_at_the_terminal(pump_run, capsys, monkeypatch):
    consultation = Consultation(dreamrl.load(pump_run))
    first = consultation.proposal
    monkeypatch.setattr("sys.stdin", io.StringIO(f"zzz\n{first.prospects[0].outcome}\n\n"))
    assert main(["diagnose", str(pump_run)]) == 0
    told = capsys.readouterr().out
    assert f"test 1: {first.test} (worth {first.worth:.2f})" in told
    assert f"unknown outcome of {first.test!r} 'zzz': known" in told
    assert "test 2: " in told
    consultation.tell(first.prospects[0].outcome)
    assert f"repair: {consultation.advice.repair}\n" in told
    assert f"another would pay more: {consultation.advice.risk:.0%}\n" in told
    # The end of the input ends the tests too.
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["diagnose", str(pump_run)]) == 0
    assert "repair: " in capsys.readouterr().out


def test_for_programs(pump_run, capsys):
    first = Consultation(dreamrl.load(pump_run)).proposal
    outcome = first.prospects[1].outcome
    assert main(["diagnose", str(pump_run), "--outcome", outcome, "--json"]) == 0
    held = json.loads(capsys.readouterr().out)
    consultation = Consultation(dreamrl.load(pump_run))
    consultation.tell(outcome)
    assert held == json.loads(json.dumps(summary(consultation)))
    assert held["told"] == [{"test": first.test, "outcome": outcome}]
    assert main(["diagnose", str(pump_run), "--stop", "0", "--json"]) == 0
    held = json.loads(capsys.readouterr().out)
    assert (held["done"], held["proposal"]) == (True, None)
    assert main(["diagnose", str(pump_run), "--stop", "0"]) == 0
    assert "more tests are not worth it\n" in capsys.readouterr().out
    assert main(["diagnose", str(pump_run), "--outcome", "odd", "--json"]) == 2
    assert "unknown outcome of" in capsys.readouterr().err


def test_an_evaluation_says_how_far_beliefs_are_off(pump_run, capsys, monkeypatch):
    loads, load = [], runs.Run.load
    monkeypatch.setattr("dreamrl.runs.Run.load", lambda run: loads.append(run) or load(run))
    assert main(["evaluate", str(pump_run), "--trials", "64", "--json"]) == 0
    held = json.loads(capsys.readouterr().out)
    assert len(loads) == 1
    assert held["held_out"] is False
    assert held["belief_divergence"] == pytest.approx(divergence(dreamrl.load(pump_run)))
    assert held["belief_divergence"] > 0.05
    assert main(["evaluate", str(pump_run), "--trials", "64"]) == 0
    told = capsys.readouterr().out
    assert "belief against the exact one" in told
    assert "return on all problems" in told


def test_each_test_is_proposed_once_where_outcomes_are_fixed_and_none_that_is_excluded():
    family = from_columns(
        {"fault": ["a", "b"], "prior": [0.6, 0.4]},
        {"test": list("wxyz"), "cost": [0] * 4, "a": [0.2] * 4, "b": [0.8] * 4},
        {"repair": ["for a", "for b"], "a": [1, 0], "b": [0, 1]},
        budget=9,
        outcomes="fixed",
        exclusive=[["w", "x"], ["x", "y"]],
    )
    consultation = Consultation(untrained(family, stop="never"))
    while consultation.proposal is not None:
        consultation.tell("positive")
    done = {test for test, _ in consultation.told}
    assert done in ({"w", "y", "z"}, {"x", "z"})
    assert len(consultation.told) == len(done)
