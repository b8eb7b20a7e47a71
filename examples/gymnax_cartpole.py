"""gymnax's CartPole with hidden physics as a family: python examples/gymnax_cartpole.py.

A negative force swaps left and right. It needs `pip install 'dreamrl[gymnax]'`. Training:

    dreamrl train dream examples/gymnax_cartpole.py:cartpole
"""

import itertools

import numpy as np

from dreamrl.families.gymnax import GymnaxFamily
from dreamrl.testing import check_family, replay

FORCES, LENGTHS = (-15.0, -10.0, -5.0, 5.0, 10.0, 15.0), (0.25, 0.5, 1.0, 1.5)
MASS = 0.1
"""Of the pole; gymnax keeps mass times length as a parameter of its own."""


def cartpole() -> GymnaxFamily:
    force, length = np.array(list(itertools.product(FORCES, LENGTHS))).T
    parameters = {"force_mag": force, "length": length, "polemass_length": MASS * length}
    unseen = range(2, len(force), 5)
    return GymnaxFamily("CartPole-v1", parameters, unseen, horizon=100, name="cartpole")


def main() -> dict[int, float]:
    """The cart's speed after one push to the right, or what goes for it, in some problems."""
    family = cartpole()
    check_family(family)
    print(f"{family.name}: {len(family.train_ids)} problems, {len(family.test_ids)} unseen ones")
    speeds = {i: float(replay(family, i, 0, [1]).observations[1, 1]) for i in (0, 8, 16, 20)}
    for i, speed in speeds.items():
        force = float(family.table["force_mag"][i])
        print(f"problem {i}, force {force:+.0f}: pushed to {speed:+.2f} m/s")
    return speeds


if __name__ == "__main__":
    main()
