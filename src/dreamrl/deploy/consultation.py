"""A diagnosis with somebody who does the tests: what to test next, and what to repair.

The agent proposes and decides; the posterior, and what a test is worth, are exact, from the table.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from dreamrl.deploy.agent import TrainedAgent
from dreamrl.errors import UserError, unknown
from dreamrl.families.diagnosis import Diagnosis, Fleet, posterior
from dreamrl.families.family import Family
from dreamrl.values import Whole


class Prospect(NamedTuple):
    """One outcome of the proposed test, and its consequences."""

    outcome: str
    probability: float
    repair: str
    """The best repair after it."""


class Proposal(NamedTuple):
    """The test that the agent would do next, and what for."""

    test: str
    cost: float
    prospects: tuple[Prospect, ...]
    worth: float
    """The gain in the best repair's expected payoff by it, its cost not taken off."""


class Advice(NamedTuple):
    """A repair, as what the agent would do now."""

    repair: str
    expected: float
    """Its expected payoff."""
    risk: float
    """Probability that another repair would pay more."""


class Consultation:
    """One exploration whose outcomes are told, one after the other.

        consultation = Consultation(dreamrl.load("runs/pump"))
        while (proposal := consultation.proposal) is not None:
            consultation.tell(input(f"{proposal.test}? "))
        print(consultation.advice)

    The agent's tests end as its explorations do: `agent.with_stop` says otherwise.

    Args:
        agent: Trained on a diagnosis, or on a fleet.
        seed: The same seed gives the same proposals.
        machine: Which machine it is, where the agent was trained on a fleet; of that, or another.

    Raises:
        UserError: For an agent that was not trained on either, and for a machine that its family
            does not fit.
    """

    def __init__(self, agent: TrainedAgent, seed: Whole = 0, machine: Diagnosis | None = None):
        self.machine = machine
        self.family: Diagnosis = _machine_of(agent.family, machine)
        self.agent, self._results, self._tests = agent, list[int](), list[int]()
        self.told: list[tuple[str, str]] = []
        """Tests done, and their outcomes."""
        self._explorer = agent.explorer(seed)
        self._explorer.observe(
            self._observation(), allowed=self.family.actions_after(self._tests_done)
        )
        self._test = -1
        self._next()

    @property
    def done(self) -> bool:
        """True once the agent would do no more tests."""
        return self._explorer.done

    @property
    def posterior(self) -> Float[np.ndarray, " faults"]:
        """P(fault | all that was told)."""
        return posterior(self.family.table, self._results)

    @property
    def proposal(self) -> Proposal | None:
        """The next test; None if there is none."""
        if self.done:
            return None
        table, belief, test = self.family.table, self.posterior, self._test
        prospects, worth = [], -float((table.payoffs @ belief).max())
        for number, outcome in enumerate(table.outcomes[test]):
            joint = belief * table.likelihoods[test, number]
            payoffs = table.payoffs @ joint
            worth += float(payoffs.max())
            best = table.repairs[int(payoffs.argmax())]
            prospects.append(Prospect(outcome, float(joint.sum()), best))
        # Rounding alone makes it negative.
        worth = max(worth, 0.0)
        return Proposal(table.tests[test], float(table.costs[test]), tuple(prospects), worth)

    @property
    def advice(self) -> Advice:
        """The agent's repair on what it believes now."""
        exploiter = self.agent.exploiter(self._explorer.belief, 0)
        exploiter.observe(self._observation())
        action, table = int(exploiter.act()), self.family.table
        name = self.family.exploitation_names[action]
        if action == self.family.end_action:
            payoffs = table.payoffs.min(0)
        else:
            payoffs = table.payoffs[action % len(table.repairs)]
        return self._valued(name, payoffs, self.posterior)

    @property
    def repairs(self) -> tuple[Advice, ...]:
        """Each repair as it would come out now, in the table's order."""
        table, belief = self.family.table, self.posterior
        pairs = zip(table.repairs, table.payoffs, strict=True)
        return tuple(self._valued(repair, payoffs, belief) for repair, payoffs in pairs)

    def tell(self, outcome: str, test: str | None = None) -> None:
        """Take the outcome of the proposed test: its name, or the unambiguous beginning of it.

        Args:
            outcome: As it was said.
            test: Which test it is of, where somebody may have been asked for another.

        Raises:
            UserError: For an outcome that the test has not, or that is impossible by now; for
                another test.
        """
        if self.done:
            raise UserError("the diagnosis has ended: there is no test to tell an outcome of")
        table, names = self.family.table, self.family.table.outcomes[self._test]
        test_name = table.tests[self._test]
        if test is not None and _one_line(test) != _one_line(test_name):
            raise UserError(f"the outcome is of {test!r}, and the agent asked for {test_name!r}")
        name = _matching_name(_one_line(outcome), names)
        if name is None:
            raise unknown(f"outcome of {test_name!r}", outcome, names)
        number = names.index(name)
        if not (self.posterior * table.likelihoods[self._test, number]).any():
            raise UserError(f"by the table {test_name!r} cannot be {name!r} after what was told")
        self.told.append((test_name, name))
        self._tests.append(self._test)
        result = int(table.offsets[self._test]) + number
        self._results.append(result)
        cost, allowed = float(table.costs[self._test]), self.family.actions_after(self._tests_done)
        observation = self._observation(self._results)
        self._explorer.observe(observation, -cost, False, self.exhausted, allowed)
        self._next()

    @property
    def exhausted(self) -> bool:
        """True once there are no more tests, worth it or not."""
        family = self.family
        return len(self.told) >= family.horizon or not bool(
            family.tests_after(self._tests_done).any()
        )

    def _valued(
        self,
        repair: str,
        payoffs: Float[np.ndarray, " faults"],
        belief: Float[np.ndarray, " faults"],
    ) -> Advice:
        better = self.family.table.payoffs.max(0) > payoffs
        return Advice(repair, float(payoffs @ belief), float(belief @ better))

    @property
    def _tests_done(self) -> Bool[Array, " tests"]:
        """Flags of the tests that were done."""
        tests = np.arange(len(self.family.table.tests))
        return jnp.asarray(np.isin(tests, self._tests))

    def _observation(self, results: Sequence[int] = ()) -> Any:
        """Return what the agent sees after these outcomes."""
        if isinstance(self.agent.family, Fleet):
            return np.asarray(self.agent.family.observation(self.family.table, results))
        return 1 + results[-1] if results else 0

    def _next(self) -> None:
        """Let the agent choose, unless it needs no more."""
        if self.done:
            return
        action = int(self._explorer.act())
        if action == self.family.end_action:
            self._explorer.observe(self._observation(), 0.0, True, False)
        else:
            self._test = action % len(self.family.table.tests)


def _machine_of(family: Family, machine: Diagnosis | None) -> Diagnosis:
    """Return the machine that is diagnosed."""
    if isinstance(family, Fleet):
        if machine is None:
            raise UserError(f"{family.name} has many machines: give one, by --machine or machine=")
        return family.another(machine.table)
    if not isinstance(family, Diagnosis):
        raise UserError(f"family {family.name!r} has no tests and repairs: see diagnosis")
    if machine is not None:
        raise UserError(f"{family.name} is of one machine, whose table it has: give no other")
    return family


def _matching_name(text: str, names: Sequence[str]) -> str | None:
    """Return the one name that was said: as it is, in letters of either size, or begun."""
    small = text.lower()
    for matches in (
        [name for name in names if _one_line(name) == text],
        [name for name in names if _one_line(name).lower() == small],
        [name for name in names if small and _one_line(name).lower().startswith(small)],
    ):
        if matches:
            return matches[0] if len(matches) == 1 else None
    return None


def _one_line(text: str) -> str:
    """Return text as it is read: forms and terminals break its lines otherwise, if at all."""
    return " ".join(text.split())


def summary(consultation: Consultation) -> dict[str, Any]:
    """Return all that a consultation knows, as one object that JSON can hold."""
    proposal = consultation.proposal
    faults = zip(consultation.family.table.faults, consultation.posterior.tolist(), strict=True)
    return {
        "told": [{"test": test, "outcome": outcome} for test, outcome in consultation.told],
        "posterior": dict(faults),
        "advice": consultation.advice._asdict(),
        "done": consultation.done,
        "proposal": proposal
        and {**proposal._asdict(), "prospects": [p._asdict() for p in proposal.prospects]},
    }
