"""`dreamrl evaluate RUN`: how well a trained agent does, beside what can be reached."""

import dataclasses
import functools
from pathlib import Path
from typing import Annotated, Any

import tyro

from dreamrl import runs
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.cli.values import TRIALS, check_number, check_seed, describe, print_json, print_rows
from dreamrl.deploy import prepare
from dreamrl.deploy.contents import contents, told
from dreamrl.deploy.divergence import divergence
from dreamrl.runs.results import Split, evaluate_runs

EXAMPLES = """\
  dreamrl evaluate runs/dream-distracting-bus-s0
  dreamrl evaluate runs/dream-distracting-bus-s0 --split train --trials 5000
  dreamrl evaluate runs/dream-distracting-bus-seeds5 --json
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Measure a trained agent: mean return of greedy policies, which are not told the problem.

    A directory of several seeds gives the mean over seeds, and each seed's result.
    """

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Directory that dreamrl train wrote."""
    split: Split = "unseen"
    """Problems held out of training; the tenth of these that is for choosing; or those of
    training."""
    trials: int = 2000
    """Trials, spread evenly over the problems."""
    seed: int = 0
    """Seed of goals and of the order of problems."""
    episodes: int = 1
    """Exploitation episodes a trial, each with its own goal."""
    stop: str | None = None
    """End of DREAM's explorations, if not as in training: rule, never or a number of steps."""
    family: str | None = None
    """Of a run on a family of your own: its place, as in dreamrl train. Its code is run."""
    json: bool = False
    """Print one JSON object instead."""


def run(options: Options) -> None:
    check_seed(options.seed)
    check_number("trials", options.trials, 2, TRIALS)
    check_number("episodes", options.episodes, 1, TRIALS // options.trials)
    runs.tell_family(options.run, options.family)
    settings = (options.split, options.trials, options.seed, options.episodes, options.stop)
    more = functools.partial(_of_beliefs, options.stop)
    result = evaluate_runs(runs.find(options.run), *settings, more)
    if options.json:
        print_json(result)
        return
    print(f"{result['agent']} on {result['family']}, {result['trials']:,} trials")
    print_rows(describe(result))
    if "seeds" in result:
        means = [(f"  seed {r['seed']}", f"{r['return_mean']:.3f}") for r in result["seeds"]]
        print_rows([*means, *((f"  seed {seed}", "failed") for seed in result.get("failed", []))])


def _of_beliefs(stop: str | None, loaded: runs.Loaded) -> dict[str, Any]:
    """Return the information in z, and the divergence of beliefs from the exact posterior."""
    agent = prepare(loaded.family, loaded.algorithm, loaded.state)
    gap = divergence(agent.with_stop(stop))
    result = {} if gap is None else {"belief_divergence": gap}
    settings = loaded.algorithm.settings
    if agent.known is None or not isinstance(settings, DreamSettings):
        return result
    information = contents(loaded.family, agent.known.encodings, settings.encoding.rho)
    return result if information is None else result | told(information)
