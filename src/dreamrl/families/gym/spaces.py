"""Gymnasium's spaces as dreamrl's: what is seen and done, in other words but the same."""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium import spaces
from jaxtyping import Bool, Shaped

from dreamrl.errors import UserError
from dreamrl.families.combined import combinations
from dreamrl.families.gym.minigrid import codes_of, is_minigrid, is_view, words_of
from dreamrl.families.gym.pictures import Picture, picture_of
from dreamrl.spaces import ActionSpace, Box, Discrete, MultiDiscrete, Product, Scaled, Space, Tiles
from dreamrl.values import shown

UNBOUNDED = 2.0**31 - 1
"""A bound of this size and above is none that anybody meant."""
FAR = 2.0
"""How many widths of its bounds a number may lie outside of them: few environments keep those
that they give to the last digit, and what is that far off was never meant by them."""
MOST = 2**20
"""Values that are seen one by one."""
LARGEST = float(np.finfo(np.float32).max)


class Unfit(ValueError):
    """A value that is not of its space, in words."""


class Part(NamedTuple):
    """One space within an observation, and how a batch of its values becomes one of `space`."""

    source: gymnasium.Space
    space: Space
    keys: tuple[Any, ...] = ()
    """Its place in the observation."""
    start: Any = 0
    """The number that is subtracted from a value."""
    low: Any = None
    """The least that a value may be, and the largest; None where its type says it all."""
    high: Any = None
    picture: Picture | None = None
    words: tuple[str, ...] = ()
    """Of text: all that may be said, in place of which its number is seen."""

    @property
    def shape(self) -> tuple[int, ...]:
        return () if self.words else self.source.shape or ()

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int64 if self.words else self.source.dtype)

    @property
    def name(self) -> str:
        return "observation" + "".join(f"[{key!r}]" for key in self.keys)

    def pick(self, observation: Any) -> Any:
        """Return the value within an observation; raise Unfit where there is none."""
        for depth, key in enumerate(self.keys):
            kinds = dict if isinstance(key, str) else (tuple, list)
            try:
                if not isinstance(observation, kinds):
                    raise TypeError
                observation = observation[key]
            except (LookupError, TypeError):
                name = self._replace(keys=self.keys[: depth + 1]).name
                raise Unfit(f"the {name} is missing in {shown(observation)}") from None
        return observation

    def read(self, observation: Any) -> Shaped[np.ndarray, "..."]:
        """Return the value as an array of the shape and type that its space says, or Unfit."""
        value = self.pick(observation)
        if self.words:
            if not isinstance(value, str) or value not in self.words:
                raise Unfit(f"the {self.name} is {shown(value)}, none of {shown(self.words)}")
            return np.array(self.words.index(value))
        if (
            isinstance(value, np.ndarray)
            and value.shape == self.shape
            and value.dtype == self.dtype
        ):
            return value
        try:
            array = np.asarray(value)
        except Exception:
            array = np.empty((0,), object)
        if array.shape != self.shape or not np.can_cast(array.dtype, self.dtype, "same_kind"):
            is_array = isinstance(value, np.ndarray | np.generic)
            kind = f"{type(value).__name__} {shown(value)}"
            raise Unfit(
                f"the {self.name} must be {self.dtype}{self.shape}, as observation_space says, is "
                f"{f'{value.dtype}{value.shape}' if is_array else kind}"
            )
        return array.astype(self.dtype)

    def strange(self, batch: Shaped[np.ndarray, "batch ..."]) -> tuple[int, str] | None:
        """Return the first row with a value outside of the space, and what is wrong with it."""
        if self.low is None:
            return None
        fits = (batch >= self.low) & (batch <= self.high)
        if fits.all():
            return None
        row, *rest = np.argwhere(~fits)[0].tolist()
        place = tuple(rest)
        value = batch[(row, *place)]
        with np.errstate(over="ignore"):
            single = np.float32(value)
        if not np.isfinite(single):
            return row, f"the {self.name} is {single}, and must be finite"
        limits = self.low, self.high
        if isinstance(self.source, spaces.Box) and not isinstance(self.space, MultiDiscrete):
            limits = self.source.low, self.source.high
        low, high = (np.broadcast_to(x, self.shape)[place] for x in limits)
        entry = f" at {list(place)}" if place else ""
        return row, (
            f"the {self.name} is {value}{entry}, and must be from {low} to {high}, "
            f"as {shown(self.words or self.source)} says"
        )

    def convert(self, batch: Shaped[np.ndarray, "batch ..."]) -> Shaped[np.ndarray, "batch ..."]:
        """Return a batch of values of `space`, from one of values that fit."""
        if self.picture is not None:
            return self.picture(batch)
        return (batch.reshape(len(batch), *self.space.shape) - self.start).astype(self.space.dtype)


class ObservationAdapter(NamedTuple):
    """The conversion of observations: each is read, then a batch becomes one of `space`."""

    space: Space
    parts: tuple[Part, ...]

    @property
    def raw(self) -> gymnasium.Space:
        """The space of what is read."""
        if len(self.parts) == 1 and not self.parts[0].words:
            return self.parts[0].source
        size = sum(int(np.prod(part.shape)) for part in self.parts)
        return spaces.Box(-np.inf, np.inf, (size,), np.float64)

    def read(self, observation: Any) -> Shaped[np.ndarray, "..."]:
        """Raise Unfit where shapes or types are others than the spaces say."""
        if len(self.parts) == 1 and not self.parts[0].words:
            return self.parts[0].read(observation)
        return np.concatenate(
            [part.read(observation).ravel().astype(np.float64) for part in self.parts]
        )

    def strange(self, batch: Shaped[np.ndarray, "batch ..."]) -> tuple[int, str] | None:
        """Return the first row with a value that its space has not, and what is wrong with it."""
        faults = (part.strange(piece) for part, piece in self._pieces(batch))
        return next((each for each in faults if each is not None), None)

    def __call__(self, batch: Shaped[np.ndarray, "batch ..."]) -> Shaped[np.ndarray, "batch ..."]:
        pieces = [part.convert(piece) for part, piece in self._pieces(batch)]
        if len(pieces) == 1:
            return pieces[0].reshape(len(batch), *self.space.shape)
        flat = [piece.reshape(len(batch), -1) for piece in pieces]
        return np.concatenate(flat, axis=1).astype(self.space.dtype)

    def _pieces(self, batch: np.ndarray) -> Iterator[tuple[Part, np.ndarray]]:
        if len(self.parts) == 1 and not self.parts[0].words:
            yield self.parts[0], batch
            return
        begin = 0
        for part in self.parts:
            end = begin + int(np.prod(part.shape))
            yield part, batch[:, begin:end].reshape(len(batch), *part.shape).astype(part.dtype)
            begin = end


class ActionAdapter(NamedTuple):
    """The conversion of actions of `space` into the environment's own, in batches."""

    space: ActionSpace
    start: Any
    scale: Any = None
    """Of a Box: the factor by which the width 2 from -1 to 1 is stretched."""
    dtype: Any = np.int64
    ns: tuple[int, ...] = ()
    """Of a MultiDiscrete: how many values each part has; a number stands for a combination."""

    def __call__(self, batch: Shaped[np.ndarray, "batch ..."]) -> Shaped[np.ndarray, "batch ..."]:
        if self.ns:
            parts = np.stack(np.unravel_index(batch, self.ns), axis=-1)
            return parts.reshape(len(batch), *np.shape(self.start)).astype(self.dtype) + self.start
        if self.scale is None:
            return batch.astype(self.dtype) + self.start
        return (self.start + (batch + 1) * self.scale).astype(self.dtype)

    def mask(self, info: Any) -> Bool[np.ndarray, " actions"]:
        """Return which actions an environment's `info` says are possible; Unfit if it does not."""
        value = info.get("action_mask") if isinstance(info, dict) else None
        if value is None:
            raise Unfit("info has no 'action_mask', as the first reset has")
        sizes = self.ns if self.ns and isinstance(value, tuple | list) else (self.space.features,)
        try:
            parts = [np.asarray(x) for x in (value if sizes is self.ns else [value])]
            fits = [x.shape for x in parts] == [(n,) for n in sizes]
            fits = fits and all(((x == 0) | (x == 1)).all() for x in parts)
        except (TypeError, ValueError):
            fits = False
        if not fits:
            kind = " and ".join(map(str, sizes))
            raise Unfit(f"info['action_mask'] must be {kind} flags, 0 or 1, is {shown(value)}")
        return functools.reduce(np.multiply.outer, parts).astype(bool).ravel()


def observations(space: Any, inner: Any = None) -> ObservationAdapter:
    """Return how observations of a space are read.

    Args:
        space: Of the environment.
        inner: That of the environment within all wrappers, which tells what numbers mean.

    Raises:
        UserError: For a space that agents cannot look at.
    """
    if is_minigrid(space):
        return _minigrid(space.spaces)
    if is_minigrid(inner) and is_view(space):
        # The view alone, as ImgObsWrapper leaves it.
        return _minigrid({"image": space})
    parts = tuple(_parts(space, space))
    if not sum(int(np.prod(part.shape)) for part in parts):
        raise _unseen(space, space, "has no numbers in it")
    if len(parts) == 1:
        return ObservationAdapter(parts[0].space, parts)
    kinds = [part.space for part in parts]
    if all(isinstance(kind, Discrete | MultiDiscrete) for kind in kinds):
        ns = (kind.ns if isinstance(kind, MultiDiscrete) else (kind.n,) for kind in kinds)  # type: ignore[union-attr]
        return ObservationAdapter(MultiDiscrete(sum(ns, ())), parts)
    return ObservationAdapter(Product(tuple(kinds)), parts)


def _minigrid(members: dict[str, Any]) -> ObservationAdapter:
    """Return a view of tiles, and beside it the direction and the mission, if it is of a few."""
    image, ns = members["image"], codes_of()
    width, height, _ = image.shape
    view = MultiDiscrete(ns * (width * height))
    parts = [Part(image, view, ("image",) if len(members) > 1 else (), 0, 0, np.array(ns) - 1)]
    for key in ("direction", "mission") if len(members) > 1 else ():
        parts += _parts(members[key], members[key], (key,))
    extra = tuple(part.space.features for part in parts[1:])
    return ObservationAdapter(Tiles(width * height, ns, extra), tuple(parts))


def _parts(space: Any, root: Any, keys: tuple[Any, ...] = ()) -> Iterator[Part]:
    match space:
        case spaces.Dict():
            for key, inner in space.spaces.items():
                yield from _parts(inner, root, (*keys, key))
        case spaces.Tuple():
            for number, inner in enumerate(space.spaces):
                yield from _parts(inner, root, (*keys, number))
        case spaces.Discrete() if int(space.n) <= MOST:
            start, n = int(space.start), int(space.n)
            yield Part(space, Discrete(n), keys, start, start, start + n - 1)
        case spaces.MultiDiscrete() if space.nvec.sum() <= MOST:
            kind, low = MultiDiscrete(tuple(space.nvec.ravel().tolist())), space.start
            yield Part(space, kind, keys, low.ravel(), low, low + (space.nvec - 1))
        case spaces.MultiBinary():
            yield Part(space, MultiDiscrete((2,) * int(np.prod(space.shape))), keys, 0, 0, 1)
        case spaces.Box() if (np.isposinf(space.low) | np.isneginf(space.high)).any():
            raise _unseen(space, root, "has no finite values")
        case spaces.Box() if np.dtype(space.dtype).kind in "biuf":
            yield _box(space, keys)
        case _ if (words := words_of(space)) is not None:
            # A mission that is always the same, or one of countless, is not looked at.
            if words:
                yield Part(space, Discrete(len(words)), keys, 0, 0, len(words) - 1, words=words)
        case spaces.Discrete() | spaces.MultiDiscrete():
            raise _unseen(space, root, "has too many values to be seen one by one")
        case _:
            raise _unseen(space, root, "is none that agents can look at")


def _box(space: spaces.Box, keys: tuple[Any, ...]) -> Part:
    low: Any = np.asarray(space.low, np.float64)
    high: Any = np.asarray(space.high, np.float64)
    has_bounds = (np.maximum(np.abs(low), np.abs(high)) < UNBOUNDED) & (low <= high)
    low, high = np.where(has_bounds, low, 0.0), np.where(has_bounds, high, 0.0)
    width = high - low
    room = FAR * np.where(width > 0, width, 1.0)
    lowest = np.where(has_bounds, low - room, -LARGEST)
    highest = np.where(has_bounds, high + room, LARGEST)
    picture = picture_of(space)
    if picture is not None:
        is_full = space.dtype == np.uint8 and picture.top == 255
        low, high = (None, None) if is_full else (_single_value(lowest), _single_value(highest))
        return Part(space, picture.space, keys, 0, low, high, picture)
    kind: Space = Box(-np.inf, np.inf, space.shape)
    if has_bounds.any():
        middle = (low + high) / 2
        half = np.where(width > 0, width / 2, 1.0)
        kind = Scaled(_tuple(middle), _tuple(half), space.shape)
    return Part(space, kind, keys, 0, _single_value(lowest), _single_value(highest))


def _single_value(values: Any) -> Any:
    """Return one number in place of many that are the same."""
    values = np.asarray(values)
    return values.flat[0] if values.size and (values == values.flat[0]).all() else values


def _tuple(values: Any) -> tuple[float, ...]:
    return tuple(np.atleast_1d(_single_value(values)).ravel().tolist())


def _unseen(space: Any, root: Any, fault: str) -> UserError:
    """Return the error, with advice that works for the space at hand."""
    place = "" if space is root else f" in {shown(root)}"
    try:
        flat = spaces.flatten_space(root)
        can = isinstance(flat, spaces.Box) and 0 < flat.shape[0] <= MOST
    except Exception:
        can = False
    wrapper = (
        "gymnasium.wrappers.FlattenObservation(env)"
        if can
        else "gymnasium.wrappers.TransformObservation(env, function, space), whose function makes "
        "an array of one length of each observation, and whose space is a gymnasium.spaces.Box"
    )
    return UserError(
        f"observation_space {shown(space)}{place} {fault}: let make(problem_id) return {wrapper}"
    )


def actions(space: Any) -> ActionAdapter:
    """Return how actions are done: a Box becomes one from -1 to 1.

    Raises:
        UserError: For a space that agents cannot act in.
    """
    match space:
        case spaces.Discrete() if int(space.n) <= MOST:
            return ActionAdapter(Discrete(int(space.n)), int(space.start))
        case spaces.MultiDiscrete():
            ns = tuple(space.nvec.ravel().tolist())
            number = Discrete(combinations(ns, space))
            return ActionAdapter(number, space.start, dtype=space.dtype, ns=ns)
        case spaces.Box() if space.is_bounded() and np.dtype(space.dtype).kind == "f":
            half = (space.high.astype(np.float64) - space.low) / 2
            return ActionAdapter(Box(-1.0, 1.0, space.shape), space.low, half, space.dtype)
    raise UserError(
        f"action_space {shown(space)} is none that agents can act in: let make(problem_id) wrap "
        "the environment so that it is a Discrete or MultiDiscrete, or a Box of real numbers with "
        "bounds"
    )
