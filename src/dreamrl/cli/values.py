"""Output of several commands: a result in words, and objects for programs."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dreamrl.errors import UserError, quoted
from dreamrl.evaluation import FEW, FEW_SEEDS

T = TypeVar("T")


SEEDS = 2**32
TRIALS = 10**7
"""Most that fits into memory, and ends within a day."""


MEASURES = {
    "return_mean",
    "return_lowest",
    "exploration_length_mean",
    "optimal",
    "no_exploration",
}
"""Numbers of a result that every family has; others are its own statistics."""

BITS = {
    "z_bits": "bits of the problem in z",
    "z_relevant_bits": "  of what matters",
    "z_irrelevant_bits": "  of the rest",
}
"""Information in z, with the most that there is."""

COUNTED = {
    "programs_right": ("programs wholly right", "{:.1%}"),
    "test_cost": ("paid for tests, taken off", "{:.3f}"),
    "useless_tests": ("tests that say nothing of the repair", "{:.2f}"),
    "belief_divergence": ("belief against the exact one", "{:.3f} nats"),
    "gray_line_ridden": ("a gray line ridden", "{:.1%} of trials"),
    "sign_read": ("the sign read", "{:.1%} of trials"),
}
"""Labels and formats of some statistics; others have their names."""


def check_number(name: str, value: int | None, least: int, most: int) -> None:
    """Raise UserError unless a number is in a range, or is not given."""
    if value is not None and not least <= value <= most:
        bound = f"at least {least}" if value < least else f"at most {most:,}"
        raise UserError(f"{name} must be {bound}, is {value}")


def check_seed(seed: int) -> None:
    """Raise UserError unless JAX and NumPy take a seed."""
    if not 0 <= seed < SEEDS:
        raise UserError(f"seed must be 0 or more, and below 2^32, is {seed}")


def split_name(split: str) -> str:
    """Return the name of a split's problems."""
    return "training" if split == "train" else split


def describe(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Return an evaluation as rows of words."""
    problems = split_name(result["split"])
    if result["split"] == "unseen":
        problems = "unseen" if result.get("held_out", True) else "all"
    rows = [
        (f"return on {problems} problems", f"{result['return_mean']:.3f}  ({_interval(result)})"),
    ]
    if len(result.get("seeds", ())) in range(2, FEW):
        rows.append(("", FEW_SEEDS))
    if "return_lowest" in result:
        rows.append(("  in the worst seed", f"{result['return_lowest']:.3f}"))
    if failed := result.get("failed"):
        number = f"{len(failed)} of {len(failed) + len(result['seeds'])}"
        rows.append(("  seeds that failed", f"{number}: {', '.join(map(str, failed))}"))
    if result["optimal"] is not None:
        rows.append(("  with the problem known", f"{result['optimal']:.3f}"))
        rows.append(("  without exploration", f"{result['no_exploration']:.3f}"))
    rows.append(("steps of exploration", f"{result['exploration_length_mean']:.1f}"))
    bits = [name for name in BITS if name in result]
    rows += [(BITS[n], f"{result[n]:.2f} of {result[f'{n}_whole']:.2f}") for n in bits]
    names = MEASURES.union(bits, (f"{name}_whole" for name in bits))
    statistics = {
        name: x for name, x in result.items() if isinstance(x, float) and name not in names
    }
    for name, value in statistics.items():
        words, form = COUNTED.get(name, (name.replace("_", " "), "{:.3f}"))
        rows.append((words, form.format(value)))
    return rows


def _interval(result: dict[str, Any]) -> str:
    if result["return_ci95"] is None:
        if len(result.get("seeds", ())) > 1:
            return "95 %: –, as the seeds agree exactly"
        return "95 %: –, as there is one problem, or few agree exactly"
    low, high = result["return_ci95"]
    return f"95 %: {low:.3f}..{high:.3f}"


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
