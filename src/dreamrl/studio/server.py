"""The studio's server: one page, and the data that it asks for."""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from dreamrl.errors import UserError, words
from dreamrl.report.page import lesson_html, studio_html
from dreamrl.studio.guard import LOOPBACK, Guard
from dreamrl.studio.live import changes
from dreamrl.studio.shelf import Shelf, Unknown
from dreamrl.studio.stage import Stage

MOST = 2**32 - 1
NUMBERS = {"seed": True, "problem": True, "draw": False, "goal": False, "swap": False}
"""Parameters of a request for a trial, and whether each must be there."""


def application(shelf: Shelf, names: frozenset[str] = LOOPBACK, token: str | None = None) -> Guard:
    """Return the studio as an ASGI application; `names` and `token` are as in `Guard`."""
    stage = Stage(shelf)

    async def page(request: Request) -> Response:
        return HTMLResponse(studio_html())

    async def lesson(request: Request) -> Response:
        return HTMLResponse(lesson_html())

    async def live(request: Request) -> Response:
        keys = request.query_params.getlist("key")
        return StreamingResponse(changes(shelf, keys), media_type="text/event-stream")

    async def trial(request: Request) -> Response:
        def play() -> Any:
            query = request.query_params
            return stage.play(query.get("key", ""), **numbers(query))

        return JSONResponse(await run_in_threadpool(play))

    async def refused(request: Request, error: Exception) -> Response:
        return JSONResponse({"message": words(error)}, 404 if isinstance(error, Unknown) else 422)

    async def failed(request: Request, error: Exception) -> Response:
        # It is raised again after this, and its traceback printed where the studio was started.
        return JSONResponse({"message": f"this failed in the studio: {words(error)}"}, 500)

    app = Starlette(
        routes=[
            Route("/", page),
            Route("/lesson", lesson),
            Route("/live", live),
            Route("/trial", trial),
        ],
        exception_handlers={UserError: refused, OSError: refused, Exception: failed},
    )
    return Guard(app, names, token)


def numbers(asked: Mapping[str, str]) -> dict[str, int]:
    """Return what a trial is asked for with; raise UserError for what is no number."""
    values = {}
    for name, is_required in NUMBERS.items():
        text = asked.get(name, "")
        if not text and not is_required:
            continue
        if not (text.isascii() and text.isdigit() and len(text) < 11 and int(text) <= MOST):
            raise UserError(f"{name} must be a whole number from 0 to {MOST}")
        values[name] = int(text)
    return values
