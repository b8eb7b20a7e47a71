"""How long calls take once they are compiled."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def seconds(call: Callable[[], Any], repeats: int = 9) -> float:
    """Return the median time of one call, after a first one that compiles."""
    return in_turn({"": call}, repeats)[""]


def in_turn(calls: dict[str, Callable[[], Any]], rounds: int = 15) -> dict[str, float]:
    """Return the median time of each of several calls, one after the other in each round.

    Whatever else the machine is busy with slows all of them alike.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        jax.block_until_ready(call())
    for _ in range(rounds):
        for name, call in calls.items():
            begin = time.perf_counter()
            jax.block_until_ready(call())
            times[name].append(time.perf_counter() - begin)
    return {name: float(np.median(found)) for name, found in times.items()}
