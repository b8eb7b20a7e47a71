"""Runs of the fake algorithm, and what they leave, in a form that can be compared."""

import json
from pathlib import Path

import pytest

import dreamrl.training as loop
from dreamrl import runs
from dreamrl.configuration import changed
from dreamrl.runs import Run, Terms

TERMS = Terms(chunk=1, evaluation_trials=4, checkpoint_every=0.0)
CLOCKS = ("seconds", "compile_seconds", "steps_per_second")


class Watcher:
    """Notes what it is told, and stops after so many chunks."""

    def __init__(self, chunks=10**9):
        self.chunks, self.iterations, self.warnings = chunks, [], []

    def compiling(self): ...

    def chunk(self, records):
        self.iterations.append(records[0]["iteration"])

    def warn(self, line):
        self.warnings.append(line)

    def stop(self):
        return len(self.iterations) >= self.chunks


@pytest.fixture
def watcher():
    return Watcher


@pytest.fixture(autouse=True)
def judged(monkeypatch):
    """Spares the evaluation at the end, which is no part of what is tested here."""
    result = {"return_mean": 0.3, "return_ci95": [0.2, 0.4], "split": "unseen", "optimal": None}
    result["exploration_length_mean"] = 7.0
    monkeypatch.setattr(
        "dreamrl.runs.results.evaluate_run",
        lambda run, *asked, **more: {**result, "seed": run.manifest["seed"]},
    )


COMPILED = {}


@pytest.fixture(autouse=True)
def compiled_once(monkeypatch):
    """The programs of the fake algorithm are the same in all these tests."""
    compile_programs = loop._compile

    def once(algorithm, seeds, plan, places, compiling):
        # Settings alone would not do: methods share them.
        asked = (algorithm, tuple(seeds), plan.evaluation_trials, places)
        if asked not in COMPILED:
            COMPILED[asked] = compile_programs(algorithm, seeds, plan, places, compiling)
        return COMPILED[asked]

    monkeypatch.setattr(loop, "_compile", once)


@pytest.fixture
def train(fake, tmp_path):
    """Trains the run of that name, or goes on with it; gives its path and its watcher."""

    def train(name, chunks=10**9, seeds=(0,), iterations=6, changes=None, **terms):
        out, watch = tmp_path / name, Watcher(chunks)
        asked = Terms(**{**vars(TERMS), **terms})
        runs.ensure(
            out,
            "fake",
            "bus",
            changed(fake(), {"iterations": iterations, **(changes or {})}),
            seeds,
            asked,
            watch,
        )
        return out, watch

    return train


@pytest.fixture
def left():
    """What a run has come to, clocks left out."""

    def left(out: Path):
        found = []
        for run in runs.find(out):
            lines = (run.path / "metrics.jsonl").read_text().splitlines()
            records = [json.loads(line) for line in lines]
            found.append([{k: v for k, v in r.items() if k not in CLOCKS} for r in records])
            found.append((run.path / "agent.safetensors").read_bytes())
        last = sorted((out / "checkpoints").glob("*.safetensors"))[-1]
        return [Run(out).manifest["status"], last.name, last.read_bytes(), *found]

    return left
