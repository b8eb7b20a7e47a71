"""Gymnasium's CartPole with hidden physics as a family: python examples/gym_cartpole.py.

Which action pushes left, how strongly, and how long the pole is differ between problems, and no
observation tells them. Each action is held for six of CartPole's steps, as by a slow controller,
and the pole starts further from upright, so that pushing the wrong way to find out is often fatal.
It needs `pip install 'dreamrl[gym]'`. Training:

    dreamrl train dream examples/gym_cartpole.py:cartpole
"""

import itertools
import sys

import gymnasium
import numpy as np

from dreamrl.families.gym import GymFamily
from dreamrl.testing import check_family, replay

PHYSICS = tuple(itertools.product((False, True), (10.0, 12.0, 14.0), (0.75, 0.9, 1.05, 1.2)))
"""Actions swapped, force, half the pole's length; problem i has the i-th."""
UNSEEN = tuple(range(2, len(PHYSICS), 5))
HORIZON, HELD, START = 30, 6, 0.15


class Slow(gymnasium.Wrapper):
    """Each action is held for some steps; left may be right; position and speeds start wider."""

    def __init__(self, env: gymnasium.Env, swapped: bool):
        super().__init__(env)
        self.swapped = swapped

    def reset(self, *, seed=None, options=None):
        return self.env.reset(seed=seed, options={"low": -START, "high": START})

    def step(self, action):
        action, earned = int(action) ^ self.swapped, 0.0
        for _ in range(HELD):
            seen, reward, terminated, truncated, more = self.env.step(action)
            earned += reward / HELD
            if terminated or truncated:
                break
        return seen, earned, terminated, truncated, more


def make(problem_id: int) -> gymnasium.Env:
    swapped, force, length = PHYSICS[problem_id]
    # Without Gymnasium's checks of every step, which take most of the time.
    env = cart = gymnasium.make("CartPole-v1").unwrapped
    cart.force_mag, cart.length = force, length
    cart.polemass_length = cart.masspole * length
    return Slow(env, swapped)


def describe(problem_id: int) -> list[float]:
    """What is told in training: the physics, each number about -1 to 1."""
    swapped, force, length = PHYSICS[problem_id]
    return [2.0 * swapped - 1, (force - 12) / 2, (length - 0.975) / 0.225]


def cartpole() -> GymFamily:
    seen = [i for i in range(len(PHYSICS)) if i not in UNSEEN]
    return GymFamily("cartpole", make, seen, UNSEEN, HORIZON, describe)


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
