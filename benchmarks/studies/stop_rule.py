"""The stop rule's cost and saving: python -m benchmarks.studies.stop_rule RUN [--trials N]."""

import pathlib
import sys

import equinox as eqx
import jax.numpy as jnp

from benchmarks import pages
from benchmarks.program import command, keep, parser, program
from dreamrl import runs
from dreamrl.evaluation import evaluate


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("run", type=pathlib.Path)
    arguments.add_argument("--trials", type=int, default=2000)
    asked = arguments.parse_args()
    loaded = runs.find(asked.run)[0].load()
    # With a bias this large, explorations take the whole horizon.
    never = eqx.tree_at(
        lambda agent: agent.exploration.stop.value.bias, loaded.agent, jnp.full(1, 1e6)
    )
    rows = []
    for name, agent in (("by the stop rule", loaded.agent), ("at the horizon", never)):
        found = evaluate(loaded.family, agent, loaded.family.test_ids, asked.trials, seed=0)
        rows.append((name, f"{found.return_mean:.3f}", f"{found.exploration_length_mean:.1f}"))
    heads = ("exploration ends", "return on unseen problems", "steps")
    print(pages.table(heads, rows))
    made_by = command(__spec__.name, "RUN", "--trials", asked.trials)
    keep("stop-rule", made_by, rows=[dict(zip(heads, row, strict=True)) for row in rows])


if __name__ == "__main__":
    sys.exit(main())
