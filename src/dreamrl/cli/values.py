"""What several commands show: a result in words, and objects for programs."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dreamrl.errors import quoted

T = TypeVar("T")


def describe(result: dict[str, Any]) -> list[tuple[str, str]]:
    """An evaluation as rows of words."""
    low, high = result["return_ci95"]
    of = "unseen" if result["split"] == "unseen" else "training"
    rows = [
        (f"return on {of} problems", f"{result['return_mean']:.3f}  (95 %: {low:.3f}..{high:.3f})"),
    ]
    if "return_lowest" in result:
        rows.append(("  in the worst seed", f"{result['return_lowest']:.3f}"))
    if result["optimal"] is not None:
        rows.append(("  with the problem known", f"{result['optimal']:.3f}"))
        rows.append(("  without exploration", f"{result['no_exploration']:.3f}"))
    rows.append(("steps of exploration", f"{result['exploration_length_mean']:.1f}"))
    if "gray_line_ridden" in result:
        rows.append(("a gray line ridden", f"{result['gray_line_ridden']:.1%} of trials"))
    return rows


def drawn(draw: Callable[[], T]) -> T | None:
    """Return a figure that `draw` makes; where it fails, a line says so, and nothing ends by it."""
    try:
        return draw()
    except Exception as error:
        why = (str(error).strip() or "no reason given").splitlines()[0]
        print(f"dreamrl: no figure: {type(error).__name__}: {why}", file=sys.stderr)
        return None


def print_rows(rows: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, allow_nan=False))


def command_line(*words: str | Path) -> str:
    """Return a command that can be pasted into a shell."""
    return " ".join(map(quoted, words))
