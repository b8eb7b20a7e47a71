"""The command in a process of its own, with the fake agent of the tests: quick to compile.

The first argument names modules that are to be missing, as on other systems.
"""

import importlib.util
import sys
from pathlib import Path

from dreamrl.cli import main


def add_fake() -> None:
    from dreamrl.agents import registry
    from dreamrl.agents.method import Method

    file = Path(__file__).parents[1] / "conftest.py"
    spec = importlib.util.spec_from_file_location("fake_agent", file)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their own module up.
    sys.modules["fake_agent"] = module
    spec.loader.exec_module(module)
    settings = module.FakeSettings
    registry.METHODS["fake"] = Method(settings, module.FakeAlgorithm, {"default": settings()})


if __name__ == "__main__":
    for name in filter(None, sys.argv[1].split(",")):
        sys.modules[name] = None  # As where a system does not have it.
    if sys.argv[2] in ("train", "resume", "evaluate", "trial", "compare"):
        add_fake()
    sys.exit(main(sys.argv[2:]))
