"""The same family on the host and in the program: returns and speed of both.

    python -m benchmarks.speed.host_loop [--seeds 3] [--iterations 60]

`treasure`, once as it is and once as a Gymnasium environment in NumPy, trained on with RL2, the
same settings and seeds. The figures go to benchmarks/results/host-loop.json.
"""

import statistics
import sys

import gymnasium
import numpy as np

import dreamrl
from benchmarks.program import command, keep, parser, program
from dreamrl.agents import registry
from dreamrl.configuration import changed
from dreamrl.families.grid import STEP_COST
from dreamrl.families.gym import GymFamily
from dreamrl.families.treasure import CELLS, SIZE, START
from dreamrl.listener import Callbacks
from dreamrl.training import Plan, train

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
    changes = {"iterations": iterations, "trials": 128}
    settings = changed(registry.settings_for("rl2", "treasure"), changes)
    records: list = []
    algorithm = registry.make_trainer("rl2", family, settings)
    plan = Plan(chunk=10, evaluate_every=iterations, evaluation_trials=256)
    training = train(algorithm, range(seeds), plan, Callbacks(records.extend))
    rates = [record["steps_per_second"] * seeds for record in records]
    return {
        "returns": [record["return_unseen"] for record in training.records],
        "steps_per_second": statistics.median(rates),
        "compile_seconds": training.compile_seconds,
        "seconds": training.seconds,
    }


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--iterations", type=int, default=60)
    asked = arguments.parse_args()
    inside = dreamrl.make("treasure")
    ids = (inside.train_ids, inside.test_ids, inside.horizon)
    families = {"in the program": inside, "on the host": GymFamily("treasure", Treasure, *ids)}
    measured = {
        where: measure(family, asked.seeds, asked.iterations) for where, family in families.items()
    }
    terms = {"family": "treasure", "agent": "rl2", **vars(asked)}
    keep("host-loop", command(__spec__.name), **terms, **measured)
    for where, found in measured.items():
        returns = ", ".join(f"{value:.2f}" for value in found["returns"])
        print(f"{where:<15} returns {returns}; {found['steps_per_second']:,.0f} steps/s")


if __name__ == "__main__":
    sys.exit(main())
