"""How long one call takes once it is compiled."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def seconds(call: Callable[[], Any], repeats: int = 9) -> float:
    """Return the median time of one call, after a first one that compiles."""
    jax.block_until_ready(call())
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - begin)
    return float(np.median(times))
