"""XLand-MiniGrid: one of four balls is to be picked up, and nothing shows which.

It needs `pip install 'dreamrl[xminigrid]'`. python examples/xminigrid_objects.py; training:

    dreamrl train dream examples/xminigrid_objects.py:objects
"""

import jax
import jax.numpy as jnp

from dreamrl.families.xminigrid import BALLS, XMiniGridFamily, hidden_objects
from dreamrl.trial import Choice, rollout
from dreamrl.types import Trajectory

SEEN, UNSEEN = 192, 88


def objects() -> XMiniGridFamily:
    """Four of eight colours: 70 sets, of which each of the four may be the right one."""
    rulesets = hidden_objects(SEEN + UNSEEN, objects=4, goal="hold", among=BALLS)
    unseen = range(SEEN, SEEN + UNSEEN)
    return XMiniGridFamily(
        "XLand-MiniGrid-R1-9x9", rulesets, unseen, horizon=30, name="objects", described=True
    )


def main() -> Trajectory:
    """What moving at random comes to on unseen problems."""
    family = objects()

    def at_random(memory, percept, key):
        return memory, Choice(family.action_space.sample(key))

    def play(problem_id, key):
        problem = family.problem(problem_id)
        return rollout(family, problem, jnp.array(0), at_random, (), key)[0]

    ids = jnp.tile(jnp.array(family.test_ids), 20)
    keys = jax.random.split(jax.random.key(0), len(ids))
    episodes = jax.jit(jax.vmap(play))(ids, keys)
    print(f"{family.name}: {len(family.train_ids)} problems, {len(family.test_ids)} unseen ones")
    found = float(episodes.terminated.any(1).mean())
    print(f"at random: the right object found in {found:.0%} of episodes")
    print(f"           a mean return of {float(episodes.episode_return.mean()):.2f}")
    return episodes


if __name__ == "__main__":
    main()
