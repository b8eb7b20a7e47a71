"""What checkpoints cost a training of DREAM: python -m benchmarks.speed.checkpoints [--seeds N].

Trains with the preset's sizes and the default interval, and times every checkpoint. The figures
go to benchmarks/results/checkpoint-cost.json.
"""

import json
import pathlib
import sys
import tempfile
import time

from benchmarks.program import command, keep, parser, program
from dreamrl import runs
from dreamrl.agents import registry
from dreamrl.listener import Callbacks
from dreamrl.runs import Terms
from dreamrl.runs.checkpoint import Checkpoints


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--family", default="distracting-bus")
    arguments.add_argument("--seeds", type=int, default=1, help="in one program")
    arguments.add_argument("--seconds", type=float, default=100.0)
    asked = arguments.parse_args()
    took, write = [], Checkpoints.write

    def timed(self, training, keep):
        begin = time.perf_counter()
        write(self, training, keep)
        took.append(time.perf_counter() - begin)

    Checkpoints.write = timed
    chunks: list[float] = []
    # Compiling is left out.
    patience = Callbacks(
        lambda records: chunks.append(time.perf_counter()),
        lambda: bool(chunks) and chunks[-1] - chunks[0] > asked.seconds,
    )
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "run"
        settings = registry.settings_for("dream", asked.family)
        runs.create(out, "dream", asked.family, settings, range(asked.seeds))
        with runs.open_session(out) as session:
            session.run(patience)
        size = sum(p.stat().st_size for p in (out / "checkpoints").iterdir())
        kept = len(list((out / "checkpoints").glob("*.json")))
    # The last one is written at the end, once, and not on the way.
    trained, on_the_way = chunks[-1] - chunks[0], took[:-1]
    words = ("--family", asked.family, "--seeds", asked.seeds, "--seconds", f"{asked.seconds:g}")
    result = keep(
        "checkpoint-cost",
        command(__spec__.name, *words),
        checkpoint_every=Terms().checkpoint_every,
        training_seconds=round(trained, 1),
        checkpoints=len(on_the_way),
        seconds_each=[round(t, 3) for t in took],
        megabytes_each=round(size / kept / 1e6, 1),
        share_of_training=round(sum(on_the_way) / trained, 5),
    )
    print(json.dumps(result))


if __name__ == "__main__":
    sys.exit(main())
