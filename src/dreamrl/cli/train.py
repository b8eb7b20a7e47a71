"""`dreamrl train AGENT FAMILY`: trains, shows how it goes, and leaves a run."""

import dataclasses
import itertools
import json
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from dreamrl import agents, cli, families, runs
from dreamrl.cli.arguments import positionals
from dreamrl.cli.progress import progress
from dreamrl.cli.values import describe, evaluate_run, limits, over_seeds, print_json, print_rows
from dreamrl.errors import UserError, unknown
from dreamrl.runs import Run
from dreamrl.train import Plan, Record, Training, TrainingDiverged, interruptible, train

EXAMPLES = """\
  dreamrl train dream distracting-bus
  dreamrl train dream bus --seed 3 --out runs/third
  dreamrl train dream distracting-bus --seeds 5
  dreamrl train dream distracting-bus --bottleneck none --iterations 1000
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Train an agent on a family of problems, and leave a run: a directory with the agent.

    Settings of the agent are flags too; their defaults are the preset's. Ctrl-C stops after
    the present chunk of iterations and keeps the agent as it is then.
    """

    agent: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="AGENT")]
    """Method to train, as dream."""
    family: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="FAMILY")]
    """A name that dreamrl families lists."""
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
    if names and names[0] not in families.NAMES:
        raise unknown("family", names[0], families.NAMES)
    return _with_settings(agents.settings_for(agent, "".join(names), _preset(arguments)))


def run(options: Any) -> int:
    """Trains; returns the exit code."""
    for name in ("chunk", "evaluate_every", "evaluation_trials"):
        if getattr(options, name) < 1:
            raise UserError(f"{name} must be at least 1, is {getattr(options, name)}")
    seeds = _seeds(options)
    family = families.make(options.family)
    algorithm = agents.make_algorithm(options.agent, family, options.settings)
    out = options.out or _default_out(options)
    made = runs.create(out, options.agent, options.family, options.settings, seeds)
    plan = Plan(options.chunk, options.evaluate_every, options.evaluation_trials)
    everything = [*made, *([Run(out)] if len(made) > 1 else [])]
    try:
        training = _train(options, algorithm, family, seeds, plan, made, out)
    except TrainingDiverged as error:
        _keep(made, error.training)
        for each in everything:
            each.close("failed", error=str(error), **_clock(error.training))
        raise
    except BaseException as error:
        for each in everything:
            each.close("failed", error=f"{type(error).__name__}: {error}")
        raise
    _keep(made, training)
    status = "finished" if training.finished else "interrupted"
    results = [evaluate_run(each) for each in made]
    for each, result in zip(made, results, strict=True):
        each.close(status, **_clock(training), result=result)
    overall = results[0] if len(results) == 1 else over_seeds(results)
    if len(made) > 1:
        Run(out).close(status, **_clock(training), result=overall)
    figure = _figure(made, out, family)
    if options.json:
        print_json({**overall, "run": str(out), "status": status})
    else:
        _summary(out, figure, training, overall)
    return 0 if training.finished else 130


def _train(
    options: Any,
    algorithm: Any,
    family: Any,
    seeds: tuple[int, ...],
    plan: Plan,
    made: list[Run],
    out: Path,
) -> Training:
    """Trains with a view of it; the reference values are worked out while compilers run."""
    title = f"{options.agent} on {options.family}"
    console = Console(stderr=options.json)
    values: list[Future[dict[str, float | None]]] = []
    total = options.settings.iterations
    with (
        ThreadPoolExecutor(1) as pool,
        progress(title, str(out), total, family.horizon, console) as view,
        interruptible(view.stopping) as stop,
    ):

        def report(records: list[Record]) -> None:
            for each, record in zip(made, records, strict=True):
                each.log(record)
            view.show(records, values[0].result() if values and values[0].done() else {})

        return train(
            algorithm,
            family,
            seeds,
            plan,
            report,
            stop,
            lambda: values.append(pool.submit(limits, options.family)),
            cli.BEGAN,
        )


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
    if not 0 <= options.seed < 2**32:
        raise UserError(f"seed must be 0 or more, and below 2^32, is {options.seed}")
    if options.seeds is None:
        return (options.seed,)
    if options.seeds < 1:
        raise UserError(f"seeds must be at least 1, is {options.seeds}")
    return tuple(range(options.seed, options.seed + options.seeds))


def _default_out(options: Any) -> Path:
    which = f"s{options.seed}" if options.seeds is None else f"seeds{options.seeds}"
    return Path("runs") / f"{options.agent}-{options.family}-{which}"


def _keep(made: list[Run], training: Training) -> None:
    for i, each in enumerate(made):
        each.save(runs.of_seed(training.state, i))


def _clock(training: Training) -> dict[str, int | float]:
    return {
        "iteration": training.iteration,
        "wall_seconds": round(training.seconds, 3),
        "compile_seconds": round(training.compile_seconds, 3),
    }


def _figure(made: list[Run], out: Path, family: Any) -> Path | None:
    histories = {each.manifest["seed"]: each.records for each in made}
    if not any(histories.values()):
        return None
    from dreamrl.figures.training import draw_training

    path = Run(out).figures / "training.png"
    return draw_training(histories, limits(family.name), family.horizon, path)


def _summary(out: Path, figure: Path | None, training: Training, result: dict[str, Any]) -> None:
    if not training.finished:
        print(f"stopped at iteration {training.iteration}; the agent is kept as it was then")
    clock = f"{training.seconds:.1f} s, of which {training.compile_seconds:.1f} s compiling"
    rows = [*describe(result), ("trained in", clock), ("run", str(out))]
    print_rows(rows if figure is None else [*rows, ("figure", str(figure))])
    first = json.dumps(str(out)) if " " in str(out) else str(out)
    single = first if "seeds" not in result else f"{first}/seed-{result['seeds'][0]['seed']}"
    print("\nnext:")
    print(f"  dreamrl trial {single}")
    print(f"  dreamrl evaluate {first} --split train")
