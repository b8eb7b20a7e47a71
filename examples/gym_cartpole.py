"""Gymnasium's CartPole with hidden physics as a family: python examples/gym_cartpole.py.

Which action pushes left, how strongly, and how long the pole is differ between problems, and no
observation tells them. It needs `pip install 'dreamrl[gym]'`. Training:

    dreamrl train dream examples/gym_cartpole.py:cartpole
"""

import itertools
import sys

import gymnasium
import numpy as np

from dreamrl.families.gym import GymFamily
from dreamrl.testing import check_family, replay

PHYSICS = tuple(itertools.product((False, True), (5.0, 10.0, 15.0), (0.25, 0.5, 1.0, 1.5)))
"""Actions swapped, force, half the pole's length; problem i has the i-th."""
UNSEEN = tuple(range(2, len(PHYSICS), 5))
HORIZON = 100


class Swapped(gymnasium.ActionWrapper):
    """Left is right."""

    def action(self, action):
        return 1 - action


def make(problem_id: int) -> gymnasium.Env:
    swapped, force, length = PHYSICS[problem_id]
    env = gymnasium.make("CartPole-v1")
    cart = env.unwrapped
    cart.force_mag, cart.length = force, length
    cart.polemass_length = cart.masspole * length
    return Swapped(env) if swapped else env


def cartpole() -> GymFamily:
    seen = [i for i in range(len(PHYSICS)) if i not in UNSEEN]
    return GymFamily("cartpole", make, seen, UNSEEN, HORIZON)


def main() -> dict[int, np.ndarray]:
    """The cart's speed after one push to the right, or what goes for it, in some problems."""
    family = cartpole()
    check_family(family)
    print(f"{family.name}: {len(family.train_ids)} problems, {len(family.test_ids)} unseen ones")
    speeds = {i: replay(family, i, None, [1]).observations[:, 1] for i in (0, 4, 8, 12)}
    for i, (before, after) in speeds.items():
        print(f"problem {i} {PHYSICS[i]}: pushed from {before:+.2f} to {after:+.2f} m/s")
    return speeds


if __name__ == "__main__":
    sys.exit(main() and 0)
