"""A diagnosis with somebody who does the tests: what to test next, and what to repair.

The agent proposes and decides; the posterior, and what a test is worth, are exact, from the table.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from dreamrl.deploy.agent import TrainedAgent
from dreamrl.errors import UserError, unknown
from dreamrl.families.diagnosis import Diagnosis, posterior
from dreamrl.values import Whole


class Prospect(NamedTuple):
    """What one outcome of the proposed test would mean."""

    outcome: str
    probability: float
    repair: str
    """What would then be the best repair."""


class Proposal(NamedTuple):
    """The test that the agent would do next, and what for."""

    test: str
    cost: float
    prospects: tuple[Prospect, ...]
    worth: float
    """How much more the best repair is expected to pay after it, its cost not taken off."""


class Advice(NamedTuple):
    """What the agent would repair now."""

    repair: str
    expected: float
    """What it is expected to pay."""
    risk: float
    """How likely another repair would pay more."""


class Consultation:
    """One exploration whose outcomes are told, one after the other.

        consultation = Consultation(dreamrl.load("runs/pump"))
        while (proposal := consultation.proposal) is not None:
            consultation.tell(input(f"{proposal.test}? "))
        print(consultation.advice)

    Raises:
        UserError: For an agent that was not trained on a diagnosis.
    """

    def __init__(self, agent: TrainedAgent, seed: Whole = 0, stop: Any = None):
        if not isinstance(agent.family, Diagnosis):
            raise UserError(f"family {agent.family.name!r} has no tests and repairs: see diagnosis")
        self.family: Diagnosis = agent.family
        self._agent, self._results, self._tests = agent, list[int](), list[int]()
        self.told: list[tuple[str, str]] = []
        """Tests done, and their outcomes."""
        self._explorer = agent.explorer(seed, stop)
        self._explorer.observe(0, allowed=self.family.actions_after(self._done))
        self._test = -1
        self._next()

    @property
    def done(self) -> bool:
        """Whether the agent would do no more tests."""
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
            paid = table.payoffs @ joint
            worth += float(paid.max())
            best = table.repairs[int(paid.argmax())]
            prospects.append(Prospect(outcome, float(joint.sum()), best))
        # Rounding alone makes it negative.
        worth = max(worth, 0.0)
        return Proposal(table.tests[test], float(table.costs[test]), tuple(prospects), worth)

    @property
    def advice(self) -> Advice:
        """The agent's repair on what it believes now."""
        exploiter = self._agent.exploiter(self._explorer.belief, 0)
        exploiter.observe(0)
        action, table, belief = int(exploiter.act()), self.family.table, self.posterior
        name = self.family.exploitation_names[action]
        if action == self.family.end_action:
            payoffs = table.payoffs.min(0)
        else:
            payoffs = table.payoffs[action % len(table.repairs)]
        better = table.payoffs.max(0) > payoffs
        return Advice(name, float(payoffs @ belief), float(belief @ better))

    def tell(self, outcome: str) -> None:
        """Take the outcome of the proposed test: its name, or the unambiguous beginning of it.

        Raises:
            UserError: For an outcome that the test has not, or that is impossible by now.
        """
        if self.done:
            raise UserError("the diagnosis has ended: there is no test to tell an outcome of")
        table, names = self.family.table, self.family.table.outcomes[self._test]
        said = outcome.strip().lower()
        found = [name for name in names if name.lower() == said]
        found = found or [name for name in names if said and name.lower().startswith(said)]
        if len(found) != 1:
            raise unknown(f"outcome of {table.tests[self._test]!r}", outcome, names)
        number = names.index(found[0])
        if not (self.posterior * table.likelihoods[self._test, number]).any():
            test = table.tests[self._test]
            raise UserError(f"by the table {test!r} cannot be {found[0]!r} after what was told")
        self.told.append((table.tests[self._test], found[0]))
        self._tests.append(self._test)
        result = int(table.offsets[self._test]) + number
        self._results.append(result)
        cost, family = float(table.costs[self._test]), self.family
        over = len(self.told) >= family.horizon or not bool(family.tests_after(self._done).any())
        allowed = family.actions_after(self._done)
        self._explorer.observe(1 + result, -cost, False, over, allowed)
        self._next()

    @property
    def _done(self) -> Bool[Array, " tests"]:
        """Which tests were done."""
        tests = np.arange(len(self.family.table.tests))
        return jnp.asarray(np.isin(tests, self._tests))

    def _next(self) -> None:
        """Let the agent choose, unless it needs no more."""
        if self.done:
            return
        action = int(self._explorer.act())
        if action == self.family.end_action:
            self._explorer.observe(0, 0.0, True, False)
        else:
            self._test = action % len(self.family.table.tests)


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
