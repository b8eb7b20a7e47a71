"""Names of arrays in files that were written before parameters had their present names."""

import re
from collections.abc import Container

_RENAMED = [
    (r"(^|\.)reader\.", r"\1encoder."),
    (r"(^|\.)tell\.", r"\1belief_head."),
    (r"(^|\.)beside\.", r"\1auxiliary."),
    (r"(^|\.)senses\.", r"\1percept_encoder."),
    (r"(^|\.)look\.", r"\1observation."),
    (r"(^|\.)told\.", r"\1z_proj."),
    (r"network\.hidden\.", "network.torso."),
    (r"(network|decoder|encoder)\.memory\.", r"\1.rnn."),
    (r"stop\.worth\.", "stop.value."),
    (r"^last\.memory", "last.extra"),
    (r"^optimiser\.", "optimisers.policy."),
    (r"^replay\.items\.played\.", "replay.items.trial."),
    (r"^replay\.items\.(exploration|goals|exploitation)", r"replay.items.trial.\1"),
]


def current_name(name: str, names: Container[str]) -> str:
    """Return the present name of an array, if this one is none of `names`."""
    if name in names:
        return name
    for pattern, replacement in _RENAMED:
        name = re.sub(pattern, replacement, name)
    # A method's own replay and dual variable stand in its memory.
    return f"memory.{name}" if f"memory.{name}" in names else name
