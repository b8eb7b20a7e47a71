"""DREAM with another stop rule: none, explorations take the whole horizon.

    python examples/stop_rule.py

A stop rule is a module from the exploration policy's features to the value of going on; the
exploration stops where that is not above 0. `stop_rule` makes one from a key and a width.
"""

import equinox as eqx
import jax.numpy as jnp

import dreamrl
from dreamrl import Dream


class Never(eqx.Module):
    """Going on is always worth it."""

    def __call__(self, features):
        """Return 1, whatever the policy's features."""
        return jnp.ones(features.shape[:-1])


def main(family="bus", **changes):
    """Return the training without a stop rule."""
    family = dreamrl.make(family)
    settings = dreamrl.changed(dreamrl.settings_for("dream", family.name), changes)
    return dreamrl.train(Dream(family, settings, stop_rule=lambda key, size: Never()))


if __name__ == "__main__":
    training = main(iterations=100)
    print(dreamrl.evaluate(training.agent).exploration_length_mean)
