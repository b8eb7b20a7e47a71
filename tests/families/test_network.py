"""Diagnoses from Bayesian networks: outcomes are jointly what the network says."""

import importlib.util
import itertools
import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.errors import UserError
from dreamrl.families.diagnosis import ASIA, diagnosis, from_network, posterior
from dreamrl.testing import check_family

YES_NO = ["yes", "no"]
with_pgmpy = pytest.mark.skipif(
    importlib.util.find_spec("pgmpy") is None, reason="pgmpy is not installed"
)


class Network:
    """What is asked of pgmpy's networks: tables by variable, of two states unless said."""

    def __init__(self, states=None, **tables):
        self.states = states or {}
        self.tables = tables

    def names(self, variable):
        return self.states.get(variable, YES_NO)

    def get_cpds(self):
        found = []
        for name, (parents, chances) in self.tables.items():
            variables = [name, *parents]
            shape = [len(self.names(v)) for v in variables]
            table = np.array(chances, float).reshape(shape)
            states = {v: self.names(v) for v in variables}
            found.append(SimpleNamespace(variables=variables, values=table, state_names=states))
        return found

    def joint(self, **known):
        """P(known), by adding up everything."""
        total, names = 0.0, list(self.tables)
        for values in itertools.product(*(self.names(name) for name in names)):
            state = dict(zip(names, values, strict=True))
            if any(state[name] != value for name, value in known.items()):
                continue
            chance = 1.0
            for table in self.get_cpds():
                chance *= table.values[
                    tuple(self.names(v).index(state[v]) for v in table.variables)
                ]
            total += chance
        return total


ASIA_NETWORK = Network(
    asia=([], [0.01, 0.99]),
    tub=(["asia"], [[0.05, 0.01], [0.95, 0.99]]),
    smoke=([], [0.5, 0.5]),
    lung=(["smoke"], [[0.1, 0.01], [0.9, 0.99]]),
    bronc=(["smoke"], [[0.6, 0.3], [0.4, 0.7]]),
    either=(["lung", "tub"], [[[1, 1], [1, 0]], [[0, 0], [0, 1]]]),
    xray=(["either"], [[0.98, 0.05], [0.02, 0.95]]),
    dysp=(["bronc", "either"], [[[0.9, 0.8], [0.7, 0.1]], [[0.1, 0.2], [0.3, 0.9]]]),
)
LOOKS = {"asia": 0, "smoke": 0, "dysp": 0, "xray": 0}


def repairs(network, *variables):
    """One right repair for each joint state."""
    states = itertools.product(*(network.names(v) for v in variables))
    pairs = [zip(variables, s, strict=True) for s in states]
    kinds = [" & ".join(f"{v}={s}" for v, s in own) for own in pairs]
    pays = {kind: [float(kind == other) for other in kinds] for kind in kinds}
    return {"repair": [f"for {kind}" for kind in kinds], **pays}


def jointly(family, outcomes):
    """P(outcomes) by the table: outcomes are independent once the fault is known."""
    table, chance = family.table, family.table.prior
    for test, outcome in outcomes.items():
        number = table.tests.index(test)
        chance = chance * table.likelihoods[number, table.outcomes[number].index(outcome)]
    return chance.sum()


def agrees(family, network, tests):
    for values in itertools.product(*(network.names(test) for test in tests)):
        outcomes = dict(zip(tests, values, strict=True))
        assert jointly(family, outcomes) == pytest.approx(network.joint(**outcomes))


def test_diseases_that_leave_outcomes_independent_are_the_faults():
    diseases = ["tub", "lung", "bronc"]
    family = from_network(ASIA_NETWORK, diseases, LOOKS, repairs(ASIA_NETWORK, *diseases))
    assert len(family.table.faults) == 8
    assert (family.outcomes, family.horizon, family.end_action) == ("fixed", 4, None)
    for fault, prior in zip(family.table.faults, family.table.prior, strict=True):
        state = dict(pair.split("=") for pair in fault.split(" & "))
        assert prior == pytest.approx(ASIA_NETWORK.joint(**state))
    agrees(family, ASIA_NETWORK, list(LOOKS))
    # After a positive picture and shortness of breath, as Bayes's rule has it.
    table = family.table
    seen = [table.results.index("xray: yes"), table.results.index("dysp: yes")]
    own = table.faults.index("tub=no & lung=yes & bronc=no")
    known = dict(xray="yes", dysp="yes")
    both = ASIA_NETWORK.joint(tub="no", lung="yes", bronc="no", **known)
    assert posterior(table, seen)[own] == pytest.approx(both / ASIA_NETWORK.joint(**known))
    check_family(family)


def test_outcomes_that_depend_on_one_another_become_part_of_what_is_hidden():
    # Without bronchitis among the faults smoking and shortness of breath go together.
    family = from_network(ASIA_NETWORK, ["lung"], LOOKS, repairs(ASIA_NETWORK, "lung"))
    assert len(family.table.faults) > 2
    assert all(fault.startswith("lung=") for fault in family.table.faults)
    agrees(family, ASIA_NETWORK, list(LOOKS))
    # What pays is the user's fault alone.
    np.testing.assert_array_equal(
        family.table.payoffs[0], [fault.startswith("lung=yes") for fault in family.table.faults]
    )
    state, _ = family.reset(jax.random.key(0), jnp.array(0))
    tests = [pair.split("=") for pair in family.table.faults[0].split(" & ")[1:]]
    for test, outcome in tests:
        number = jnp.array(family.table.tests.index(test))
        step = family.step(jax.random.key(1), jnp.array(0), None, state, number)[1]
        assert family.table.results[int(step.observation) - 1] == f"{test}: {outcome}"


def test_what_is_given_and_tests_of_three_states():
    levels = {"size": ["small", "large", "huge"], "sound": ["low", "high", "none"]}
    network = Network(
        levels,
        size=([], [0.2, 0.3, 0.5]),
        broken=(["size"], [[0.1, 0.2, 0.7], [0.9, 0.8, 0.3]]),
        sound=(["broken"], [[0.1, 0.3], [0.2, 0.6], [0.7, 0.1]]),
        light=(
            ["size", "broken"],
            [[[1, 0.2], [0, 1], [0.5, 0.5]], [[0, 0.8], [1, 0], [0.5, 0.5]]],
        ),
    )
    pays = repairs(network, "broken")
    family = from_network(
        network, ["broken"], {"sound": 0.1, "light": 0}, pays, given={"size": "huge"}
    )
    assert family.table.prior == pytest.approx([0.7, 0.3])
    assert family.table.likelihoods[0, :, 0] == pytest.approx([0.1, 0.2, 0.7])
    # A state that what is given rules out is no fault, and repairs.csv may still have it.
    pays = repairs(network, "broken", "size")
    pays = {name: cells[:1] + cells[-1:] for name, cells in pays.items()}
    family = from_network(network, ["broken", "size"], {"sound": 0.1}, pays, given={"light": "yes"})
    assert "broken=yes & size=large" not in family.table.faults
    assert len(family.table.faults) == 5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"faults": ["cancer"]}, "unknown variable of the network 'cancer'"),
        ({"tests": {"blood": 0}}, "unknown variable of the network 'blood'"),
        ({"given": {"smoke": "often"}}, "unknown state of smoke 'often'"),
        ({"tests": {"lung": 0}}, "'lung' must be a fault, a test or given, and only one"),
        ({"faults": []}, "there must be a variable for faults, and one to test"),
        ({"tests": {"xray": -1}}, "tests, row 0, column 'cost': -1 is negative"),
        ({"repairs": {"repair": ["wait"], "lung=yes": [0]}}, "no column for the fault 'lung=no'"),
    ],
)
def test_what_is_wrong_is_told(changes, said):
    asked = {"faults": ["lung"], "tests": {"xray": 0}, "repairs": repairs(ASIA_NETWORK, "lung")}
    with pytest.raises(UserError) as error:
        from_network(ASIA_NETWORK, **asked | changes)
    assert said in str(error.value)


def test_impossible_evidence_and_too_many_faults_are_told():
    always = (["a"], [[1, 1], [0, 0]])
    sure = Network(a=([], [0.5, 0.5]), b=always, c=always)
    with pytest.raises(UserError, match="what is given is impossible"):
        from_network(sure, ["a"], {"c": 0}, repairs(sure, "a"), given={"b": "no"})
    # Each test depends on a cause that is no fault, and so on all others.
    tests = {f"t{i}": (["cause"], [[0.9, 0.2], [0.1, 0.8]]) for i in range(16)}
    many = Network(cause=([], [0.5, 0.5]), fault=(["cause"], [[0.7, 0.1], [0.3, 0.9]]), **tests)
    with pytest.raises(UserError, match=r"65,536 faults are more than 20,000, with tests that dep"):
        from_network(many, ["fault"], dict.fromkeys(tests, 0), repairs(many, "fault"))


def test_without_pgmpy_it_is_one_line(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pgmpy is not installed: pip install 'dreamrl\[pgmpy\]'"):
        from_network(ASIA / "asia.bif", ["lung"], {"xray": 0}, repairs(ASIA_NETWORK, "lung"))
    with pytest.raises(UserError, match=r"there is no file .*none\.bif"):
        from_network("none.bif", ["lung"], {"xray": 0}, repairs(ASIA_NETWORK, "lung"))


def test_the_built_in_table_is_that_of_the_network():
    built_in = dreamrl.make("diagnosis:table=asia")
    table = built_in.table
    assert (built_in.name, built_in.horizon) == ("diagnosis:table=asia", 2)
    pays = {fault: table.payoffs[:, i].tolist() for i, fault in enumerate(table.faults)}
    pays = {"repair": list(table.repairs), **pays}
    made = from_network(ASIA_NETWORK, ["tub", "lung", "bronc"], LOOKS, pays, budget=2).table
    assert (made.faults, made.results) == (table.faults, table.results)
    np.testing.assert_allclose(made.prior, table.prior, atol=1e-6)
    np.testing.assert_allclose(made.likelihoods, table.likelihoods, atol=1e-6)
    with pytest.raises(UserError, match="unknown table of diagnosis 'asien'"):
        dreamrl.make("diagnosis:table=asien")
    with pytest.raises(UserError, match="path and table are both given"):
        dreamrl.make("diagnosis:path=x,table=asia")


@with_pgmpy
def test_a_folder_with_a_network(tmp_path):
    (tmp_path / "network.bif").write_text((ASIA / "asia.bif").read_text())
    (tmp_path / "repairs.csv").write_text((ASIA / "repairs.csv").read_text())
    (tmp_path / "faults.csv").write_text("variable\ntub\nlung\nbronc\n")
    (tmp_path / "tests.csv").write_text("test,cost\nasia,0\nsmoke,0\ndysp,0\nxray,0\n")
    (tmp_path / "settings.json").write_text(json.dumps({"tests": 2}))
    read, built_in = diagnosis(str(tmp_path)), diagnosis(table="asia")
    assert (read.outcomes, read.budget) == ("fixed", 2)
    assert read.table.results == built_in.table.results
    np.testing.assert_allclose(read.table.prior, built_in.table.prior, atol=1e-6)
    np.testing.assert_allclose(read.table.likelihoods, built_in.table.likelihoods, atol=1e-6)
    (tmp_path / "faults.csv").write_text("variable,given\ntub,\nlung,\nbronc,\ndysp,yes\n")
    (tmp_path / "tests.csv").write_text("test,cost\nasia,0\nsmoke,0\nxray,0\n")
    given = diagnosis(str(tmp_path)).table
    expected = ASIA_NETWORK.joint(lung="yes", dysp="yes") / ASIA_NETWORK.joint(dysp="yes")
    lung = sum(p for p, f in zip(given.prior, given.faults, strict=True) if "lung=yes" in f)
    assert lung == pytest.approx(expected)
    (tmp_path / "network.bif").write_text("no network at all")
    with pytest.raises(UserError, match=r"network\.bif is no network in BIF that pgmpy reads"):
        diagnosis(str(tmp_path))
