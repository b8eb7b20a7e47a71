"""The command with the fake agent, for processes that a test starts."""

import sys
import time

from dreamrl import cli
from dreamrl.agents import registry
from dreamrl.agents.method import Method
from dreamrl.cli import main as real
from tests.conftest import FakeAlgorithm, FakeSettings


def main(arguments=None):
    """Be dreamrl, where `fake` is an agent and every chunk takes as long as `mode` says."""
    registry.METHODS["fake"] = Method(FakeSettings, FakeAlgorithm, {"default": FakeSettings()})
    import dreamrl.references
    from dreamrl.runs import Run

    # Takes seconds to work out.
    dreamrl.references.posterior_sampling = lambda family: -0.6
    log = Run.log

    def slowly(self, record):
        log(self, record)
        if self.manifest["settings"]["mode"] == "slow":
            time.sleep(0.2)

    Run.log = slowly
    # Who starts workers has them be this.
    cli.main = main
    return real(arguments)


if __name__ == "__main__":
    sys.exit(main())
