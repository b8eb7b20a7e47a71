"""How fast the studio is with many runs: python -m benchmarks.speed.studio.

Makes 1,000 runs with 1,000 rows of metrics each, and one with a million. A browser opens a studio
of them, and says itself how long it was until the list was painted, until a run's curves were, and
from a key or a click to what was painted next (its Event Timing, in steps of 8 ms). Each is done
several times: the figures are medians, and the worst. They go to benchmarks/results/studio.json,
and into docs/studio.md. Needs playwright, and a chromium on the PATH or in the variable CHROMIUM.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import pages
from benchmarks.program import DOCS, command, keep, parser, program
from dreamrl.agents.registry import METHODS
from dreamrl.runs import create
from tools.browser import ARGUMENTS, CHROMIUM
from tools.lesson import OUT as LESSON

TYPED = "run-12"
STEPS = 12
WATCH = """
window.inputs = [];
new PerformanceObserver((list) => inputs.push(...list.getEntries().map((e) => e.duration)))
  .observe({ type: "event", durationThreshold: 16, buffered: true });
window.painted = (done) => new Promise((resolve) => {
  const look = () => done() && (observer.disconnect(),
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now()))));
  const observer = new MutationObserver(look);
  observer.observe(document, { childList: true, subtree: true, characterData: true });
  look();
});
const said = () => document.querySelector("[role=status]")?.textContent;
window.listed = painted(() => /of \\d+ runs/.test(said()));
"""
"""What the page is told to measure of itself, before it is there."""
TICK = """(box) => {
  const begin = performance.now();
  box.click();
  return painted(() => document.querySelector(".chart")).then((end) => end - begin);
}"""


def row(iteration):
    """A line of metrics, with what DREAM measures."""
    names = ("return_unseen", "return_train", "return_encoder", "information", "z_squared", "dual")
    values = {name: 1 / iteration + i for i, name in enumerate(names)}
    told = {"iteration": iteration, "steps": 5120 * iteration, "seconds": 0.1 * iteration}
    return json.dumps({**told, **values, "exploration_length": 9.5}) + "\n"


def make(directory, runs, rows, long):
    """Write runs that never trained; the last one is long. Return it."""
    first = directory / "run-0"
    create(first, "dream", "bus", METHODS["dream"].presets["default"], [0])
    (first / "metrics.jsonl").write_text("".join(map(row, range(1, rows + 1))))
    for number in range(1, runs):
        shutil.copytree(first, directory / f"run-{number}")
    last = directory / f"run-{runs - 1}"
    with open(last / "metrics.jsonl", "w") as file:
        file.writelines(map(row, range(1, long + 1)))
    return last


def inputs(page, act):
    """Return how long each key or click of `act` took to be painted, in ms."""
    page.evaluate("inputs.length = 0")
    act()
    page.wait_for_timeout(500)
    # What is painted within 16 ms is not told of.
    return page.evaluate("inputs") or [16]


def visit(browser, address):
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(60_000)
    page.add_init_script(WATCH)
    page.goto(address)
    return page


def look(browser, address, last):
    """Visit a studio once; return what was measured, in ms."""
    page = visit(browser, address)
    found = {"the list of all runs": [page.evaluate("listed")]}

    def typed():
        page.get_by_role("searchbox").press_sequentially(TYPED)
        for _ in TYPED:
            page.keyboard.press("Backspace")

    found["a letter of the filter"] = inputs(page, typed)
    boxes = page.get_by_role("checkbox")
    found["the curves of a run"] = [boxes.first.evaluate(TICK)]
    found["a run is ticked, or no more"] = inputs(page, boxes.first.click)
    page.get_by_role("searchbox").fill(last)
    found["the curves of the longest run"] = [boxes.first.evaluate(TICK)]
    page.close()
    return found


def stepped(browser):
    """Step through a trial, of the lesson; return how long each step took, in ms."""
    page = visit(browser, LESSON.as_uri())
    forward = page.get_by_role("button", name="Forward").first
    found = inputs(page, lambda: [forward.click() for _ in range(STEPS)])
    page.close()
    return {"a step of a trial": found}


def serve(directory):
    """Start a studio; return its process and address."""
    words = [sys.executable, "-m", "dreamrl", "studio", directory, "--port", "0", "--json"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    return process, json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")["address"]


def measured(directory, longest, visits):
    """Return {what: [ms]}: of a studio's first visit apart from those that follow."""
    from playwright.sync_api import sync_playwright

    found = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        process, address = serve(directory)
        try:
            for number in range(visits):
                told = {**look(browser, address, longest.name), **stepped(browser)}
                for name, values in told.items():
                    first = ", first" if number == 0 and len(values) == 1 else ""
                    found.setdefault(f"{name}{first}", []).extend(values)
        finally:
            process.terminate()
            process.wait()
            browser.close()
    return found


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--runs", type=int, default=1000)
    arguments.add_argument("--rows", type=int, default=1000)
    arguments.add_argument("--long", type=int, default=1_000_000, help="rows of the longest run")
    arguments.add_argument("--visits", type=int, default=5)
    arguments.add_argument("--dry", action="store_true", help="print only, write nothing")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        longest = make(Path(directory), asked.runs, asked.rows, asked.long)
        found = measured(directory, longest, asked.visits)
    told = {
        name: {"median_ms": round(statistics.median(values)), "worst_ms": round(max(values))}
        for name, values in sorted(found.items(), key=lambda each: "first" not in each[0])
    }
    load = round(os.getloadavg()[0], 1)
    for name, figures in told.items():
        print(f"{name:<36}{figures['median_ms']:>7} ms{figures['worst_ms']:>7} ms")
    print(f"{load} programs wanted to run on {os.cpu_count()} cores")
    if not asked.dry:
        sizes = {"runs": asked.runs, "rows": asked.rows, "longest": asked.long}
        machine = {"cores": os.cpu_count(), "load": load}
        keep("studio", command(__spec__.name), sizes=sizes, machine=machine, measured=told)
        rows = [
            (name, f"{each['median_ms']} ms", f"{each['worst_ms']} ms")
            for name, each in told.items()
        ]
        table = pages.table(("until it is painted", "median", "worst"), rows)
        said = f"On {os.cpu_count()} cores, which {load} programs on average wanted to use:"
        pages.put(DOCS / "studio.md", "studio", f"{said}\n\n{table}")


if __name__ == "__main__":
    sys.exit(main())
