"""Errors that are the user's to mend: each says in one or two lines what is wrong and where."""

import difflib
import os
import re
import shlex
import sys
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in what the user asked for; shown as its message alone, without a traceback."""

    exit_code = 2


class FamilyError(UserError):
    """A family of problems that breaks the rules of `dreamrl.families.family.Family`."""

    def __init__(self, name: str, faults: Iterable[str]):
        self.faults = tuple(faults)
        lines = "".join(f"\n  - {fault}" for fault in self.faults)
        super().__init__(f"family {name!r} has {len(self.faults)} fault(s):{lines}")


class TooLarge(UserError):
    """What was asked for can be worked out, but not within the limits set for it."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that does not exist, with the nearest one that does."""
    known = list(known)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    return UserError(f"unknown {kind} {name!r}: {hint}")


def raised_on_host(error: BaseException) -> UserError | None:
    """The UserError that a function on the host raised while a compiled program ran, if one did.

    JAX tells it only as the last line of its own error's text.
    """
    found = re.findall(r"^(?:dreamrl\.errors\.)?UserError: (.+)$", str(error), re.MULTILINE)
    return UserError(found[-1]) if found else None


class RuntimeFault(UserError):
    """What the machine refuses while a program runs; no mistake in the command."""

    exit_code = 1


MEMORY = re.compile(r"RESOURCE_EXHAUSTED|out of memory|cannot allocate memory|bad_alloc", re.I)


def raised_by_runtime(error: BaseException) -> UserError | None:
    """Return what to do about an error of JAX's runtime or of the memory, where that is known."""
    text = str(error).strip()
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "MemoryError" in kinds or ("RuntimeError" in kinds and MEMORY.search(text)):
        first = text.splitlines()[0][:200] if text else "out of memory"
        return RuntimeFault(
            f"the memory does not suffice ({first}): ask for less at once, as with fewer --trials, "
            "--evaluation-trials or --seeds, or set JAX_PLATFORMS=cpu where a GPU is too small"
        )
    if "RuntimeError" in kinds and re.search(r"[Uu]nable to initialize backend", text):
        return UserError(f"{text.splitlines()[0]}: unset JAX_PLATFORMS, or set JAX_PLATFORMS=cpu")
    return None


def quoted(word: str | os.PathLike[str]) -> str:
    """Return a word of a command line so that a shell reads back the same one."""
    text = os.fspath(word)
    if text.startswith("-") and not isinstance(word, str):
        text = f"./{text}"
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # What the terminal cannot show is written in ASCII, as bash, zsh and ksh read it.
        plain = "".join(
            chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\{byte:03o}"
            for byte in os.fsencode(text)
        )
        return f"$'{plain}'"
    return shlex.quote(text)
