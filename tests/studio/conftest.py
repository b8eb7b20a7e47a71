"""Runs of the fake algorithm, and a studio that shows them."""

import asyncio
import json
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlencode

import pytest

from dreamrl.studio.server import application
from dreamrl.studio.shelf import Shelf
from tests.report.conftest import browser, elsewhere, trained  # noqa: F401

LOCAL = "127.0.0.1:8321"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self):
        return self.content.decode()

    def json(self):
        return json.loads(self.content)


class Client:
    """Asks an ASGI application, byte for byte: the headers are those given, and Host if it is not.

    A client for HTTP would put paths and headers right before it sends them.
    """

    def __init__(self, app):
        self.app = app

    def get(self, path, asked=None, headers=(), method="GET"):
        raw, _, query = path.encode("utf-8", "surrogateescape").partition(b"?")
        headers = [(name.lower(), value) for name, value in headers]
        if not any(name == "host" for name, _ in headers):
            headers.append(("host", LOCAL))
        scope = {
            "type": "http",
            "http_version": "1.1",
            "asgi": {"version": "3.0"},
            "method": method,
            "scheme": "http",
            "path": unquote_to_bytes(raw).decode("utf-8", "replace"),
            "raw_path": raw,
            "query_string": urlencode(asked).encode() if asked else query,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8321),
        }
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        try:
            asyncio.run(self.app(scope, receive, send))
        finally:
            self.sent = self._answer(sent)
        return self.sent

    def _answer(self, sent):
        start, *bodies = sent
        told = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], told, b"".join(body.get("body", b"") for body in bodies))


@pytest.fixture
def studio():
    """Gives a client of a studio of some directories, its shelf, and the keys of its runs."""

    def studio(*roots, **more):
        shelf = Shelf(roots)
        keys = {row["name"]: row["key"] for row in shelf.rows()}
        return Client(application(shelf, **more)), shelf, keys

    return studio
