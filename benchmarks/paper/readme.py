"""Prints the README's results from benchmarks/results: python benchmarks/table.py."""

import json
import pathlib
import statistics

RESULTS = pathlib.Path(__file__).parent / "results"
CELLS = (
    "distracting-bus/dream",
    "distracting-bus/dream-bottleneck-none",
    "bus/dream",
    "map/dream",
    "cooking/dream",
    "sign-height-30-width-40-jitter-0.2/dream",
)


def values(seeds: list[dict], split: str, key: str) -> str:
    """The smallest and the largest of a figure over seeds."""
    found = [seed[split][key] for seed in seeds if key in seed[split]]
    if not found:
        return "–"
    low, high = f"{min(found):.3f}", f"{max(found):.3f}"
    return low if low == high else f"{low} to {high}"


def optimal(result: dict) -> str:
    """Of families with pictures nothing works it out."""
    return f"{result['references']['optimal']:.3f}" if result["references"] else "–"


def main() -> None:
    heads = "family", "agent", "seeds", "unseen return", "training return", "optimal"
    heads += "exploration steps", "gray lines", "all seeds trained in (compiling)"
    print("| " + " | ".join(heads) + " |")
    print("|---" * len(heads) + "|")
    for cell in CELLS:
        result = json.loads((RESULTS / "paper" / f"{cell}.json").read_text())
        seeds, training = result["seeds"], result["trainings"]
        wall, compiling = (
            sum(part[key] for part in training) for key in ("wall_seconds", "compile_seconds")
        )
        print(
            f"| {result['family']} | {result['name']} | {len(seeds)}"
            f" | {values(seeds, 'unseen', 'return')} | {values(seeds, 'train', 'return')}"
            f" | {optimal(result)}"
            f" | {values(seeds, 'unseen', 'exploration_length')}"
            f" | {values(seeds, 'unseen', 'gray_line_ridden')}"
            f" | {wall:.0f} s ({compiling:.0f} s) |"
        )
    alone = json.loads((RESULTS / "distracting-bus.json").read_text())
    seconds = statistics.median(seed["seconds"] for seed in alone["seeds"])
    compiling = statistics.median(seed["compile_seconds"] for seed in alone["seeds"])
    print(
        f"\nOne seed of DREAM on distracting-bus, with nothing compiled before: "
        f"{alone['median_seconds_to_level']:.0f} s from `dreamrl train` to the first evaluation at "
        f"{alone['level']}, {seconds:.0f} s to the end, {compiling:.0f} s of them compiling "
        f"(medians of {len(alone['seeds'])})."
    )


if __name__ == "__main__":
    main()
