"""Traced programs, kept from one start to the next: a second start need not trace them again.

JAX keeps what XLA compiles; most of a second start is tracing and lowering, in Python, what is then
found compiled. So beside it lie the lowered programs, as `jax.export` writes them. They are found
by the value of what they were traced from (`dreamrl.kept`).
"""

from collections.abc import Callable
from typing import Any

import jax
from jax import export
from jax.stages import Lowered, Wrapped
from jaxtyping import PyTree

from dreamrl.kept import Shelf

Compile = Callable[..., Callable[..., Any]]
"""Compiles a lowered program; takes `compiler_options`."""

STATE = "state"
"""Marks where a program returns a training state, whose classes `jax.export` does not know."""


class Traced:
    """The traced programs of one value, as a trainer on its devices: kept, where they can be."""

    def __init__(self, *parts: Any):
        """Name the programs by all that they are made of, to the last setting and table."""
        self._shelf = Shelf(*parts)
        self.found = True
        """Whether all programs so far had been kept."""

    def lower(self, name: str, program: Wrapped, *inputs: Any, state: PyTree = None) -> Compile:
        """Return what compiles a program, lowered for such inputs.

        A part of its outputs that has the structure of `state` may be of any classes.
        """
        structure = jax.tree.structure(state)
        lowered = self._lowered(name, program, inputs, structure)
        if lowered is None:
            return program.lower(*inputs).compile

        def compile_it(**options: Any) -> Callable[..., Any]:
            compiled = lowered.compile(**options)

            def call(*inputs: Any) -> Any:
                return _with_states(compiled(*jax.tree.leaves(inputs)), structure)

            return call

        return compile_it

    def _lowered(self, name: str, program: Wrapped, inputs: Any, state: Any) -> Lowered | None:
        """Return a program as it is kept, of leaves; None where it cannot be kept."""
        content = self._shelf.read(name)
        if content is None:
            self.found = False
            content = _exported(program, inputs, state) if self._shelf.usable else None
            if content is None:
                return None
            self._shelf.write(name, content)
        try:
            exported = export.deserialize(bytearray(content))
            return jax.jit(exported.call).lower(*jax.tree.leaves(inputs))
        except ValueError:  # Of another device, or of another version of its libraries.
            self.found = False
            return None


def _exported(program: Wrapped, inputs: Any, state: Any) -> bytes | None:
    """Return a program of leaves and plain containers, written out; None if it cannot be."""
    structure = jax.tree.structure(inputs)

    def is_state(part: Any) -> bool:
        return bool(jax.tree.structure(part) == state)

    def plain(*leaves: Any) -> Any:
        outputs = program(*jax.tree.unflatten(structure, leaves))
        return jax.tree.map(
            lambda part: {STATE: jax.tree.leaves(part)} if is_state(part) else part,
            outputs,
            is_leaf=is_state,
        )

    try:
        return bytes(export.export(jax.jit(plain))(*jax.tree.leaves(inputs)).serialize())
    except (NotImplementedError, ValueError):
        # It calls Python, or what JAX does not promise to keep.
        return None


def _with_states(outputs: Any, structure: Any) -> Any:
    def is_state(part: Any) -> bool:
        return isinstance(part, dict) and set(part) == {STATE}

    def restored(part: Any) -> Any:
        return jax.tree.unflatten(structure, part[STATE]) if is_state(part) else part

    return jax.tree.map(restored, outputs, is_leaf=is_state)
