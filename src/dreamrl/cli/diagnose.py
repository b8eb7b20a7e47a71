"""`dreamrl diagnose RUN`: a trained agent proposes tests to whoever does them."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import tyro

from dreamrl.cli.values import print_json, print_rows
from dreamrl.deploy import load
from dreamrl.deploy.consultation import Consultation, summary
from dreamrl.errors import UserError
from dreamrl.runs import only

EXAMPLES = """\
  dreamrl diagnose runs/dream-diagnosis-s0
  dreamrl diagnose runs/dream-diagnosis-s0 --stop never
  dreamrl diagnose runs/dream-diagnosis-s0 --outcome low --outcome negative --json
"""
SHOWN = 5
"""Faults that are listed."""


@dataclasses.dataclass(frozen=True)
class Options:
    """Find a fault together: the agent proposes a test, you do it and tell the outcome.

    After each, the likeliest faults and the repair that the agent would make now. An empty line
    ends the tests. How likely faults are, and what a test is worth, is exact, from the table.
    """

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Directory that dreamrl train wrote, of one seed and of a diagnosis."""
    outcome: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """The outcome of a proposed test, in their order; may be given several times."""
    stop: str | None = None
    """When DREAM's tests end, if otherwise than in training: rule, never or a number of tests."""
    json: bool = False
    """Print one JSON object, after the outcomes that were given, and ask nothing."""


def run(options: Options) -> None:
    consultation = Consultation(load(only(options.run).path), stop=options.stop)
    for outcome in options.outcome:
        consultation.tell(outcome)
    if options.json:
        print_json(summary(consultation))
        return
    while _asked(consultation):
        pass
    advice = consultation.advice
    print(f"\nrepair: {advice.repair}")
    print(f"expected to pay {advice.expected:.2f}; another would pay more: {advice.risk:.0%}")


def _asked(consultation: Consultation) -> bool:
    """Show what is known and ask for one outcome; return whether to go on."""
    ranked = sorted(
        zip(consultation.posterior, consultation.family.table.faults, strict=True), reverse=True
    )
    print()
    print_rows([(fault, f"{share:>4.0%}") for share, fault in ranked[:SHOWN]])
    proposal = consultation.proposal
    if proposal is None:
        print("\nmore tests are not worth it")
        return False
    advice = consultation.advice
    print(f"now: {advice.repair}, expected to pay {advice.expected:.2f}")
    cost = f", costs {proposal.cost:g}" if proposal.cost else ""
    print(
        f"\ntest {len(consultation.told) + 1}: {proposal.test} (worth {proposal.worth:.2f}{cost})"
    )
    print_rows(
        [(f"  {p.outcome}", f"{p.probability:>4.0%}  {p.repair}") for p in proposal.prospects]
    )
    while True:
        print("outcome: ", end="", flush=True)
        said = sys.stdin.readline()
        if not said.strip():
            return False
        try:
            consultation.tell(said.strip())
        except UserError as error:
            print(error)
            continue
        return True
