"""A browser of this machine's, and what is served for it to show."""

import contextlib
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dreamrl.studio.guard import Guard

NAMES = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
"""Its program; None where there is none."""
ARGUMENTS = ("--no-sandbox",)


def serving(*roots: Path) -> contextlib.AbstractContextManager[str]:
    """Serve a studio of some directories for a while; gives its address."""
    from dreamrl.studio.server import application
    from dreamrl.studio.shelf import Shelf

    return answering(application(Shelf(roots)))


@contextlib.contextmanager
def answering(app: "Guard") -> Iterator[str]:
    """Serve an application for a while; gives its address."""
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_config=None))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        # Whoever still listens for changes is not waited for.
        server.should_exit = server.force_exit = True
        thread.join(10)
