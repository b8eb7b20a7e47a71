"""The tables that a run was trained on, kept beside it: the user's own may change, or go."""

import shutil
from pathlib import Path

from dreamrl import families
from dreamrl.errors import UserError
from dreamrl.families.diagnosis.reading import FILES
from dreamrl.files import writing

TABLES = "tables"


def keep(folder: Path | None, out: Path) -> None:
    """Copy the tables in a folder into a run's directory, if there are any."""
    if folder is None:
        return
    with writing(out):
        (out / TABLES).mkdir(exist_ok=True)
        for name in FILES:
            (out / TABLES / name).unlink(missing_ok=True)
            if (folder / name).is_file():
                shutil.copyfile(folder / name, out / TABLES / name)


def kept(out: Path) -> Path | None:
    """Return the folder of tables that a run keeps, if it does."""
    return out / TABLES if (out / TABLES).is_dir() else None


def same_place(family: str, other: str) -> bool:
    """Return whether two families' names say that they are read from the same folder."""
    folder = families.folder_of(family)
    return folder is not None and folder == families.folder_of(other)


def changed(family: str, out: Path) -> Path | None:
    """Return the user's folder if it holds other tables now than a run was trained on."""
    folder, copy = families.folder_of(family), kept(out)
    if folder is None or copy is None or not folder.is_dir():
        return None
    same = all(_content(folder / name) == _content(copy / name) for name in FILES)
    return None if same else folder


def check_same(family: str, out: Path) -> None:
    """Raise UserError where a family is not the one that a run in this directory was trained on.

    It is made: whoever asks for a family by its name may have its code run.
    """
    families.make(family)
    if (folder := changed(family, out)) is not None:
        raise UserError(
            f"{out} was trained on other tables than {folder} has: choose another directory"
        )


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
