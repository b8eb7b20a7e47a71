"""`dreamrl studio`: the report's views in a browser, live while runs train."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from dreamrl.cli.serving import check_serving, door, say_address, serve

EXAMPLES = """\
  dreamrl studio
  dreamrl studio runs elsewhere/dream-bus-s0 --open
  dreamrl studio --lesson --open
  dreamrl studio --host 0.0.0.0 --port 9000
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Show runs in a browser, live while they train, and let their agents play.

    Only this machine can reach it, unless --host says otherwise; whoever comes from elsewhere
    needs the address that is printed then, which holds a token. Nothing outside the directories
    is read. Ctrl-C ends it. Needs pip install 'dreamrl[studio]'.
    """

    run: Annotated[
        tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="[RUN|DIR...]")
    ] = (Path("runs"),)
    """Runs, and directories of runs."""
    port: int = 8321
    """Port to listen at; 0: any port that is free."""
    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0: at all of this machine's."""
    open: bool = False
    """Open a browser."""
    lesson: bool = False
    """Show the lesson instead: DREAM in six scenes. No runs are needed."""
    family: str | None = None
    """Of runs on a family of your own: its place, as in dreamrl train. Its code is run."""
    json: bool = False
    """Print the address as a JSON object."""


def run(options: Options) -> None:
    check_serving(options.port)
    from dreamrl.studio.server import application
    from dreamrl.studio.shelf import Shelf

    shelf = Shelf(() if options.lesson else options.run, options.family)
    gate = door(options.host, options.port)
    address = gate.address("lesson" if options.lesson else "")
    rows = [("studio", address), ("runs", str(len(shelf.rows())))]
    say_address(rows, options.json, options.open)
    serve(application(shelf, gate.names, gate.token), gate.listener)
