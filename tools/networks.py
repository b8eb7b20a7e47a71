"""Make the tables `alarm` and `insurance` of `diagnosis` from the networks that pgmpy ships.

    pip install 'dreamrl[pgmpy]' 'pgmpy<1.3'
    python -m tools.networks

(From pgmpy 1.3 on `get_example_model` is gone, and what takes its place loads from the network.)

What is a fault, what a test costs and what a repair pays is decided here: docs/cases/networks.md.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dreamrl.families.diagnosis.network import JOIN, Network, columns_of, read_network

ROOT = Path(__file__).parent.parent / "src" / "dreamrl" / "families" / "diagnosis"


class Case(NamedTuple):
    """A decision on top of a network."""

    variables: Sequence[str]
    """Their joint states are the faults."""
    tests: Mapping[str, float]
    given: Mapping[str, str]
    budget: int
    name: Callable[[Mapping[str, str]], str | None]
    """What a joint state is called; None leaves it out."""
    pays: Callable[[Network], Mapping[str, Mapping[str, float]]]
    """{repair: {name of a fault: payoff}}"""


SINGLE = {
    "HYPOVOLEMIA": "hypovolaemia",
    "LVFAILURE": "left heart failure",
    "ANAPHYLAXIS": "anaphylaxis",
    "INSUFFANESTH": "light anaesthesia",
    "PULMEMBOLUS": "pulmonary embolus",
    "KINKEDTUBE": "kinked tube",
    "DISCONNECT": "disconnection",
}
TUBE = {"ESOPHAGEAL": "tube in oesophagus", "ONESIDED": "tube in one lung"}
HARM = {
    "hypovolaemia": 2.0,
    "left heart failure": 3.0,
    "anaphylaxis": 8.0,
    "light anaesthesia": 1.0,
    "pulmonary embolus": 6.0,
    "kinked tube": 4.0,
    "disconnection": 6.0,
    "tube in oesophagus": 10.0,
    "tube in one lung": 3.0,
}
"""What a problem costs that nobody treats."""
TREATS: dict[str, tuple[float, tuple[str, ...]]] = {
    "watch": (0.0, ()),
    "give fluids": (0.3, ("hypovolaemia",)),
    "support the heart": (0.6, ("left heart failure",)),
    "give adrenaline": (1.0, ("anaphylaxis",)),
    "deepen the anaesthesia": (0.3, ("light anaesthesia",)),
    "dissolve the clot": (1.5, ("pulmonary embolus",)),
    "place the tube anew": (0.5, ("tube in oesophagus", "tube in one lung")),
    "check the breathing circuit": (0.1, ("kinked tube", "disconnection")),
}
"""The burden of a treatment, and what it ends."""


def one_problem(states: Mapping[str, str]) -> str | None:
    """Return what is wrong with the patient, where at most one thing is."""
    wrong = [said for name, said in SINGLE.items() if states[name] == "TRUE"]
    wrong += [TUBE[states["INTUBATION"]]] if states["INTUBATION"] in TUBE else []
    return None if len(wrong) > 1 else (wrong or ["nothing"])[0]


def treatments(_: Network) -> dict[str, dict[str, float]]:
    return {
        treatment: {
            problem: -burden - (0.0 if problem in ends else HARM.get(problem, 0.0))
            for problem in ("nothing", *HARM)
        }
        for treatment, (burden, ends) in TREATS.items()
    }


CLAIMS = ("PropCost", "MedCost", "ILiCost")
AMOUNTS = {"Thousand": 1.0, "TenThou": 10.0, "HundredThou": 30.0, "Million": 30.0}
"""What the insurer pays of a claim, in thousands: a reinsurer bears what is beyond 30."""
PREMIUMS = {"preferred policy": 8.0, "standard policy": 13.0, "surcharged policy": 25.0}
LEAVES = 2.0
"""Who is asked for more than so many times the claims to be expected goes elsewhere."""
PROFILE = ("RiskAversion", "DrivingSkill")


def profile(states: Mapping[str, str]) -> str:
    return " ".join(states[name] for name in PROFILE).lower()


def policies(network: Network) -> dict[str, dict[str, float]]:
    """Return what is earned by offering each policy to each profile."""
    claims: dict[str, float] = {}
    for claim in CLAIMS:
        found = columns_of(network, PROFILE, {claim: 0})
        for kind in found.faults["fault"]:
            chances = zip(found.tests["outcome"], found.tests[kind], strict=True)
            paid = sum(AMOUNTS[amount] * chance for amount, chance in chances)
            name = profile(states_of(kind))
            claims[name] = claims.get(name, 0.0) + paid
    return {
        policy: {
            name: round(premium - paid, 3) if premium <= LEAVES * paid else 0.0
            for name, paid in claims.items()
        }
        for policy, premium in PREMIUMS.items()
    }


CASES = {
    "alarm": Case(
        variables=(*SINGLE, "INTUBATION"),
        tests={
            "HISTORY": 0.05,
            "BP": 0.01,
            "SAO2": 0.01,
            "EXPCO2": 0.01,
            "PRESS": 0.01,
            "CVP": 0.05,
            "PAP": 0.1,
        },
        given={"MINVOLSET": "NORMAL", "FIO2": "NORMAL"},
        budget=3,
        name=one_problem,
        pays=treatments,
    ),
    "insurance": Case(
        variables=PROFILE,
        tests={
            "Age": 0.02,
            "SocioEcon": 0.05,
            "DrivHist": 0.1,
            "GoodStudent": 0.02,
            "MakeModel": 0.02,
            "VehicleYear": 0.02,
            "HomeBase": 0.02,
            "AntiTheft": 0.02,
            "OtherCar": 0.02,
        },
        given={},
        budget=3,
        name=profile,
        pays=policies,
    ),
}


def states_of(fault: str) -> dict[str, str]:
    """Return the states that the name of a joint state holds."""
    pairs = (part.split("=", 1) for part in fault.split(JOIN))
    return dict(pairs)  # type: ignore[arg-type]


def tables(case: Case, network: Network) -> dict[str, list[list[Any]]]:
    """Return the rows of faults.csv, tests.csv and repairs.csv."""
    found = columns_of(network, case.variables, case.tests, case.given)
    pays = case.pays(network)
    names: dict[str, str] = {}
    kinds: dict[str, str] = {}
    for fault in found.faults["fault"]:
        kind = case.name(states_of(found.kinds[fault]))
        if kind is not None:
            names[fault] = kind + fault.removeprefix(found.kinds[fault])
            kinds[fault] = kind
    prior = dict(zip(found.faults["fault"], found.faults["prior"], strict=True))
    total = sum(prior[fault] for fault in names)
    tested = zip(*(found.tests[c] for c in ("test", "cost", "outcome", *names)), strict=True)
    return {
        "faults": [["fault", "prior"], *([names[f], f"{prior[f] / total:.6g}"] for f in names)],
        "tests": [
            ["test", "cost", "outcome", *names.values()],
            *(
                [test, cost, outcome, *(f"{p:.5g}" for p in ps)]
                for test, cost, outcome, *ps in tested
            ),
        ],
        "repairs": [
            ["repair", *names.values()],
            *([repair, *(f"{paid[kinds[f]]:g}" for f in names)] for repair, paid in pays.items()),
        ],
    }


def write(name: str, network: Network) -> None:
    """Write the folder of a table."""
    folder = ROOT / name
    folder.mkdir(exist_ok=True)
    for file, rows in tables(CASES[name], network).items():
        with (folder / f"{file}.csv").open("w", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows(rows)
    settings = {"tests": CASES[name].budget, "outcomes": "fixed"}
    (folder / "settings.json").write_text(json.dumps(settings) + "\n")


def main() -> None:
    from pgmpy.utils import get_example_model

    for name in CASES:
        write(name, read_network(get_example_model(name)))


if __name__ == "__main__":
    main()
