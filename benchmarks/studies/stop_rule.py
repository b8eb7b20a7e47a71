"""What the stop rule costs and saves: python benchmarks/stop_rule.py RUN [--trials N]."""

import argparse
import pathlib

import equinox as eqx
import jax.numpy as jnp

from dreamrl import runs
from dreamrl.evaluate import evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--trials", type=int, default=2000)
    asked = parser.parse_args()
    loaded = runs.find(asked.run)[0].load()
    # With a bias this large, going on always seems worth it: explorations take the whole horizon.
    never = eqx.tree_at(
        lambda agent: agent.exploration.stop.worth.bias, loaded.agent, jnp.full(1, 1e6)
    )
    print("| exploration ends | return on unseen problems | steps |")
    print("|---|---|---|")
    for name, agent in (("by the stop rule", loaded.agent), ("at the horizon", never)):
        found = evaluate(loaded.family, agent, loaded.family.test_ids, asked.trials, seed=0)
        print(f"| {name} | {found.return_mean:.3f} | {found.exploration_length_mean:.1f} |")


if __name__ == "__main__":
    main()
