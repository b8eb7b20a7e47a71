"""The page around a report's data: one HTML file, its code and style inside, and no network."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from dreamrl.report.schema import Report

VIEWS = ("dom", "chart", "run", "board", "belief", "trial")
MODULES = (*VIEWS, "main")
"""A report's own code, each after what it imports."""
STUDIO = (*VIEWS, "studio")
"""The studio's, which asks for its data."""
LESSON = "lesson.json"
"""The data of the lesson: tools/lesson.py makes them."""
TAUGHT = (*(name for name in VIEWS if name != "run"), "trap", "lesson")
IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(async )?(function|const|class) )", re.MULTILINE)

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="dreamrl">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
DRAWN = """\
<noscript><p>This page is drawn by JavaScript, which is switched off here. Its numbers are in
the element "data" of this file, as JSON.</p></noscript>
<main id="report"></main>
<script type="application/json" id="data">{data}</script>
<script type="module">{code}</script>"""


def html(report: Report) -> str:
    """Return the page. Nothing in it can load or send anything, whatever the data hold."""
    return _page("dreamrl report", MODULES, escaped(report))


def studio_html() -> str:
    """Return the page that asks the studio which served it, and nobody else, for its data."""
    return _page("dreamrl studio", STUDIO, "null", "; connect-src 'self'")


def lesson_html() -> str:
    """Return the lesson. Like a report, it can load nothing."""
    return _page("DREAM in five minutes", TAUGHT, escaped(json.loads(_part(LESSON))))


def diagnosis_html(title: str, body: str) -> str:
    """Return a page without code, whose forms ask the server that it came from, and nobody else.

    Args:
        title: Text.
        body: HTML, in which the text of others is escaped.
    """
    style = _part("style.css") + _part("diagnosis.css")
    return _document(escape(title), body, style, "", "'self'")


def _page(title: str, modules: Sequence[str], data: str, extra: str = "") -> str:
    code = bundle(modules)
    body = DRAWN.format(code=code, data=data)
    script = f"script-src {_allowed(code)}; "
    return _document(title, body, _part("style.css"), script, f"'none'{extra}")


def _document(title: str, body: str, style: str, script: str, form: str) -> str:
    policy = (
        f"default-src 'none'; {script}style-src {_allowed(style)}; "
        f"img-src data:; base-uri 'none'; form-action {form}"
    )
    return _text(PAGE.format(title=title, policy=policy, style=style, body=body))


def _text(text: str) -> str:
    """Return text that can be written: a name of a file may be no text at all."""
    return text.encode("utf-8", "backslashreplace").decode()


def bundle(modules: Sequence[str] = MODULES) -> str:
    """Return all modules as one, as a page opened from a disk can import none."""
    return "".join(EXPORT.sub("", IMPORT.sub("", _part(f"{name}.js"))) for name in modules)


def escaped(report: Report | dict[str, Any]) -> str:
    """Return data as JSON that ends no element, and that JavaScript of any age can read."""
    text = json.dumps(report, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return _text(text)


def _part(name: str) -> str:
    return (files("dreamrl.report") / "assets" / name).read_text(encoding="utf-8")


def _allowed(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
