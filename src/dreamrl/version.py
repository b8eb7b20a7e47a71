"""Versions of installed packages."""

from importlib import metadata

NOWHERE = "0.0.0"
"""The version of what has no metadata: not installed, or a source tree on the path."""


def version(package: str = "dreamrl") -> str:
    """Return the version, or NOWHERE."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return NOWHERE
