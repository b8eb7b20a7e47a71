"""Pages that a command serves until it is interrupted."""

import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from dreamrl.cli.values import check_number, print_json, print_rows
from dreamrl.errors import UserError
from dreamrl.families.optional_deps import needs

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class Door(NamedTuple):
    """Address and guests of served pages: `names` and `token` are as in `studio.guard.Guard`."""

    listener: socket.socket
    host: str
    names: frozenset[str]
    token: str | None

    def address(self, place: str = "") -> str:
        """Return the address of a page, with the token that it needs."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        from dreamrl.studio.guard import TOKEN

        query = f"?{TOKEN}={self.token}" if self.token else ""
        return f"http://{name}:{self.listener.getsockname()[1]}/{place}{query}"


def check_serving(port: int) -> None:
    """Raise UserError for a port that is none, and where packages that serve pages are missing."""
    check_number("port", port, 0, 2**16 - 1)
    for package in ("starlette", "uvicorn"):
        needs(package, "studio")


def door(host: str, port: int) -> Door:
    """Listen; raise UserError where that cannot be."""
    from dreamrl.studio.guard import LOOPBACK

    listener = listening(host, port)
    if host in LOOPBACK:
        return Door(listener, host, LOOPBACK, None)
    names = frozenset({*LOOPBACK, host.lower(), socket.gethostname()})
    return Door(listener, host, names, secrets.token_urlsafe(24))


def serve(app: "ASGIApp", listener: socket.socket) -> None:
    """Serve until it is interrupted."""
    import uvicorn

    config = uvicorn.Config(
        app, access_log=False, log_level="error", lifespan="off", server_header=False, ws="none"
    )
    server = uvicorn.Server(config)
    # Signals are this thread's: the other one ends with the program.
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        thread.join()
    finally:
        server.should_exit = True


def say_address(rows: Sequence[tuple[str, str]], as_json: bool, show: bool) -> None:
    """Print rows, of which the first has the address, or it alone as JSON; open it, if asked."""
    address = rows[0][1]
    if as_json:
        print_json({"address": address})
    else:
        print_rows(rows)
    sys.stdout.flush()
    if show:
        webbrowser.open(address)


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
