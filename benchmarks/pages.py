"""What benchmarks write into pages of docs, between the markers that are there."""

import pathlib
import re


def put(page: pathlib.Path, mark: str, text: str) -> None:
    """Replaces what stands between `<!-- MARK -->` and the next `<!-- end -->`."""
    marked = re.compile(rf"(<!-- {re.escape(mark)} -->\n).*?(<!-- end -->)", re.DOTALL)
    page.write_text(marked.sub(lambda m: f"{m[1]}\n{text}\n\n{m[2]}", page.read_text()))
