"""A family as agents are to see it, of one as it was written."""

from typing import Any

from dreamrl.families.context import WithContext
from dreamrl.families.family import HasContext, plain
from dreamrl.families.numbered import Numbered
from dreamrl.spaces import MultiDiscrete


def adapted(family: Any) -> Any:
    """Return the family with Python's own numbers, actions of one number, and its context seen.

    Whatever plays a family calls this first; one that is so already stays as it is.
    """
    family = plain(family)
    has_context = isinstance(family, HasContext)
    if isinstance(getattr(family, "action_space", None), MultiDiscrete):
        family = Numbered(family)
    return WithContext(family) if has_context else family
