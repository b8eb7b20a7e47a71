"""Changes in runs while they are looked at, as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool

from dreamrl.report.collect import differences, together
from dreamrl.report.schema import Group
from dreamrl.studio.schema import Row, Shown
from dreamrl.studio.shelf import Shelf, Signature, Unknown
from dreamrl.studio.stage import choices

WAIT = 1.0
"""Seconds between two looks at the runs that are shown."""
LIST = 5
"""Looks after which the list of all runs is made anew."""


async def changes(shelf: Shelf, keys: Sequence[str], wait: float = WAIT) -> AsyncIterator[str]:
    """Give the list of runs and each run of these keys, now and whenever they change."""
    signatures: dict[str, Signature] = {}
    groups: dict[str, Group] = {}
    rows: list[Row] | None = None
    looks = 0
    while True:
        has_changes = False
        for key in dict.fromkeys(keys):
            signature = await run_in_threadpool(_signature, shelf, key)
            if signatures.get(key) != signature:
                # Taken before the run is read: what is written meanwhile changes it again.
                signatures[key] = signature
                view = await run_in_threadpool(_group_page, shelf, key)
                yield event("run", view)
                groups[key] = view["group"]
                has_changes = True
        if has_changes and len(groups) > 1:
            all_groups = groups.values()
            content = {"differences": differences(all_groups), "together": together(all_groups)}
            yield event("differences", content)
        # After the runs, as it takes longer, and is there already where one has been chosen.
        if looks % LIST == 0:
            listing = await run_in_threadpool(shelf.rows)
            if listing != rows:
                rows = listing
                yield event("runs", rows)
        # A browser that has gone is noticed when something is sent to it.
        yield ":\n\n"
        looks += 1
        await asyncio.sleep(wait)


def event(kind: str, data: Any) -> str:
    """Return a server-sent event."""
    return f"event: {kind}\ndata: {json.dumps(data, allow_nan=False)}\n\n"


def _signature(shelf: Shelf, key: str) -> Signature:
    try:
        return shelf.signature(key)
    except Unknown:
        return ("gone",)


def _group_page(shelf: Shelf, key: str) -> Shown:
    group = shelf.group(key)
    return {"key": key, "group": group, "choices": choices(group)}
