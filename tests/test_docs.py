"""README and docs: short, linked, and every command, page and block in them exists."""

import importlib
import re
from pathlib import Path

import pytest

from benchmarks import pages
from benchmarks.program import DOCS, ROOT
from dreamrl.errors import UserError

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted(DOCS.rglob("*.md"))
PROGRAMS = sorted((ROOT / "benchmarks").glob("*/[a-z]*.py"))
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", head.lower()) for head in heads]
    return {head.replace(" ", "-") for head in plain}


def test_the_readme_fits_two_screens():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    text = FENCED.sub("", page.read_text())
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_programs_that_pages_name_exist(page):
    modules = re.findall(r"python\s+-m ((?:benchmarks|tools)\.[.a-z_]+)\b", page.read_text())
    missing = [m for m in modules if not (ROOT / f"{m.rstrip('.').replace('.', '/')}.py").exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_that_begins_ends(page):
    marks = re.findall(r"^<!-- (.+) -->$", page.read_text(), re.MULTILINE)
    begun, ended = marks[::2], marks[1::2]
    assert begun == pages.blocks(page)
    assert ended == ["end"] * len(begun)


def test_the_index_has_every_page():
    links = set(re.findall(r"\]\(([\w/.-]+\.md)", (DOCS / "README.md").read_text()))
    assert {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} <= links | {"README.md"}


def test_only_one_page_has_the_plan_of_the_house():
    assert [page.name for page in PAGES if "| floor |" in page.read_text()] == ["CONTRIBUTING.md"]


@pytest.mark.parametrize("program", PROGRAMS, ids=name)
def test_every_benchmark_explains_itself(program, monkeypatch, capsys):
    if program.stem == "host_loop":
        pytest.importorskip("gymnasium")
    module = importlib.import_module(name(program).removesuffix(".py").replace("/", "."))
    monkeypatch.setattr("sys.argv", [program.name, "--help"])
    with pytest.raises(SystemExit) as stopped:
        module.main()
    assert stopped.value.code == 0
    assert f"python -m {module.__name__}" in " ".join(capsys.readouterr().out.split())


def test_a_block_is_replaced_and_a_missing_one_named(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- one -->\nold\n<!-- end -->\nb\n<!-- two -->\n\nkept\n\n<!-- end -->\n")
    pages.put(page, "one", pages.table(("x", "y"), [(r"\1", 2)]))
    table = "| x | y |\n| --- | ---: |\n| \\1 | 2 |"
    assert page.read_text() == (
        f"a\n<!-- one -->\n\n{table}\n\n<!-- end -->\nb\n<!-- two -->\n\nkept\n\n<!-- end -->\n"
    )
    assert pages.blocks(page) == ["one", "two"]
    with pytest.raises(UserError, match="no block '<!-- three -->'"):
        pages.put(page, "three", "text")


def test_the_tutorials_method_is_the_example():
    tutorial = (ROOT / "docs" / "tutorial.md").read_text()
    assert (ROOT / "examples" / "toy_method.py").read_text() in tutorial
