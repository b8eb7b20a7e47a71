"""A scripted explorer beside DREAM's decoder, stop rule and exploitation.

    python examples/scripted_explorer.py

Somebody who knows how to look need not learn it: the decoder still learns to read what the script
shows, the stop rule when enough is known, exploitation to act on it.
"""

import dreamrl
from dreamrl import Dream


def in_turn(percept, step):
    """Return the action of this step: one after the other; it may look at the percept too."""
    return step % 5


def main(family="bandit", **changes):
    """Return the training with the scripted explorer."""
    family = dreamrl.make(family)
    settings = dreamrl.changed(dreamrl.settings_for("dream", family.name), changes)
    return dreamrl.train(Dream(family, settings, script=in_turn))


if __name__ == "__main__":
    training = main(iterations=200)
    print(dreamrl.evaluate(training.agent).return_mean)
