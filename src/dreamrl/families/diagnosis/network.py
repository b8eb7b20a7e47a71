"""Tables from a Bayesian network: faults are states of some variables, tests look at others.

Exact. A table takes outcomes for independent once the fault is known. Where those of a network are
not, some of them become part of what is hidden: the fault then says how they come out, too.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from dreamrl.errors import UserError, unknown
from dreamrl.families.optional_deps import needs
from dreamrl.values import AnyPath

JOIN = " & "
MOST_STATES = 20_000
"""Joint states of faults and of tests that are part of them."""
MOST_VARIABLES = 52
"""Ancestors of what is asked for: as many indices as `numpy.einsum` knows."""


class Variable(NamedTuple):
    """A variable of a network, with its table."""

    states: tuple[str, ...]
    parents: tuple[str, ...]
    chances: Float[np.ndarray, "states ..."]
    """P(state | states of parents)."""

    @property
    def certain(self) -> bool:
        """True if the parents settle it."""
        return bool(np.isin(self.chances, (0.0, 1.0)).all())


Network = Mapping[str, Variable]


class Found(NamedTuple):
    """The tables of a network: the columns of faults.csv and of tests.csv."""

    faults: dict[str, list[Any]]
    tests: dict[str, list[Any]]
    kinds: dict[str, str]
    """Which joint state of the user's variables each fault is."""
    known: tuple[str, ...]
    """All of these joint states, the impossible ones too."""


def read_network(given: AnyPath | Any) -> Network:
    """Return a network from a BIF file, which needs pgmpy, or from one of pgmpy's own networks.

    Raises:
        UserError: Without pgmpy, and for a file that it cannot read.
    """
    if hasattr(given, "get_cpds"):
        return _of_tables(given.get_cpds())
    path = Path(given)
    if not path.is_file():
        raise UserError(f"there is no file {path}, of a network in BIF")
    needs("pgmpy", "pgmpy")
    from pgmpy.readwrite import BIFReader

    try:
        network = _of_tables(BIFReader(str(path)).get_model().get_cpds())
    except Exception as error:
        raise UserError(f"{path} is no network in BIF that pgmpy reads: {error!r:.100}") from None
    if not network:
        raise UserError(f"{path} is no network in BIF that pgmpy reads: it has no variables")
    return network


def _of_tables(tables: Iterable[Any]) -> Network:
    network = {}
    for table in tables:
        name, *parents = map(str, table.variables)
        states = tuple(map(str, table.state_names[table.variables[0]]))
        network[name] = Variable(states, tuple(parents), np.asarray(table.values, float))
    return network


def columns_of(
    network: Network,
    faults: Sequence[str],
    tests: Mapping[str, float | int],
    given: Mapping[str, str] | None = None,
) -> Found:
    """Return the tables of a network.

    Args:
        network: From `read_network`.
        faults: Variables whose joint states are the faults, named as `lung=yes & bronc=no`.
        tests: Variables that can be looked at, and what each costs.
        given: What is known from the start: the state of some variables.

    Raises:
        UserError: For variables and states that there are not, and for too many faults.
    """
    given = dict(given or {})
    for name in (*faults, *tests, *given):
        if name not in network:
            raise unknown("variable of the network", str(name), network)
    for name, state in given.items():
        if state not in network[name].states:
            raise unknown(f"state of {name}", str(state), network[name].states)
    variables = [*faults, *tests, *given]
    if repeats := [name for name in variables if variables.count(name) > 1]:
        raise UserError(f"network: {repeats[0]!r} must be a fault, a test or given, and only one")
    if not faults or not tests:
        raise UserError("network: there must be a variable for faults, and one to test")
    hidden = [*faults, *_dependent(network, [*faults, *given], list(tests))]
    number = int(np.prod([len(network[name].states) for name in hidden], dtype=float))
    if number > MOST_STATES:
        remark = f", with tests that depend on one another ({', '.join(hidden[len(faults) :])})"
        suffix = remark if len(hidden) > len(faults) else ""
        raise UserError(f"network: {number:,} faults are more than {MOST_STATES:,}{suffix}")
    prior = _joint(network, hidden, given).reshape(-1)
    if not prior.any():
        raise UserError("network: what is given is impossible")
    possible = prior > 0
    names = [_name(network, hidden, states) for states in _states(network, hidden)]
    kinds = [_name(network, faults, s[: len(faults)]) for s in _states(network, hidden)]
    columns: dict[str, list[Any]] = {"test": [], "cost": [], "outcome": []}
    rows = []
    for test, cost in tests.items():
        for place, state in enumerate(network[test].states):
            columns["test"].append(test)
            columns["cost"].append(cost)
            columns["outcome"].append(state)
            if test in hidden:
                chances = np.array([s[hidden.index(test)] for s in _states(network, hidden)])
                rows.append((chances == place)[possible].astype(float))
        if test not in hidden:
            joint = _joint(network, [test, *hidden], given).reshape(len(network[test].states), -1)
            rows.extend(joint[:, possible] / joint[:, possible].sum(0))
    labels = [name for name, flag in zip(names, possible, strict=True) if flag]
    for name, chances in zip(labels, np.array(rows).T.tolist(), strict=True):
        columns[name] = chances
    weights = (prior[possible] / prior.sum()).tolist()
    return Found(
        {"fault": labels, "prior": weights},
        columns,
        {name: kind for name, kind, flag in zip(names, kinds, possible, strict=True) if flag},
        tuple(dict.fromkeys(kinds)),
    )


def _states(network: Network, names: Sequence[str]) -> Iterable[tuple[int, ...]]:
    return itertools.product(*(range(len(network[name].states)) for name in names))


def _name(network: Network, names: Sequence[str], states: Sequence[int]) -> str:
    pairs = zip(names, states, strict=True)
    return JOIN.join(f"{name}={network[name].states[state]}" for name, state in pairs)


def _joint(
    network: Network, names: Sequence[str], evidence: Mapping[str, str]
) -> Float[np.ndarray, "..."]:
    """Return P(names, given), an axis for each of the names."""
    variables = _ancestors(network, {*names, *evidence})
    if len(variables) > MOST_VARIABLES:
        raise UserError(f"network: {len(variables)} variables matter, more than {MOST_VARIABLES}")
    index = {name: place for place, name in enumerate(sorted(variables))}
    inputs: list[Any] = []
    for name in index:
        inputs += [network[name].chances, [index[n] for n in (name, *network[name].parents)]]
    for name, state in evidence.items():
        inputs += [np.array([each == state for each in network[name].states], float), [index[name]]]
    return np.einsum(*inputs, [index[name] for name in names], optimize="greedy")


def _ancestors(network: Network, names: Iterable[str]) -> set[str]:
    """Return variables and all that they depend on."""
    ancestors, queue = set[str](), list(names)
    while queue:
        name = queue.pop()
        if name not in ancestors:
            ancestors.add(name)
            queue.extend(network[name].parents)
    return ancestors


def _dependent(network: Network, evidence: Sequence[str], tests: Sequence[str]) -> list[str]:
    """Return tests that, once they are known too, leave all others independent."""
    hidden: list[str] = []
    while True:
        rest = [test for test in tests if test not in hidden]
        pairs = [
            pair
            for pair in itertools.combinations(rest, 2)
            if not _d_separated(network, *pair, {*evidence, *hidden})
        ]
        if not pairs:
            return hidden
        hidden.append(max(rest, key=lambda test: sum(test in pair for pair in pairs)))


def _d_separated(network: Network, first: str, second: str, evidence: set[str]) -> bool:
    """Return whether two variables are independent given others: D-separation.

    In the moral graph of their ancestors no path avoids what is known (Lauritzen et al. 1990), or
    what that settles (Geiger, Verma and Pearl 1990).
    """
    neighbours: dict[str, set[str]] = {}
    for name in _ancestors(network, {first, second, *evidence}):
        family = {name, *network[name].parents}
        for each in family:
            neighbours.setdefault(each, set()).update(family)
    barrier = set(evidence)
    while True:
        additions = {
            name
            for name in neighbours
            if name not in barrier
            and network[name].certain
            and barrier.issuperset(network[name].parents)
        }
        if not additions:
            break
        barrier |= additions
    component, queue = set[str](), [first]
    while queue:
        name = queue.pop()
        if name not in component and name not in barrier:
            component.add(name)
            queue.extend(neighbours[name])
    return second not in component
