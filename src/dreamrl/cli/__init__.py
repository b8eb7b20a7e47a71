"""The command `dreamrl`."""

import importlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dreamrl.errors import UserError, raised_on_host, unknown
from dreamrl.version import version

BEGAN = time.perf_counter()
"""When the command began: what a user waits for includes the imports."""

COMMANDS = {
    "families": "list the families of problems that an agent can be trained on",
    "train": "train an agent on a family: dreamrl train AGENT FAMILY",
    "resume": "go on with a training that was stopped: dreamrl resume RUN",
    "runs": "list runs and how far they are: dreamrl runs [DIRECTORY]",
    "evaluate": "measure a trained agent on problems it has never seen: dreamrl evaluate RUN",
    "compare": "agents beside one another: dreamrl compare AGENT... --family FAMILY...",
    "trial": "print and draw one trial, step by step: dreamrl trial RUN",
    "new-family": "write a family of your own to begin with: dreamrl new-family NAME",
    "references": "work out what can be reached in a family: dreamrl references FAMILY",
    "bench": "measure steps a second: dreamrl bench env|train",
}
"""Each is a file of this folder, with _ for -, and has Options, EXAMPLES, run(options)."""

HELP = """\
usage: dreamrl COMMAND [arguments]

Agents that first find out what problem they are in, and then solve it.

commands:
{commands}

  dreamrl COMMAND --help explains a command; dreamrl --version prints the version.

examples:
  dreamrl families
  dreamrl train dream distracting-bus
  dreamrl evaluate runs/dream-distracting-bus-s0
  dreamrl trial runs/dream-distracting-bus-s0

Exit codes: 0 done, 1 training failed, 2 a mistake in the command, 130 stopped by Ctrl-C.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    global BEGAN
    BEGAN = time.perf_counter()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(arguments)
    except UserError as error:
        print(f"dreamrl: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("dreamrl: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has closed it, like `head` does: nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"dreamrl: {error.filename or 'disk'}: {error.strerror}", file=sys.stderr)
        return 1
    except Exception as error:
        told = raised_on_host(error)
        if told is None:
            raise
        print(f"dreamrl: {told}", file=sys.stderr)
        return 1


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        rows = [f"  {name:<12} {what}" for name, what in COMMANDS.items()]
        print(HELP.format(commands="\n".join(rows)), end="")
        return 0
    if arguments[0] == "--version":
        print(f"dreamrl {version()}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    command = importlib.import_module(f"dreamrl.cli.{name.replace('-', '_')}")
    from dreamrl.cli.arguments import parse

    options = parse(command, f"dreamrl {name}", rest)
    if options is None:
        return 0
    _keep_compiled_programs()
    return command.run(options) or 0


def _keep_compiled_programs() -> None:
    """A second start finds the programs that the first one compiled."""
    import jax

    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = os.environ.get("DREAMRL_CACHE") or Path(home) / "dreamrl" / "jax"
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
