"""The command, with a fake agent that trains quickly; with `slow`, a while for each chunk."""

import sys
import time

import jax

import dreamrl.training
from dreamrl.agents import registry
from dreamrl.agents.method import Method
from dreamrl.cli import main
from tests.conftest import FakeAlgorithm, FakeSettings


def slowly(function):
    def slow(*inputs, **more):
        time.sleep(0.3)
        return function(*inputs, **more)

    return slow


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", 2)
    registry.METHODS["fake"] = Method(FakeSettings, FakeAlgorithm, {"default": FakeSettings()})
    if sys.argv.pop(1) == "slow":
        dreamrl.training.complete = slowly(dreamrl.training.complete)
    sys.exit(main())
