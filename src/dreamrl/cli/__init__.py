"""The command `dreamrl`."""

import errno
import importlib
import sys
import time
from collections.abc import Sequence
from typing import Any

from dreamrl import interruption
from dreamrl.errors import UserError, raised_by_runtime, raised_on_host, unknown
from dreamrl.version import version

BEGAN = time.perf_counter()
"""Start of the command: users wait for the imports too."""

COMMANDS = {
    "families": "list the families of problems that an agent can be trained on",
    "train": "train an agent on a family: dreamrl train AGENT FAMILY",
    "resume": "go on with a training that was stopped: dreamrl resume RUN",
    "runs": "list runs and how far they are: dreamrl runs [DIRECTORY]",
    "evaluate": "measure a trained agent on problems it has never seen: dreamrl evaluate RUN",
    "compare": "agents beside one another: dreamrl compare AGENT... --family FAMILY...",
    "sweep": "settings beside one another: dreamrl sweep AGENT... --family FAMILY... --over ...",
    "work": "one more worker for a sweep or a comparison: dreamrl work DIR",
    "trial": "print and draw one trial, step by step: dreamrl trial RUN",
    "diagnose": "find a fault together, test by test: dreamrl diagnose RUN",
    "report": "write a page that shows runs and trials: dreamrl report RUN...",
    "studio": "show runs in a browser, live: dreamrl studio [RUN|DIR...]",
    "new-family": "write a family of your own to begin with: dreamrl new-family NAME",
    "advise": "say which method to try first on a family, and why: dreamrl advise FAMILY",
    "references": "work out what can be reached in a family: dreamrl references FAMILY",
    "bench": "measure steps a second: dreamrl bench env|train",
    "doctor": "say what works on this machine, for a bug report: dreamrl doctor",
}
"""Each is a file of this folder, with _ for -, and has Options, EXAMPLES, run(options)."""

COMPUTING = COMMANDS.keys() - {"runs", "new-family", "doctor"}
"""Those that need a device, and compile for it."""

TOGETHER = ("train", "resume")
"""Those that several processes can run together."""

WORN_OUT = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""Refusals of a disk that are no mistake in the command."""

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

Exit codes: 0 done, 1 training failed, 2 a mistake in the command, 130 stopped by a signal.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    global BEGAN
    BEGAN = time.perf_counter()
    words = list(sys.argv[1:] if arguments is None else arguments)
    from dreamrl.cli.screen import streams

    with streams() as (out, err):
        code = _run_and_report(words, alone=arguments is None)
        out.flush()
        if code and (module := sys.modules.get("dreamrl.processes")):
            module.leave(code)
        if out.failed is None or isinstance(out.failed, BrokenPipeError):
            # Whoever read the output may have closed it, like `head` does: nobody to tell.
            return code
        print(f"dreamrl: the output is lost: {out.failed.strerror}", file=err)
        return code or 1


def _run_and_report(arguments: list[str], alone: bool) -> int:
    """Run one command, and tell what ends it in a line; `alone` is the program's only one."""
    try:
        with interruption.prompt() as stopped:
            try:
                return _run(arguments)
            except BaseException as error:
                # Out of a callback of compiled code it comes as JAX's own error.
                if not stopped() and not isinstance(error, KeyboardInterrupt):
                    raise
                if alone:
                    interruption.leave()
                print("dreamrl: stopped", file=sys.stderr)
                return interruption.STOPPED
    except OSError as error:
        print(f"dreamrl: {error.filename or 'disk'}: {error.strerror or error}", file=sys.stderr)
        return 1 if error.errno in WORN_OUT else 2
    except UserError as error:
        print(f"dreamrl: {error}", file=sys.stderr)
        return error.exit_code
    except Exception as error:
        if fault := raised_on_host(error):
            print(f"dreamrl: {fault}", file=sys.stderr)
            return 1
        if fault := raised_by_runtime(error):
            print(f"dreamrl: {fault}", file=sys.stderr)
            return fault.exit_code
        raise


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        rows = [f"  {name:<12} {summary}" for name, summary in COMMANDS.items()]
        print(HELP.format(commands="\n".join(rows)), end="")
        return 0
    if arguments[0] == "--version":
        print(f"dreamrl {version()}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    from dreamrl import host

    for variable in host.settle():
        print(f"dreamrl: {variable} is set, and left out of account here", file=sys.stderr)
    command = importlib.import_module(f"dreamrl.cli.{name.replace('-', '_')}")
    from dreamrl.cli.arguments import parse

    options = parse(command, f"dreamrl {name}", rest)
    if options is None:
        return 0
    if getattr(options, "deterministic", False):
        host.make_deterministic()
    if name in TOGETHER:
        _join(options)
    if name in COMPUTING:
        host.check_devices()
        host.quiet_figures()
        _keep_compiled_programs()
    return command.run(options) or 0


def _join(options: Any) -> None:
    from dreamrl import processes
    from dreamrl.cli.screen import Stream

    if options.coordinator is not None and isinstance(sys.stdout, Stream):
        sys.stdout.move()  # Gloo tells of each connection.
    processes.join(options.coordinator, options.processes, options.process)


def _keep_compiled_programs() -> None:
    from dreamrl import host

    if why := host.keep_compiled_programs():
        print(f"dreamrl: {why}", file=sys.stderr)
