"""XLand-MiniGrid: one of three objects pays, and nothing shows which.

It needs `pip install 'dreamrl[xminigrid]'`. python examples/xminigrid_objects.py; training:

    dreamrl train dream examples/xminigrid_objects.py:objects
"""

import jax
import jax.numpy as jnp

from dreamrl.families.xminigrid import XMiniGridFamily, hidden_objects
from dreamrl.trial import Choice, rollout
from dreamrl.types import Trajectory

SEEN, UNSEEN = 64, 64


def objects() -> XMiniGridFamily:
    rulesets = hidden_objects(SEEN + UNSEEN, objects=3)
    unseen = range(SEEN, SEEN + UNSEEN)
    return XMiniGridFamily("XLand-MiniGrid-R1-9x9", rulesets, unseen, horizon=40, name="objects")


def main() -> Trajectory:
    """What moving at random comes to on unseen problems."""
    family = objects()

    def at_random(memory, percept, key):
        return memory, Choice(family.action_space.sample(key))

    def play(problem_id, key):
        problem = family.problem(problem_id)
        return rollout(family, problem, jnp.array(0), at_random, (), key)[0]

    ids = jnp.array(family.test_ids)
    keys = jax.random.split(jax.random.key(0), len(ids))
    episodes = jax.jit(jax.vmap(play))(ids, keys)
    print(f"{family.name}: {len(family.train_ids)} problems, {len(family.test_ids)} unseen ones")
    found = float(episodes.terminated.any(1).mean())
    print(f"at random: the right object found in {found:.0%} of episodes")
    print(f"           a mean return of {float(episodes.episode_return.mean()):.2f}")
    return episodes


if __name__ == "__main__":
    main()
