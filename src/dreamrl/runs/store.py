"""Pytrees and JSON on disk: written whole or not at all, and read without running anything.

A pytree is kept as two files: NAME.safetensors with its arrays, each under its path in the tree,
and NAME.json with their shapes and dtypes and a checksum of the first.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
import safetensors.numpy
from jaxtyping import PyTree
from safetensors import SafetensorError

from dreamrl.errors import UserError
from dreamrl.files import write
from dreamrl.runs.renamed import current_name

FORMAT = 1
CHECKSUM = "checksum"
"""Entry of a JSON file: the checksum of all others."""


class NewerFormat(UserError):
    """A file of a later version of dreamrl: not damaged, but not to be read by this one."""


class OtherGenerator(NewerFormat):
    """A file with another kind of random numbers: not damaged, but not to go on with."""


GENERATORS = {"key<fry>": "threefry2x32", "key<rbg>": "rbg", "key<urbg>": "unsafe_rbg"}
"""Names that JAX gives the kinds of random keys, by the type of their arrays."""


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write an object with its checksum; raise Unwritable."""
    rest = {name: entry for name, entry in value.items() if name != CHECKSUM}
    whole = {**rest, CHECKSUM: checksum(rest)}
    write(path, (json.dumps(whole, indent=2, allow_nan=False) + "\n").encode())


def checksum(value: Any) -> str:
    """Return SHA-256 of a value that JSON can hold, whatever the order of its entries."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def read(path: Path) -> bytes:
    """Return a file's content; what is no plain file is refused, as a pipe would never end."""
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path} is not a file")
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None


def parse(content: bytes) -> Any:
    """Return JSON, where every fault of it is a ValueError; one is a checksum that does not fit."""
    try:
        value = json.loads(content)
        if isinstance(value, dict) and CHECKSUM in value:
            rest = {name: entry for name, entry in value.items() if name != CHECKSUM}
            if value[CHECKSUM] != checksum(rest):
                raise ValueError("its checksum is not that of its content")
        return value
    except RecursionError:
        raise ValueError("brackets within brackets without end") from None


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object, of this format; raise NewerFormat or another UserError."""
    try:
        value = parse(read(path))
    except ValueError as error:
        raise UserError(f"{path} is damaged, or was changed by hand: {error}") from None
    if not isinstance(value, dict) or "format" not in value:
        raise UserError(f"{path} was not written by dreamrl: it holds no format number")
    number = value["format"]
    if isinstance(number, int) and number > FORMAT:
        raise NewerFormat(
            f"{path} has format {number}, this dreamrl reads up to {FORMAT}: install a newer one"
        )
    if number != FORMAT:
        raise UserError(f"{path} has format {number!r}, which dreamrl never wrote")
    return value


def save_tree(stem: Path, tree: PyTree, **entries: Any) -> None:
    """Write the arrays of a pytree, random keys included, to `stem`.safetensors and .json.

    The second, which is written last, holds `entries` too. Raises Unwritable.
    """
    named = _named(tree)
    arrays = {name: _as_numpy(leaf) for name, leaf in named.items()}
    content = safetensors.numpy.save(arrays)
    write(stem.with_suffix(".safetensors"), content)
    manifest = {
        "format": FORMAT,
        **entries,
        "sha256": hashlib.sha256(content).hexdigest(),
        "arrays": {name: _kind(leaf) for name, leaf in named.items()},
    }
    write_json(stem.with_suffix(".json"), manifest)


def load_tree(stem: Path, like: PyTree) -> PyTree:
    """Return the pytree that `save_tree` wrote, if structure, shapes and dtypes are as `like`'s.

    `like` may hold shapes in place of arrays, as from `jax.eval_shape`.
    """
    manifest, path = read_json(stem.with_suffix(".json")), stem.with_suffix(".safetensors")
    template = _named(like)
    kinds = {name: _kind(leaf) for name, leaf in template.items()}
    _compare(stem.with_suffix(".json"), _current(manifest.get("arrays"), kinds), kinds)
    content = read(path)
    if hashlib.sha256(content).hexdigest() != manifest.get("sha256"):
        raise UserError(f"{path} is damaged: its checksum is not the one in {stem.name}.json")
    try:
        arrays = _current(safetensors.numpy.load(content), kinds)
    except (SafetensorError, ValueError, KeyError) as error:
        raise UserError(f"{path} is not a safetensors file: {error}") from None
    stored = {name: {"shape": list(a.shape), "dtype": str(a.dtype)} for name, a in arrays.items()}
    _compare(path, stored, {name: _stored(leaf) for name, leaf in template.items()})
    leaves = iter([_as_jax(arrays[name], leaf) for name, leaf in template.items()])
    return jax.tree.map(lambda leaf: next(leaves) if _is_array(leaf) else leaf, like)


def _current(arrays: Any, names: dict[str, Any]) -> Any:
    """Return a mapping by name with names of before brought up to date."""
    if not isinstance(arrays, dict):
        return arrays
    return {current_name(name, names): value for name, value in arrays.items()}


def _compare(path: Path, stored: Any, kinds: dict[str, Any]) -> None:
    if not isinstance(stored, dict):
        raise UserError(f"{path} lists no arrays")
    if missing := sorted(kinds.keys() - stored.keys()):
        raise UserError(f"{path} lacks the array {missing[0]!r} ({len(missing)} missing)")
    if strange := sorted(stored.keys() - kinds.keys()):
        raise UserError(f"{path} has an array that the agent has not: {strange[0]!r}")
    for name, kind in kinds.items():
        dtype = str(stored[name].get("dtype")) if isinstance(stored[name], dict) else ""
        if dtype != kind["dtype"] and dtype in GENERATORS and kind["dtype"] in GENERATORS:
            raise OtherGenerator(
                f"{path} is sound, but was written with JAX_DEFAULT_PRNG_IMPL="
                f"{GENERATORS[dtype]}, and that is {GENERATORS[kind['dtype']]} here: set it so"
            )
        if stored[name] != kind:
            raise UserError(f"{path}: array {name!r} is {stored[name]}, the agent needs {kind}")


def _is_array(leaf: Any) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def _named(tree: PyTree) -> dict[str, Any]:
    """Return {path: leaf} of all arrays, in the order of the leaves."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = {
        jax.tree_util.keystr(path, simple=True, separator="."): leaf
        for path, leaf in leaves
        if _is_array(leaf)
    }
    assert len(named) == sum(_is_array(leaf) for _, leaf in leaves), "two arrays have one name"
    return named


def _is_key(leaf: Any) -> bool:
    return bool(jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def _kind(leaf: Any) -> dict[str, Any]:
    return {"shape": list(leaf.shape), "dtype": str(leaf.dtype)}


def _stored(leaf: Any) -> dict[str, Any]:
    """Return a leaf's kind in the file: a random key is the numbers that it consists of."""
    return _kind(jax.eval_shape(jax.random.key_data, leaf) if _is_key(leaf) else leaf)


def _as_numpy(leaf: Any) -> np.ndarray:
    return np.array(jax.random.key_data(leaf) if _is_key(leaf) else leaf, order="C")


def _as_jax(array: np.ndarray, leaf: Any) -> jax.Array:
    # Not by asarray, which `JAX_DEBUG_NANS` watches: files of before have NaN and infinity.
    value = jax.device_put(array)
    return jax.random.wrap_key_data(value) if _is_key(leaf) else value
