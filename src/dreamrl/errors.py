"""Errors that are the user's to mend: each says in one or two lines what is wrong and where."""

import difflib
import re
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
