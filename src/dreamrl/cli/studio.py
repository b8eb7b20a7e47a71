"""`dreamrl studio`: the report's views in a browser, live while runs train."""

import dataclasses
import secrets
import socket
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import tyro

from dreamrl.cli.values import check_number, print_json, print_rows
from dreamrl.errors import UserError
from dreamrl.families.optional_deps import needs

EXAMPLES = """\
  dreamrl studio
  dreamrl studio runs elsewhere/dream-bus-s0 --open
  dreamrl studio --lesson --open
  dreamrl studio --host 0.0.0.0 --port 9000
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Show runs in a browser, live while they train, and let their agents play.

    Only this machine can reach it, unless --host says otherwise; who comes from elsewhere needs
    the address that is printed then, which holds a token. Nothing outside the directories is read.
    Ctrl-C ends it. Needs pip install 'dreamrl[studio]'.
    """

    run: Annotated[
        tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="[RUN|DIR...]")
    ] = (Path("runs"),)
    """Runs, and directories of runs."""
    port: int = 8321
    """Where it listens; 0: any port that is free."""
    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0: at all of this machine's."""
    open: bool = False
    """Open a browser."""
    lesson: bool = False
    """Show the lesson instead: DREAM in six scenes. No runs are needed."""
    family: str | None = None
    """Of runs on a family of one's own: where it is, as in dreamrl train. Its code is run."""
    json: bool = False
    """Print the address as a JSON object."""


def run(options: Options) -> None:
    check_number("port", options.port, 0, 2**16 - 1)
    for package in ("starlette", "uvicorn"):
        needs(package, "studio")
    import uvicorn

    from dreamrl.studio.guard import LOOPBACK, TOKEN
    from dreamrl.studio.server import application
    from dreamrl.studio.shelf import Shelf

    shelf = Shelf(() if options.lesson else options.run, options.family)
    token = None if options.host in LOOPBACK else secrets.token_urlsafe(24)
    names = LOOPBACK if token is None else {*LOOPBACK, options.host.lower(), socket.gethostname()}
    listener = listening(options.host, options.port)
    name = f"[{options.host}]" if ":" in options.host else options.host
    place = "lesson" if options.lesson else ""
    shown = f"?{TOKEN}={token}" if token else ""
    address = f"http://{name}:{listener.getsockname()[1]}/{place}{shown}"
    config = uvicorn.Config(
        application(shelf, frozenset(names), token),
        access_log=False,
        log_level="error",
        lifespan="off",
        server_header=False,
        ws="none",
    )
    server = uvicorn.Server(config)
    # Signals are this thread's: the other one ends with the program.
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    if options.json:
        print_json({"address": address})
    else:
        print_rows([("studio", address), ("runs", str(len(shelf.rows())))])
    sys.stdout.flush()
    if options.open:
        webbrowser.open(address)
    try:
        thread.join()
    finally:
        server.should_exit = True


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raise UserError where it cannot."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UserError(
            f"cannot listen at {host}, port {port}: {error.strerror or error}; "
            "choose another --port, or 0 for any that is free"
        ) from None
