"""The command with a fake agent that never ends something, until there is a file `go`.

The first argument says what: a chunk (in JAX alone, or with callbacks), compiling, the closing
evaluation, or the commands evaluate, trial and references. There is a file `inside` once that has
begun.
"""

import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import dreamrl.references
import dreamrl.runs.results
import dreamrl.training
from dreamrl.agents import registry
from dreamrl.agents.method import Method
from dreamrl.cli import main
from tests.conftest import FakeAgent, FakeAlgorithm, FakeSettings

WHERE = sys.argv.pop(1)


def wait():
    Path("inside").touch()
    while not Path("go").exists():
        time.sleep(0.01)


def called(waiting, do=wait):
    """A callback out of compiled code, which may wait; it comes to 0."""

    def call(waiting):
        if waiting:
            do()
        return np.float32(0)

    kind = jax.ShapeDtypeStruct((), jnp.float32)
    return jax.pure_callback(call, kind, waiting, vmap_method="sequential")


class SlowAgent(FakeAgent):
    def explore(self, carry, percept, key):
        return super().explore(carry + called(True).astype(int), percept, key)


class Slow(FakeAlgorithm):
    def iterate(self, state):
        state, metrics = super().iterate(state)
        late = state.iteration > 2
        zero = jnp.float32(0)
        if WHERE == "callbacks":
            zero = called(late)
        if WHERE == "chunk":
            rounds = jnp.where(late, 2**30, 0)
            zero = jax.lax.fori_loop(0, rounds, self.some, called(late, Path("inside").touch))
        return state, {**metrics, "steps": metrics["steps"] + zero}

    def some(self, _, x):
        return jax.lax.fori_loop(0, 1000, lambda _, x: jnp.sin(x), x)

    def agent(self, state):
        return SlowAgent(state.params.logits) if WHERE == "evaluate" else super().agent(state)


def slowly(function):
    def slow(*inputs, **more):
        wait()
        return function(*inputs, **more)

    return slow


if __name__ == "__main__":
    registry.METHODS["fake"] = Method(FakeSettings, Slow, {"default": FakeSettings()})
    if WHERE == "compiling":
        dreamrl.training._compile = slowly(dreamrl.training._compile)
    if WHERE == "references":
        dreamrl.references.references = slowly(dreamrl.references.references)
    if WHERE == "evaluation":
        dreamrl.runs.results.evaluate_run = slowly(dreamrl.runs.results.evaluate_run)
    sys.exit(main())
