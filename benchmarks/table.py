"""Prints the README's results from benchmarks/results: python benchmarks/table.py."""

import json
import pathlib
import statistics

RESULTS = pathlib.Path(__file__).parent / "results"


def values(seeds: list[dict], split: str, key: str) -> str:
    """The smallest and the largest of a figure over seeds."""
    found = [seed[split][key] for seed in seeds if key in seed[split]]
    if not found:
        return "–"
    low, high = f"{min(found):.3f}", f"{max(found):.3f}"
    return low if low == high else f"{low} to {high}"


def main() -> None:
    print(
        "| result | seeds | unseen return | training return | exploration steps | gray lines | ",
        end="",
    )
    print("seconds to level | trained in (compiling) |")
    print("|---|---|---|---|---|---|---|---|")
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text())
        if "median_seconds_to_level" not in result:
            continue
        seeds = result["seeds"]
        median = result["median_seconds_to_level"]
        total = statistics.median(seed["seconds"] for seed in seeds)
        compiling = statistics.median(seed["compile_seconds"] for seed in seeds)
        together = ", in one program" if result["together"] else ""
        cells = [
            path.stem,
            f"{len(seeds)}{together}",
            values(seeds, "unseen", "return_mean"),
            values(seeds, "train", "return_mean"),
            values(seeds, "unseen", "exploration_length_mean"),
            values(seeds, "unseen", "gray_line_ridden"),
            "–" if median is None else f"{median:.0f} to {result['level']}",
            f"{total:.0f} s ({compiling:.0f} s)",
        ]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
