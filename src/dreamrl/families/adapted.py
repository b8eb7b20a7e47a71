"""A family as agents are to see it, of one as it was written."""

from typing import Any

from dreamrl.families.context import WithContext
from dreamrl.families.family import HasContext, plain


def adapted(family: Any) -> Any:
    """Return the family with Python's own numbers, and with its context in what is seen.

    Whatever plays a family calls this first; one that is so already stays as it is.
    """
    family = plain(family)
    has_context = isinstance(family, HasContext)
    return WithContext(family) if has_context else family
