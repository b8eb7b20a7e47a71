"""DREAM with another exploration reward: the same sum, paid at the last step.

python examples/exploration_reward.py
"""

import jax.numpy as jnp

import dreamrl
from dreamrl import Dream


def at_the_end(exploration, errors, unit, cost):
    """Return the information gained by the whole exploration, at its last step, less step costs.

    `errors` [T+1] are the decoder's squared errors after 0, 1, ... T steps.
    """
    mask = exploration.mask
    last = mask & ~jnp.append(mask[1:], False)
    gained = (errors[0] - errors[-1]) / unit
    return jnp.where(last, gained, 0.0) - jnp.where(mask, cost, 0.0)


def main(family="tabular-didactic", **changes):
    """Return the training with the reward above."""
    family = dreamrl.make(family)
    settings = dreamrl.changed(dreamrl.settings_for("dream", family.name), changes)
    return dreamrl.train(Dream(family, settings, reward=at_the_end))


if __name__ == "__main__":
    training = main(iterations=200)
    print(dreamrl.evaluate(training.agent).return_mean)
