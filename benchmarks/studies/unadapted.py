"""The worth of adapting, to MAML: python -m benchmarks.studies.unadapted RUN...

The same trials twice, with the rates as they were learned and with all rates 0, where exploitation
acts by the policy that the exploration had. A RUN is a seed's directory, or one of several seeds.
The result is benchmarks/results/unadapted.json, which keeps what it says of other families.
"""

import datetime
import pathlib
import sys

import equinox as eqx
import jax
import jax.numpy as jnp

import dreamrl
from benchmarks.program import command, keep, kept, parser, program
from dreamrl.agents.maml.networks import MamlAgent
from dreamrl.errors import UserError
from dreamrl.evaluation import evaluate
from dreamrl.runs.store import read_json


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


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("runs", nargs="+", type=pathlib.Path, metavar="RUN")
    arguments.add_argument("--trials", type=int, default=2000)
    asked = arguments.parse_args()
    found: dict[str, list[dict[str, object]]] = {}
    for given in asked.runs:
        for run in sorted(given.glob("seed-*")) or [given]:
            seed = both(run, asked.trials)
            family = read_json(run / "run.json")["family"]
            found.setdefault(family, []).append(seed)
            print(
                f"{family} seed {seed['seed']}: {seed['adapted']:.3f}, "
                f"unadapted {seed['unadapted']:.3f}"
            )
    before = kept("unadapted").get("families", {})
    of_family = {
        name: {"trials": asked.trials, "date": f"{datetime.date.today()}", "seeds": seeds}
        for name, seeds in found.items()
    }
    keep("unadapted", command(__spec__.name, "RUN..."), families=before | of_family)


if __name__ == "__main__":
    sys.exit(main())
