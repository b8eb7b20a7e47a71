"""DREAM on distracting-bus, from nothing to an agent that explores: python examples/demo.py.

It leaves runs/demo, with a figure of the training, an animation of one trial, and a page that shows
both, step by step. The same by hand: dreamrl train dream distracting-bus, then dreamrl evaluate,
trial and report with the RUN.
"""

import shutil
import sys
from pathlib import Path

from dreamrl.cli import main
from dreamrl.runs.run import MANIFEST

OUT = Path("runs") / "demo"


def demo() -> int:
    # What an earlier demo left makes place for this one; anything else is left alone.
    if (OUT / MANIFEST).is_file():
        shutil.rmtree(OUT)
    commands = [
        ["train", "dream", "distracting-bus", "--seed", "0", "--out", str(OUT)],
        ["evaluate", str(OUT), "--trials", "2000"],
        ["trial", str(OUT)],
        ["report", str(OUT)],
    ]
    for command in commands:
        print(f"\n$ dreamrl {' '.join(command)}", flush=True)
        if code := main(command):
            return code
    print("how the training went:  runs/demo/figures/training.png")
    print("one trial, animated:    runs/demo/figures/trial.gif")
    print("all of it, as a page:   runs/demo/report.html (open it in a browser)")
    return 0


if __name__ == "__main__":
    sys.exit(demo())
