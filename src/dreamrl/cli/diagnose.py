"""`dreamrl diagnose RUN`: a trained agent proposes tests to whoever does them."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import tyro

from dreamrl.cli.serving import check_serving, door, say_address, serve
from dreamrl.cli.values import print_json, print_rows
from dreamrl.deploy import load
from dreamrl.deploy.consultation import Consultation, summary
from dreamrl.deploy.wording import likeliest, wording
from dreamrl.errors import UserError
from dreamrl.families.diagnosis import diagnosis
from dreamrl.runs import only, tell_family

EXAMPLES = """\
  dreamrl diagnose runs/dream-diagnosis-s0
  dreamrl diagnose runs/dream-diagnosis-s0 --stop never
  dreamrl diagnose runs/dream-diagnosis-s0 --serve --open
  dreamrl diagnose runs/dream-diagnosis-s0 --serve --outcome low
  dreamrl diagnose runs/dream-diagnosis-s0 --outcome low --outcome negative --json
  dreamrl diagnose runs/fleet --family dreamrl.families.diagnosis:fleet --machine plant/
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Find a fault together: the agent proposes a test, you do it and tell the outcome.

    After each, the likeliest faults and the repair that the agent would make now. An empty line
    ends the tests. How likely faults are, and what a test is worth, is exact, from the table.
    """

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Directory that dreamrl train wrote, of one seed and of a diagnosis, or of a fleet."""
    machine: Path | None = None
    """Of a fleet: folder with the table of the machine, as diagnosis:path= takes it."""
    family: str | None = None
    """Of a fleet, or a diagnosis of your own: its place, as in dreamrl train. Its code is run."""
    outcome: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """The outcome of a proposed test, in their order; may be given several times. A page begins
    after them."""
    stop: str | None = None
    """End of DREAM's tests, if not as in training: rule, never or a number of tests."""
    serve: bool = False
    """Ask on a page in a browser instead, until Ctrl-C; needs pip install 'dreamrl[studio]'."""
    port: int = 8322
    """Port of the page; 0: any port that is free."""
    host: str = "127.0.0.1"
    """Address that it is served at; 0.0.0.0: at all of this machine's, to whoever has the token."""
    open: bool = False
    """Open a browser with the page."""
    json: bool = False
    """Print one JSON object, after the outcomes that were given, and ask nothing."""


def run(options: Options) -> None:
    path = only(options.run).path
    tell_family(path, options.family)
    if options.serve:
        _serve(path, options)
        return
    consultation = _consultation(path, options)
    if options.json:
        print_json(summary(consultation))
        return
    while _ask(consultation):
        pass
    texts = wording(consultation)
    print(f"\nrepair: {texts.advice.repair}")
    print(texts.pays)


def _serve(path: Path, options: Options) -> None:
    check_serving(options.port)
    from dreamrl.studio.diagnosis import application

    # Whatever keeps it from proposing is told here; and the first page is not waited for.
    consultation = _consultation(path, options)
    wording(consultation)
    gate = door(options.host, options.port)
    say_address([("diagnosis", gate.address()), ("run", str(path))], options.json, options.open)
    agent, told, machine = consultation.agent, consultation.told, consultation.machine
    app = application(agent, str(path), gate.names, gate.token, told, machine)
    serve(app, gate.listener)


def _consultation(path: Path, options: Options) -> Consultation:
    """Return a consultation with the outcomes that the command was given."""
    machine = None if options.machine is None else diagnosis(str(options.machine))
    consultation = Consultation(load(path).with_stop(options.stop), machine=machine)
    for outcome in options.outcome:
        consultation.tell(outcome)
    return consultation


def _ask(consultation: Consultation) -> bool:
    """Show what is known and ask for one outcome; return whether to go on."""
    texts = wording(consultation)
    print()
    print_rows([(fault, f"{words:>4}") for fault, _, words in likeliest(texts.faults)])
    if texts.proposal is None:
        print(f"\n{texts.test}")
        return False
    print(f"now: {texts.advice.repair}, {texts.pays}")
    print(f"\n{texts.test} ({texts.worth})")
    print_rows([(f"  {outcome}", f"{share:>4}  {fix}") for outcome, share, fix in texts.outcomes])
    while True:
        print("outcome: ", end="", flush=True)
        answer = sys.stdin.readline()
        if not answer.strip():
            return False
        try:
            consultation.tell(answer.strip())
        except UserError as error:
            print(error)
            continue
        return True
