"""What adapting is worth to MAML: python benchmarks/unadapted.py RUN...

The same trials twice, with the rates as they were learned and with all rates 0, where exploitation
acts by the policy that the exploration had. A RUN is a seed's directory, or one of several seeds.
The result is benchmarks/results/unadapted.json, which keeps what it says of other families.
"""

import argparse
import datetime
import pathlib
import sys

import equinox as eqx
import jax
import jax.numpy as jnp

import dreamrl
from dreamrl.agents.maml.agent import MamlAgent
from dreamrl.errors import UserError
from dreamrl.evaluate import evaluate
from dreamrl.runs.run import versions
from dreamrl.runs.store import read_json, write_json

RESULT = pathlib.Path(__file__).parent / "results" / "unadapted.json"


def both(run: pathlib.Path, trials: int) -> dict[str, object]:
    """Of one agent, the mean return on unseen problems, adapted and not."""
    trained = dreamrl.load(run)
    agent = trained.agent
    if not isinstance(agent, MamlAgent):
        raise UserError(f"the agent of {run} is not MAML's")
    still = jax.tree.map(jnp.zeros_like, agent.initial.rates)
    unadapted = eqx.tree_at(lambda agent: agent.initial.rates, agent, still)
    ids = trained.family.test_ids or trained.family.train_ids
    returns = [
        evaluate(trained.family, each, ids, trials).return_mean for each in (agent, unadapted)
    ]
    return {
        "seed": read_json(run / "run.json")["seed"],
        "adapted": returns[0],
        "unadapted": returns[1],
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=pathlib.Path, metavar="RUN")
    parser.add_argument("--trials", type=int, default=2000)
    asked = parser.parse_args()
    found: dict[str, list[dict[str, object]]] = {}
    try:
        for given in asked.runs:
            for run in sorted(given.glob("seed-*")) or [given]:
                seed = both(run, asked.trials)
                family = read_json(run / "run.json")["family"]
                found.setdefault(family, []).append(seed)
                print(
                    f"{family} seed {seed['seed']}: {seed['adapted']:.3f}, "
                    f"unadapted {seed['unadapted']:.3f}"
                )
    except UserError as error:
        print(f"unadapted.py: {error}", file=sys.stderr)
        return error.exit_code
    before = read_json(RESULT)["families"] if RESULT.exists() else {}
    of_family = {
        name: {"trials": asked.trials, "date": f"{datetime.date.today()}", "seeds": seeds}
        for name, seeds in found.items()
    }
    result = {
        "format": 1,
        "command": "python benchmarks/unadapted.py RUN...",
        "versions": versions(),
        "families": before | of_family,
    }
    write_json(RESULT, result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
