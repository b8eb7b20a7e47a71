"""Versions of installed packages."""

from importlib import metadata


def version(package: str = "dreamrl") -> str:
    """Return the version; `0.0.0` for a source tree on the path, which has no metadata."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "0.0.0"
