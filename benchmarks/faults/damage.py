"""Damages the files of a run in many ways, and reads them.

    python -m benchmarks.faults.damage [--number N] [--seed SEED]

Files are cut, flipped, overwritten, mixed up and taken from another run; values in JSON are
replaced by others, and then the checksum too is made to fit. Whoever reads may say what is wrong,
as a UserError, or give back what was there before the damage: nothing else will do. The figures go
to benchmarks/results/damage.json.
"""

import collections
import functools
import json
import pathlib
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import equinox as eqx
import jax
import numpy as np

import dreamrl
from benchmarks.program import command, keep, parser, program
from dreamrl import runs
from dreamrl.agents import registry
from dreamrl.configuration import changed
from dreamrl.errors import UserError
from dreamrl.runs import Run, Terms, checkpoint, metrics
from dreamrl.runs.manifest import identity
from dreamrl.runs.store import checksum
from dreamrl.runs.survey import survey
from dreamrl.training import Training, seed_keys

SMALL = {
    "trials": 32,
    "minibatches": 2,
    "exploitation.hidden": 8,
    "exploration.hidden": 8,
    "z": 4,
    "replay": 64,
}
SECONDS = 20
"""Reading that takes longer counts as a hang."""
FILES = (
    "checkpoints/00000004.json",
    "checkpoints/00000004.safetensors",
    "run.json",
    "agent.json",
    "agent.safetensors",
    "metrics.jsonl",
)
ODD = (None, True, -1, 0, 7, 1e308, 10**30, "", "x", [], [[]], {}, {"": 0}, "../..", "nan")


def make(out: pathlib.Path, agent: str, settings: Any, seed: int) -> Any:
    """A run with agent, metrics and a checkpoint, as if it had been trained; gives its state."""
    [run] = runs.create(out, agent, "bus", settings, (seed,), Terms())
    algorithm = registry.make_trainer(agent, dreamrl.make("bus"), settings)
    states = jax.vmap(algorithm.init)(seed_keys((seed,)))
    run.save(runs.of_seed(states, 0))
    for iteration in range(1, 5):
        run.log({"seed": seed, "iteration": iteration, "steps": 10 * iteration, "loss": 0.5})
    (out / "checkpoints").mkdir()
    training = Training(states, 4, 4, (40,), 1.5, 0.5)
    of = identity(run.manifest, out)
    checkpoint.save(out / "checkpoints" / "00000004", training, of, [run.metrics_file], {})
    return states


def cut(content: bytes, rng: random.Random, other: bytes) -> bytes:
    return content[: rng.randrange(len(content))]


def flip(content: bytes, rng: random.Random, other: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(content: bytes, rng: random.Random, other: bytes) -> bytes:
    begin, length = rng.randrange(len(content)), rng.choice((1, 16, 512))
    filling = rng.choice((b"\0" * length, rng.randbytes(length), b"[" * length, b"9" * length))
    return content[:begin] + filling + content[begin + length * rng.randrange(2) :]


def shuffle(content: bytes, rng: random.Random, other: bytes) -> bytes:
    a, b = sorted(rng.randrange(len(content)) for _ in range(2))
    return rng.choice((content[:a] + content[b:], content[b:] + content[:b], content * 2))


def foreign(content: bytes, rng: random.Random, other: bytes) -> bytes:
    strange = (b"", b"{}", b"[" * 100_000, b"\x80\x04}.", b'{"format": 2}', b"\xff" * 64, other)
    return rng.choice(strange)


def reword(content: bytes, rng: random.Random, other: bytes) -> bytes:
    """Another value somewhere in the JSON, or none."""
    value = json.loads(content)
    place = value
    while True:
        name = rng.choice(list(place if isinstance(place, dict) else range(len(place))))
        inner = place[name]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.7:
            place = inner
            continue
        if rng.random() < 0.2:
            del place[name]
        else:
            place[name] = rng.choice(ODD)
        return json.dumps(value).encode()


def approve(content: bytes) -> bytes:
    """The same JSON with a checksum that fits."""
    value = json.loads(content)
    rest = {name: entry for name, entry in value.items() if name != "checksum"}
    return json.dumps({**rest, "checksum": checksum(rest)}).encode()


def same(first: Any, second: Any) -> bool:
    def plain(leaf):
        is_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf)

    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.array_equal(plain(a), plain(b)) for a, b in pairs)


def readers(out: pathlib.Path, states: Any) -> dict[str, Callable[[], bool]]:
    """Every way to read a file, which tells whether all came back as it was."""
    like = jax.eval_shape(lambda: states)
    held = metrics.position(out / "metrics.jsonl")
    params = runs.of_seed(states, 0).params
    manifest = Run(out).manifest
    of = identity(manifest, out)
    content = (out / "metrics.jsonl").read_bytes()
    stem, lines = out / "checkpoints" / "00000004", out / "metrics.jsonl"

    def from_checkpoint() -> bool:
        found = checkpoint.load(stem, of, like)
        good = found.training[1:4] == (4, 4, (40,)) and found.metrics == [held]
        return good and same(found.training.state, states)

    def from_run() -> bool:
        survey(out)
        [run] = runs.find(out)
        loaded = run.load()
        # Runs of an older version have no checksum there.
        now = {"checksum": manifest["checksum"], **Run(out).manifest}
        return same(loaded.state.params, params) and now == manifest

    def from_metrics() -> bool:
        survey(out)
        metrics.sound(lines, 4)
        _ = Run(out).records
        return metrics.holds(lines, held) == lines.read_bytes().startswith(content)

    return {"checkpoints": from_checkpoint, "run": from_run, "metrics": from_metrics}


def attack(root: pathlib.Path, agent: str, settings: Any, number: int, seed: int) -> dict:
    """Damages and reads `number` files; gives what came of it, and what went wrong."""
    rng = random.Random(seed)
    states = make(root / "run", agent, settings, 0)
    make(root / "other", agent, settings, 1)
    read = readers(root / "run", states)
    counts: collections.Counter = collections.Counter()
    wrong: list[str] = []
    shapes = functools.lru_cache(lambda algorithm: real(algorithm.init, jax.random.key(0)))
    real = eqx.filter_eval_shape

    def hung(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, hung)
    # Only the shapes of what is read are kept from one reading to the next.
    with mock.patch("equinox.filter_eval_shape", lambda init, key: shapes(init.__self__)):
        for i in range(number):
            name = rng.choice(FILES)
            path, other = root / "run" / name, root / "other" / name
            whole = path.read_bytes()
            is_json = name.endswith(".json")
            kind = rng.choice([cut, flip, overwrite, shuffle, foreign, *[reword] * 2 * is_json])
            damaged = kind(whole, rng, other.read_bytes())
            fitted = kind is reword and rng.random() < 0.5
            path.write_bytes(approve(damaged) if fitted else damaged)
            reader = next((r for r in read if name.startswith(r)), "run")
            label = f"{name}: {kind.__name__}{', with a checksum that fits' * fitted} ({i})"
            signal.alarm(SECONDS)
            try:
                # What was changed with a fitting checksum is not damaged, and may be read.
                good = read[reader]() or fitted
                as_it_was = "read as it was" if good else "half-read"
                counts["changed, and read as such" if fitted else as_it_was] += 1
                if not good:
                    wrong.append(f"{label}: half-read")
            except UserError as error:
                counts["refused"] += 1
                if len(str(error).splitlines()) > 2:
                    wrong.append(f"{label}: {error}")
            except BaseException as error:
                counts[type(error).__name__] += 1
                wrong.append(f"{label}: {type(error).__name__}: {error}")
            finally:
                signal.alarm(0)
            path.write_bytes(whole)
    signal.signal(signal.SIGALRM, before)
    return {"counts": dict(counts), "wrong": wrong}


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--number", type=int, default=12_000)
    arguments.add_argument("--seed", type=int, default=0)
    asked = arguments.parse_args()
    settings = changed(registry.settings_for("dream"), SMALL)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        found = attack(pathlib.Path(scratch), "dream", settings, asked.number, asked.seed)
    for line in found["wrong"]:
        print(line)
    result = keep(
        "damage",
        command(__spec__.name),
        tried=asked.number,
        **found["counts"],
        wrong=len(found["wrong"]),
        minutes=round((time.monotonic() - begin) / 60, 1),
    )
    print(json.dumps(result))


if __name__ == "__main__":
    sys.exit(main())
