"""The same family on the host and in the program: returns and speed of both.

    python benchmarks/host_loop.py [--seeds 3] [--iterations 60]

`treasure`, once as it is and once as a Gymnasium environment in NumPy, trained on with RL2, the
same settings and seeds. The figures go to benchmarks/results/host-loop.json.
"""

import argparse
import dataclasses
import datetime
import json
import pathlib
import statistics

import gymnasium
import numpy as np

import dreamrl
from dreamrl import agents
from dreamrl.families.grid import STEP_COST
from dreamrl.families.gym import GymFamily
from dreamrl.families.treasure import CELLS, SIZE, START
from dreamrl.train import Plan, train

RESULT = pathlib.Path(__file__).parent / "results" / "host-loop.json"
MOVES = np.array([(-1, 0), (0, 1), (1, 0), (0, -1), (0, 0)])


class Treasure(gymnasium.Env):
    """The family's rules, in NumPy."""

    observation_space = gymnasium.spaces.MultiDiscrete((SIZE, SIZE))
    action_space = gymnasium.spaces.Discrete(len(MOVES))

    def __init__(self, problem_id: int):
        self.cell = np.array(CELLS[problem_id])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = np.array(START)
        return self.place, {}

    def step(self, action):
        self.place = np.clip(self.place + MOVES[action], 0, SIZE - 1)
        there = (self.place == self.cell).all()
        return self.place, 1.0 if there else STEP_COST, False, False, {}


def measure(family, seeds: int, iterations: int) -> dict:
    settings = dataclasses.replace(
        agents.settings_for("rl2", "treasure"), iterations=iterations, trials=128
    )
    records: list = []
    algorithm = agents.make_algorithm("rl2", family, settings)
    plan = Plan(chunk=10, evaluate_every=iterations, evaluation_trials=256)
    training = train(algorithm, range(seeds), plan, report=records.extend)
    rates = [record["steps_per_second"] * seeds for record in records]
    return {
        "returns": [record["return_unseen"] for record in training.records],
        "steps_per_second": statistics.median(rates),
        "compile_seconds": training.compile_seconds,
        "seconds": training.seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=60)
    asked = parser.parse_args()
    inside = dreamrl.make("treasure")
    ids = (inside.train_ids, inside.test_ids, inside.horizon)
    result = {
        "command": "python benchmarks/host_loop.py",
        "date": datetime.date.today().isoformat(),
        "family": "treasure",
        "agent": "rl2",
        "seeds": asked.seeds,
        "iterations": asked.iterations,
        "in the program": measure(inside, asked.seeds, asked.iterations),
        "on the host": measure(
            GymFamily("treasure", Treasure, *ids), asked.seeds, asked.iterations
        ),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    for where in ("in the program", "on the host"):
        found = result[where]
        returns = ", ".join(f"{value:.2f}" for value in found["returns"])
        print(f"{where:<15} returns {returns}; {found['steps_per_second']:,.0f} steps/s")


if __name__ == "__main__":
    main()
