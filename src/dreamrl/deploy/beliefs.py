"""The record of an exploration: its trajectory, and the belief after each of its steps."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dreamrl.deploy.driver import without_padding
from dreamrl.deploy.posterior import Posterior
from dreamrl.errors import UserError
from dreamrl.runs.store import load_tree, read_json, save_tree
from dreamrl.types import Belief, Trajectory
from dreamrl.values import AnyPath

UNKNOWN = -1.0
"""No squared distance, and a number: NaN would set off `JAX_DEBUG_NANS`."""


class StoredRecord(NamedTuple):
    """The record as it is saved, in arrays of the same shapes for explorations of any length."""

    trajectory: Trajectory
    """[T], padded."""
    means: Float[Array, "times Z"]
    """[T+1, Z], padded: g(tau_:t)."""
    errors: Float[Array, " times"]
    """[T+1], padded: squared distance to the problem's true z; UNKNOWN where that is not known."""
    last: Belief
    """The belief that is carried over."""


def stored(trajectory: Trajectory, beliefs: Belief) -> StoredRecord:
    """Return what is kept of an exploration [T] and the beliefs [T+1] that it left."""
    unknown = jnp.full(len(beliefs.mean), UNKNOWN)
    last = jax.tree.map(lambda x: x[trajectory.length], beliefs)
    return StoredRecord(trajectory, beliefs.mean, unknown, last)


@dataclasses.dataclass(frozen=True, eq=False)
class Known:
    """The problems that the agent was trained on, as its encoder sees them."""

    ids: tuple[int, ...]
    encodings: Float[np.ndarray, "problems Z"]
    fit: Callable[[], Posterior] = dataclasses.field(repr=False)

    @functools.cached_property
    def posterior(self) -> Posterior:
        """Fitted when it is first asked for."""
        return self.fit()


@dataclasses.dataclass(frozen=True, eq=False)
class ExplorationRecord:
    """An exploration's beliefs, as `explore` returns and `exploit` takes them.

    What is [n+1] has an entry before the exploration's n steps and one after each of them.
    """

    held: StoredRecord = dataclasses.field(repr=False)
    agent: str
    """Fingerprint of the agent whose beliefs these are; for others they mean nothing."""
    known: Known | None = dataclasses.field(repr=False)
    """None for an agent without an encoder."""

    @property
    def steps(self) -> int:
        """The exploration's length n."""
        return int(self.held.trajectory.mask.sum())

    @property
    def trajectory(self) -> Trajectory:
        """The exploration, as NumPy arrays without padding."""
        return without_padding(self.held.trajectory)

    @property
    def means(self) -> Float[np.ndarray, "times Z"]:
        """[n+1, Z]: the decoder's mean g."""
        return np.asarray(self.held.means)[: self.steps + 1]

    @property
    def moved(self) -> Float[np.ndarray, " steps"]:
        """[n]: |g_t+1 - g_t|^2, how far each step moved the belief."""
        return np.square(np.diff(self.means, axis=0)).sum(-1)

    @property
    def errors(self) -> Float[np.ndarray, " times"] | None:
        """[n+1]: |f - g_t|^2, if the exploration was in a training problem given by its ID."""
        errors = np.asarray(self.held.errors)[: self.steps + 1]
        # Files of before have NaN where the distance is not known.
        return errors if (errors >= 0).all() else None

    @property
    def gained(self) -> Float[np.ndarray, " steps"] | None:
        """[n]: the information that each step gained, as a share of all there was to know."""
        if self.errors is None:
            return None
        return -np.diff(self.errors) / max(float(self.errors[0]), 1e-9)

    @functools.cached_property
    def confidence(self) -> Float[np.ndarray, "times problems"] | None:
        """[n+1, problems]: how likely each of `known.ids` is, calibrated on explorations of them.

        In a problem that is not among them it says which of them come nearest. None without an
        encoder: then no known problem has a z that a belief could be near to. The first call
        fits the posterior, which takes a few seconds.
        """
        return None if self.known is None else self.known.posterior.shares(self.means)

    def save(self, path: AnyPath) -> Path:
        """Write `path`.safetensors and `path`.json; the agent's `load_belief` reads them."""
        stem = stem_of(path)
        if not stem.parent.is_dir():
            raise UserError(f"{stem.parent} is not a directory: a belief is saved into one")
        save_tree(stem, self.held, kind="belief", agent=self.agent)
        return stem

    def __str__(self) -> str:
        words = f"{self.steps} steps of exploration, "
        if self.known is None or self.confidence is None:
            return words + "no confidence: the agent has no encoder, so known problems have no z"
        best = int(self.confidence[-1].argmax())
        share = self.confidence[-1, best]
        return words + f"most like known problem {self.known.ids[best]} ({share:.0%})"


def load_held(path: AnyPath, like: StoredRecord, agent: str) -> StoredRecord:
    """Return what `save` wrote, if it was a belief of this very agent; a UserError if not."""
    stem = stem_of(path)
    manifest = read_json(stem.with_suffix(".json"))
    if manifest.get("kind") != "belief":
        raise UserError(f"{stem.with_suffix('.json')} holds no belief")
    if manifest.get("agent") != agent:
        raise UserError(
            f"{stem.with_suffix('.json')} is a belief of another agent: it means nothing to this "
            "one; load the run that made it, or explore anew"
        )
    return load_tree(stem, like)


def stem_of(path: AnyPath) -> Path:
    """Return a path without .safetensors or .json."""
    path = Path(path)
    stem = path.with_suffix("") if path.suffix in (".safetensors", ".json") else path
    if stem.suffix:
        raise UserError(f"{path}: a belief's name has no dot, as two files are made of it")
    return stem
