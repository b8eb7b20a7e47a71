"""`dreamrl train AGENT FAMILY`: trains, shows how it goes, and leaves a run."""

import dataclasses
import itertools
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from dreamrl import agents, families, runs
from dreamrl.cli.arguments import positionals
from dreamrl.cli.training import train_run
from dreamrl.cli.values import TRIALS, check_number, check_seed
from dreamrl.errors import UserError, unknown
from dreamrl.runs import Terms
from dreamrl.runs.sinks import check_installed
from dreamrl.runs.store import Unwritable

EXAMPLES = """\
  dreamrl train dream distracting-bus
  dreamrl train dream bus --seed 3 --out runs/third
  dreamrl train dream distracting-bus --seeds 5
  dreamrl train dream distracting-bus --bottleneck none --iterations 1000
  dreamrl train dream distracting-bus --until 20000000
  dreamrl train dream sign:height=30,width=40
  dreamrl train dream my_family.py:MyFamily
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Train an agent on a family of problems, and leave a run: a directory with the agent.

    Settings of the agent are flags too; their defaults are the preset's. Ctrl-C stops after
    the present chunk of iterations and keeps the agent as it is then; dreamrl resume goes on.
    """

    agent: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="AGENT")]
    """Method to train, as dream."""
    family: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="FAMILY")]
    """A name that dreamrl families lists, with fields or without, as sign:height=30,width=40; or,
    of a family of your own, module:attribute or path/to/file.py:attribute, and then that code is
    run. The attribute is a family, or what makes one when it is called. It is checked before it
    is trained on."""
    seed: int = 0
    """The same seed gives the same agent."""
    seeds: int | None = None
    """Train this many seeds side by side, from --seed up, in one program."""
    out: Path | None = None
    """Directory of the run; runs/AGENT-FAMILY-sSEED, or -seedsN, if not given."""
    preset: str | None = None
    """Named settings; those named after the family, or else default, if not given."""
    chunk: int = 25
    """Iterations from one line of progress to the next."""
    evaluate_every: int = 1
    """Chunks from one evaluation to the next."""
    evaluation_trials: int = 512
    """Trials of each evaluation on the way, on unseen and on training problems."""
    until: int | None = None
    """Go on, after the last iteration and with all schedules at their ends, until each seed has
    taken so many environment steps. It also extends the finished run that --out holds."""
    checkpoint_every: float = 30.0
    """Seconds from one checkpoint to the next, and more where writing takes over 2 % of them; 0:
    after every chunk, whatever it takes."""
    keep: int = 2
    """Checkpoints kept."""
    sink: Annotated[tuple[Literal["tensorboard", "wandb"], ...], tyro.conf.UseAppendAction] = ()
    """Where metrics go beside metrics.jsonl; may be given twice."""
    json: bool = False
    """Print the result as one JSON object; progress goes to the error output."""


def options_for(arguments: list[str], helping: bool) -> type[Options]:
    """Options with the settings of the agent that is asked for, as its preset has them."""
    agent = next((a for a in arguments if a in agents.METHODS), None)
    if agent is None:
        if (given := positionals(Options, arguments)) and not helping:
            raise unknown("agent", given[0], agents.METHODS)
        agent = next(iter(agents.METHODS))
    kind = _with_settings(agents.settings_for(agent, ""))
    names = positionals(kind, arguments)[1:2]
    if names:
        families.check_name(names[0])
    return _with_settings(agents.settings_for(agent, "".join(names), _preset(arguments)))


def run(options: Any) -> int:
    """Trains; returns the exit code."""
    check_installed(options.sink)
    check_number("evaluation_trials", options.evaluation_trials, 1, TRIALS)
    terms = Terms(
        options.chunk,
        options.evaluate_every,
        options.evaluation_trials,
        options.until,
        options.checkpoint_every,
        options.keep,
        options.sink,
    )
    out = options.out or _default_out(options)
    make = runs.create if options.until is None else runs.prepare
    try:
        make(out, options.agent, options.family, options.settings, _seeds(options), terms)
    except Unwritable as error:
        # Nothing has begun: it is a mistake in --out.
        raise UserError(str(error)) from None
    return train_run(out, options.until, options.json)


def _with_settings(settings: Any) -> type[Options]:
    field = ("settings", type(settings), dataclasses.field(default=settings))
    doc = {"__doc__": Options.__doc__}
    return dataclasses.make_dataclass(
        "Options", [field], bases=(Options,), namespace=doc, frozen=True
    )


def _preset(arguments: list[str]) -> str | None:
    for argument, following in itertools.zip_longest(arguments, arguments[1:]):
        if argument == "--preset":
            return following
        if argument.startswith("--preset="):
            return argument.partition("=")[2]
    return None


def _seeds(options: Any) -> tuple[int, ...]:
    check_seed(options.seed)
    if options.seeds is None:
        return (options.seed,)
    check_number("seeds", options.seeds, 1, 10_000)
    check_seed(options.seed + options.seeds - 1)
    return tuple(range(options.seed, options.seed + options.seeds))


def _default_out(options: Any) -> Path:
    which = f"s{options.seed}" if options.seeds is None else f"seeds{options.seeds}"
    family = re.sub(r"(\.py)?:|[/=,]", "-", options.family).lstrip(".-")
    return Path("runs") / f"{options.agent}-{family}-{which}"
