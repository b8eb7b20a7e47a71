"""Gymnasium's FrozenLake on maps never seen: python examples/gym_frozenlake.py.

The agent sees the number of its field only, not where the holes are. Nothing slips. A hole ends the
episode, the exploration too, so finding out is dangerous. It needs `pip install 'dreamrl[gym]'`.
Training:

    dreamrl train dream examples/gym_frozenlake.py:frozenlake
"""

import gymnasium
import numpy as np
from gymnasium.envs.toy_text.frozen_lake import generate_random_map

from dreamrl.families.gym import GymFamily
from dreamrl.testing import check_family, replay

SEEN, UNSEEN, HORIZON = 200, 100, 20
FROZEN = 0.7
"""Chance of a field to bear; maps without a way to the goal are drawn anew."""


def different_maps(number: int, size: int = 4) -> tuple[tuple[str, ...], ...]:
    """So many maps, no two alike."""
    found: dict[tuple[str, ...], None] = {}
    seed = 0
    while len(found) < number:
        found[tuple(generate_random_map(size, FROZEN, seed))] = None
        seed += 1
    return tuple(found)


MAPS = different_maps(SEEN + UNSEEN)


def make(problem_id: int) -> gymnasium.Env:
    lake = gymnasium.make("FrozenLake-v1", desc=list(MAPS[problem_id]), is_slippery=False)
    # Without Gymnasium's checks of every step, which take most of the time.
    return lake.unwrapped


def describe(problem_id: int) -> list[float]:
    """What is told in training: 1 for a field that bears, -1 for a hole."""
    return [-1.0 if field == "H" else 1.0 for field in "".join(MAPS[problem_id])]


def frozenlake() -> GymFamily:
    unseen = range(SEEN, SEEN + UNSEEN)
    return GymFamily("frozenlake", make, range(SEEN), unseen, HORIZON, describe)


def main() -> list[bool]:
    """How one and the same walk, down and right in turn, ends on some unseen maps."""
    family = frozenlake()
    check_family(family)
    print(f"{family.name}: {len(family.train_ids)} maps, {len(family.test_ids)} unseen ones")
    there = []
    for i in family.test_ids[:5]:
        walk = replay(family, i, None, [1, 2] * 3)
        there.append(bool(walk.rewards.sum() > 0))
        last = int(np.asarray(walk.observations)[-1])
        words = "at the goal" if there[-1] else f"in the hole at field {last}"
        print(f"map {i}, {' '.join(MAPS[i])}: {words}")
    return there


if __name__ == "__main__":
    main()
