"""The page: one file that can load nothing, whatever its data hold."""

import base64
import hashlib
import html.parser
import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from dreamrl.report.page import MODULES, STUDIO, TAUGHT, bundle, escaped
from dreamrl.report.page import html as page_of

ASSETS = files("dreamrl.report") / "assets"
TSC = Path(__file__).parents[2] / ".cache" / "typescript" / "node_modules" / ".bin" / "tsc"
"""Where .ci/run installs TypeScript."""
ELEMENTS = {
    "html",
    "head",
    "meta",
    "link",
    "title",
    "style",
    "body",
    "noscript",
    "p",
    "main",
    "script",
}
NASTY = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!--",
    "a\u2028\u2029b",
]


class Page(html.parser.HTMLParser):
    """Elements with their attributes, and what stands in those that hold text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self._open = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open = len(self.elements) - 1
        self.texts.append("")

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open is not None:
            self.texts[self._open] += data

    def text(self, tag, **attributes):
        [found] = [
            text
            for (name, has), text in zip(self.elements, self.texts, strict=True)
            if name == tag and attributes.items() <= has.items()
        ]
        return found

    @property
    def data(self):
        return json.loads(self.text("script", id="data"))


def report(name="run"):
    return {
        "format": 1,
        "made": "now",
        "version": "0",
        "groups": [],
        "families": {name: {"actions": [name], "board": None}},
        "differences": [],
        "together": [],
    }


@pytest.mark.parametrize("name", NASTY)
def test_names_stay_data(name):
    text = page_of(report(name))
    page = Page(text)
    assert page.data == report(name)
    assert {tag for tag, _ in page.elements} == ELEMENTS
    assert [has.get("type") for tag, has in page.elements if tag == "script"] == [
        "application/json",
        "module",
    ]
    assert "\u2028" not in text


def test_a_name_that_is_no_text_is_written():
    assert json.loads(escaped(report("\udc80"))) == report("\udc80")


def test_the_policy_allows_this_script_and_this_style_alone():
    page = Page(page_of(report()))
    [policy] = [has["content"] for tag, has in page.elements if "http-equiv" in has]
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    for directive, text in (
        ("script-src", page.text("script", type="module")),
        ("style-src", page.text("style")),
    ):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert allowed.pop(directive) == f"'sha256-{digest}'"
    assert allowed == {
        "default-src": "'none'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    addresses = [
        value for _, has in page.elements for name, value in has.items() if name in ("src", "href")
    ]
    assert addresses == ["data:,"]


def test_the_code_makes_no_html_of_text_and_is_small():
    code = bundle()
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "fetch("):
        assert word not in code
    assert not re.search(r"</script|<!--|^import |^export ", code, re.MULTILINE)
    lines = [
        len(path.read_text().splitlines()) for path in ASSETS.iterdir() if path.suffix == ".js"
    ]
    assert sum(lines) <= 1500


@pytest.mark.parametrize("modules", [MODULES, STUDIO, TAUGHT])
def test_modules_name_what_they_import_and_nothing_twice(modules):
    sources = {name: (ASSETS / f"{name}.js").read_text() for name in modules}
    made = {
        name: re.findall(r"^(?:export )?(?:function|const|class) (\w+)", text, re.MULTILINE)
        for name, text in sources.items()
    }
    names = [each for found in made.values() for each in found]
    assert len(names) == len(set(names))
    for place, name in enumerate(modules):
        for wanted, source in re.findall(
            r"^import \{(.+?)\} from \"./(\w+).js\"", sources[name], re.M
        ):
            assert source in modules[:place]
            assert {each.strip() for each in wanted.split(",")} <= set(made[source])


@pytest.mark.parametrize("modules", [MODULES, STUDIO, TAUGHT])
def test_the_code_is_javascript(tmp_path, modules):
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node to read it")
    (tmp_path / "page.mjs").write_text(bundle(modules))
    subprocess.run([node, "--check", "page.mjs"], cwd=tmp_path, check=True, timeout=60)


def test_the_code_has_the_types_that_it_says():
    tsc = shutil.which("tsc") or shutil.which(TSC)
    if tsc is None:
        pytest.skip("there is no tsc to check it")
    options = "--noEmit --allowJs --checkJs --strict --target es2022 --module es2022"
    more = ["--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable"]
    scripts = [str(path) for path in ASSETS.iterdir() if path.suffix == ".js"]
    found = subprocess.run([tsc, *options.split(), *more, *scripts], capture_output=True, text=True)
    assert found.stdout == ""


def test_the_schemas_agree():
    """Every entry that Python documents is one that the page's types have, and the other way."""
    python = (files("dreamrl.report") / "schema.py").read_text()
    entries = set(re.findall(r"^    (\w+): ", python, re.MULTILINE))
    script = re.sub(r"Record<string, ", "", (ASSETS / "schema.js").read_text())
    assert set(re.findall(r"(\w+)\??: ", script)) == entries
