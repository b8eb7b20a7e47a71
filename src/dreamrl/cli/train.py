"""`dreamrl train AGENT FAMILY`: trains, shows how it goes, and leaves a run."""

import dataclasses
import itertools
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from dreamrl import families, processes, runs
from dreamrl.agents import registry
from dreamrl.cli.arguments import positionals
from dreamrl.cli.training import Machines, train_run
from dreamrl.cli.values import TRIALS, check_number, check_seed
from dreamrl.configuration import ends_with, hints, kinds_of, paths_of, resolve, with_kinds
from dreamrl.devices import check_devices, check_division
from dreamrl.errors import UserError, unknown
from dreamrl.files import Unwritable
from dreamrl.runs import Terms
from dreamrl.runs.manifest import program
from dreamrl.runs.migration import called_now
from dreamrl.runs.sinks import check_installed

EXAMPLES = """\
  dreamrl train dream distracting-bus
  dreamrl train dream bus --seed 3 --out runs/third
  dreamrl train dream distracting-bus --seeds 5
  dreamrl train dream distracting-bus --bottleneck none --iterations 1000
  dreamrl train dream bus --learner dqn --learner.epsilon-end 0.1 --exploration.cost 0.01
  dreamrl train dream distracting-bus --until 20000000
  dreamrl train dream bus --from runs/dream-bus-s0 --learning-rate 0.001
  dreamrl train dream sign:height=30,width=40
  dreamrl train dream my_family.py:MyFamily
"""


@dataclasses.dataclass(frozen=True)
class Options(Machines):
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
    from_: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """Go on from the newest checkpoint of this run, in a new one and with its settings but for
    those given here, whose networks must be as large; of several seeds it may be one."""
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
    keep_best: bool = False
    """Keep the agent with the best return on training problems, of those evaluated on the way,
    and not the last one."""
    sink: Annotated[tuple[Literal["tensorboard", "wandb"], ...], tyro.conf.UseAppendAction] = ()
    """Place for metrics beside metrics.jsonl; may be given twice."""
    json: bool = False
    """Print the result as one JSON object; progress goes to the error output."""


def options_for(arguments: list[str], helping: bool) -> tuple[type[Options], list[str]]:
    """Return Options with the settings of the agent that is asked for, and all flags in full."""
    agent = next((a for a in arguments if a in registry.METHODS), None)
    if agent is None:
        if (words := positionals(Options, arguments)) and not helping:
            raise unknown("agent", words[0], registry.METHODS)
        agent = next(iter(registry.METHODS))
    preset = _value_of("--preset", arguments)
    # Only to find out which family it is: preset and run may say otherwise what settings there are.
    settings, flags = spell_out(registry.settings_for(agent, ""), arguments, strict=False)
    words = positionals(_with_settings(settings), flags)
    if words[1:2] == [agent] != words[:1]:
        raise UserError(f"the agent comes first: dreamrl train {agent} {words[0]}")
    names = words[1:2]
    if names:
        families.check_name(names[0])
    if origin := _value_of("--from", arguments):
        base = runs.settings_of(Path(origin), agent)
    else:
        base = registry.settings_for(agent, "".join(names), preset)
    settings, arguments = spell_out(base, arguments)
    return _with_settings(settings), arguments


def run(options: Any) -> int:
    """Train; return the exit code."""
    check_installed(options.sink)
    devices = check_devices(options.devices, options.devices_per_seed)
    check_division(options.settings, devices)
    check_number("evaluation_trials", options.evaluation_trials, 1, TRIALS)
    terms = Terms(
        options.chunk,
        options.evaluate_every,
        options.evaluation_trials,
        options.until,
        options.checkpoint_every,
        options.keep,
        options.keep_best,
        options.sink,
    )
    out = options.out or _default_out(options)
    if processes.first():
        _create(out, options, terms)
        _name_strange_preset(options)
    return train_run(out, options.until, devices, options.json)


def _name_strange_preset(options: Any) -> None:
    """Say it where a preset is asked for that was made for another family."""
    own = registry.METHODS[options.agent].preset_of(options.family)
    if options.preset in families.NAMES and options.preset != own:
        print(
            f"dreamrl: the preset {options.preset} was made for that family; without --preset, "
            f"{options.family} has {own}",
            file=sys.stderr,
        )


def _create(out: Path, options: Any, terms: Terms) -> None:
    request = (out, options.agent, options.family, options.settings)
    try:
        if options.from_ is not None:
            runs.create_from(options.from_, *request, terms)
        elif options.until is None:
            runs.create(*request, _seeds(options), terms)
        else:
            runs.prepare(*request, _seeds(options), terms)
    except Unwritable as error:
        # Nothing has begun: it is a mistake in --out.
        raise UserError(str(error)) from None


def spell_out(settings: Any, arguments: list[str], strict: bool = True) -> tuple[Any, list[str]]:
    """Return settings of the kinds that flags name, and the other flags by their full path.

    `--learner dqn` is a kind; `--iterations` is `--budget.iterations`. If `strict`, UserError is
    raised for a flag of which it can be said where it belongs, and else it is left as it is.
    """
    options = {field.name.rstrip("_") for field in dataclasses.fields(Options)}
    kinds = {}
    rest: list[Any] = []
    words = iter(arguments)
    for word in words:
        flag, equals, value = word.partition("=")
        name = flag.removeprefix("--").replace("-", "_")
        if not flag.startswith("--") or name in options or name == "help":
            rest.append(word)
        elif name in CHOICES and name in paths_of(settings):
            kinds[name] = value if equals else next(words, "")
        else:
            rest.append((name, f"{equals}{value}"))
    settings = with_kinds(settings, kinds)
    if strict:
        for name, _ in (word for word in rest if not isinstance(word, str)):
            _check_place(settings, name)
    return settings, [w if isinstance(w, str) else _in_full(settings, *w) for w in rest]


CHOICES = ("learner", "bottleneck")
"""Settings that are one of several kinds."""


def _check_place(settings: Any, name: str) -> None:
    """Raise UserError for a flag that has another name, or is of other settings."""
    folder, dot, end = name.rpartition(".")
    plain = f"{folder}{dot}{end.removeprefix('no_')}"
    paths = paths_of(settings)
    ends = ends_with(paths, plain)
    new_paths = called_now(type(settings), plain)
    if plain not in paths and len(ends) != 1 and new_paths and new_paths != (plain,):
        flags = " and ".join(f"--{_dashed(path)}" for path in new_paths)
        kind = _needed_kind(settings, new_paths[0])
        raise UserError(f"--{_dashed(name)} is called {flags} now{kind}")
    if not ends and (phrase := registry.whereabouts(settings, plain, flags=True)):
        raise UserError(f"unknown setting '--{_dashed(name)}': {phrase}")


def _in_full(settings: Any, name: str, value: str) -> str:
    """Return a flag by its full path; as it is, where there is none: its reader says which are."""
    negated, plain = "no_" if name.startswith("no_") else "", name.removeprefix("no_")
    if not ends_with(paths_of(settings), plain):
        return f"--{_dashed(name)}{value}"
    folder, dot, end = resolve(settings, plain).rpartition(".")
    return f"--{_dashed(f'{folder}{dot}{negated}{end}')}{value}"


def _needed_kind(settings: Any, path: str) -> str:
    if path in paths_of(settings):
        return ""
    first = path.partition(".")[0]
    kinds, current = kinds_of(hints(type(settings))[first]), getattr(settings, first).name
    other = next(kind for kind in kinds if kind != current)
    return f", and needs --{first} {other}"


def _dashed(path: str) -> str:
    return path.replace("_", "-")


def _with_settings(settings: Any) -> type[Options]:
    kind: Any = type(settings)
    field = (
        "settings",
        Annotated[kind, tyro.conf.arg(name="")],
        dataclasses.field(default=settings),
    )
    doc = {"__doc__": Options.__doc__, "KINDS": _kinds(settings)}
    return dataclasses.make_dataclass(
        "Options", [field], bases=(Options,), namespace=doc, frozen=True
    )


def _kinds(settings: Any) -> str:
    """Return the choices of kind as lines of help."""
    lines = []
    for field in dataclasses.fields(settings):
        kinds = kinds_of(hints(type(settings))[field.name])
        if len(kinds) > 1:
            current = getattr(settings, field.name).name
            lines.append(f"  --{field.name} {'|'.join(kinds)}  (here: {current})")
    return "\n".join(lines)


def _value_of(flag: str, arguments: list[str]) -> str | None:
    for argument, value in itertools.zip_longest(arguments, arguments[1:]):
        if argument == flag:
            return value
        if argument.startswith(f"{flag}="):
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
    if options.from_ is not None:
        origin = options.from_.absolute()
        folder = origin.parent if program(options.from_) != options.from_ else origin
        name = origin.name if folder is origin else f"{folder.name}-{origin.name}"
        return Path(os.path.relpath(folder.with_name(f"{name}-on")))
    label = f"s{options.seed}" if options.seeds is None else f"seeds{options.seeds}"
    family = re.sub(r"(\.py)?:|[/=,]", "-", options.family).lstrip(".-")
    return Path("runs") / f"{options.agent}-{family}-{label}"
