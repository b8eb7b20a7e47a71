"""The newest checkpoint of a run, whoever trains it, for readers."""

from pathlib import Path

import jax

from dreamrl.agents.loop import Trainable
from dreamrl.errors import UserError
from dreamrl.runs.checkpoint import CHECKPOINTS, load, newest_first
from dreamrl.runs.manifest import MANIFEST, identity, program, seeds_of
from dreamrl.runs.store import NewerFormat, read_json
from dreamrl.training import Training, seed_keys

TRIES = 3
"""Times that the directory is looked at: whoever trains takes old ones away."""


def newest(path: Path, algorithm: Trainable) -> Training | None:
    """Return the training of a run as of its newest whole checkpoint; None if it has none.

    Of one of several seeds it is that seed's alone. Raises UserError where there are checkpoints,
    and the algorithm has no use for any.
    """
    whole = program(path)
    manifest = read_json(whole / MANIFEST)
    seeds, owner = seeds_of(manifest, whole / MANIFEST), identity(manifest, whole / MANIFEST)
    like = jax.eval_shape(jax.vmap(algorithm.init), seed_keys(seeds))
    fault: UserError | None = None
    for _ in range(TRIES):
        names, fault = newest_first(whole / CHECKPOINTS), None
        for name in names:
            try:
                training = load(whole / CHECKPOINTS / name, owner, like).training
            except NewerFormat:
                raise
            except UserError as error:
                fault = fault or error
                continue
            if whole == path:
                return training
            [seed] = seeds_of(read_json(path / MANIFEST), path / MANIFEST)
            return _single_seed(training, seeds.index(seed))
        if fault is None:
            return None
    assert fault is not None
    raise fault


def _single_seed(training: Training, place: int) -> Training:
    """Return the training of one of its seeds."""
    ends = [failure.iteration for failure in training.failures if failure.place == place]
    return training._replace(
        state=jax.tree.map(lambda x: x[place : place + 1], training.state),
        iteration=ends[0] if ends else training.iteration,
        steps=(training.steps[place],),
        failures=(),
    )
