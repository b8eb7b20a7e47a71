"""Agents that first find out what problem they are in, and then solve it."""

from typing import TYPE_CHECKING, Any

from dreamrl.version import version

if TYPE_CHECKING:
    from dreamrl.deploy import load
    from dreamrl.families import make

__all__ = ["__version__", "load", "make"]

__version__ = version()


def __getattr__(name: str) -> Any:
    """What needs JAX is imported when it is asked for: `dreamrl --help` answers at once."""
    if name == "make":
        from dreamrl.families import make

        return make
    if name == "load":
        from dreamrl.deploy import load

        return load
    raise AttributeError(f"module 'dreamrl' has no attribute {name!r}")
