"""Markdown tables, and the blocks of pages that programs write: `<!-- NAME -->` to an end."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from dreamrl.errors import UserError

END = "<!-- end -->"


def put(page: Path, name: str, text: str) -> None:
    """Replace the block of that name; raise UserError where the page has none."""
    before = page.read_text()
    block = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?({END})", re.DOTALL)
    if not block.search(before):
        raise UserError(f"{page} has no block '<!-- {name} -->' that ends in '{END}'")
    page.write_text(block.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", before))


def blocks(page: Path) -> list[str]:
    """Return the names of a page's blocks, in order."""
    return re.findall(rf"<!-- ((?:(?!-->).)+) -->\n.*?{END}", page.read_text(), re.DOTALL)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], left: int = 1) -> str:
    """Return a Markdown table; columns after the first `left` are aligned to the right."""
    rules = ["---"] * left + ["---:"] * (len(heads) - left)
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (heads, rules, *rows))
