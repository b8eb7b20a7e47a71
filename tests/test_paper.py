"""benchmarks.paper.run: cells, the page with their tables, and what it refuses to overwrite."""

import json

import pytest

from benchmarks import pages
from benchmarks.paper import run as paper_run
from benchmarks.program import DOCS


@pytest.fixture
def paper(fake, tmp_path, monkeypatch):
    """The program, as a function of its arguments, working in a temporary directory."""
    (tmp_path / "docs" / "figures").mkdir(parents=True)
    places = [f"<!-- table: {n} -->\nold\n<!-- end -->\n" for n in ("bus", "bus settings", "map")]
    (tmp_path / "docs" / "results.md").write_text(f"before\n{''.join(places)}after")
    monkeypatch.setattr(paper_run, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paper_run, "DOCS", tmp_path / "docs")
    monkeypatch.setattr("dreamrl.references.thompson", lambda family: -0.6)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["run.py", *map(str, arguments)])
        return paper_run.main()

    return run


def test_cells_tables_and_figures(paper, tmp_path, capsys):
    once = ("bus", "fake", "fake:rate=0.1", "--seeds", 2, "--budget", 960, "--trials", 8)
    once = (*once, "--runs", tmp_path / "runs")
    assert paper(*once) == 0
    found = {path.name for path in (tmp_path / "results" / "bus").iterdir()}
    assert found == {"fake.json", "fake-rate-0.1.json"}
    text = (tmp_path / "results" / "bus" / "fake.json").read_text()
    assert json.loads(text)["command"].startswith("python -m benchmarks.paper.run bus fake ")
    # A learning curve takes a few lines, not one a number.
    assert len(text.splitlines()) < 120
    assert paper("--table", "--figures") == 0
    page = (tmp_path / "docs" / "results.md").read_text()
    assert page.startswith("before\n<!-- table: bus -->\n\n| agent")
    assert page.endswith("<!-- table: map -->\n\nNot measured yet.\n\n<!-- end -->\nafter")
    assert "old" not in page
    assert page.count("![learning curves](figures/paper-bus-settings.png)") == 1
    names = {path.name for path in (tmp_path / "docs" / "figures").iterdir()}
    assert {"paper-curves.png", "paper-curves.svg", "paper-bus-settings.svg"} <= names
    # Once more, it is the same page.
    assert paper("--table") == 0
    assert (tmp_path / "docs" / "results.md").read_text() == page
    capsys.readouterr()
    assert paper(*once, "--list") == 0
    assert capsys.readouterr().out.count(" done\n") == 2


def test_a_result_of_other_settings_is_kept_unless_told(paper, tmp_path, capsys):
    once = ("bus", "fake", "--seeds", 1, "--trials", 8, "--runs", tmp_path / "runs")
    assert paper(*once, "--budget", 960) == 0
    path = tmp_path / "results" / "bus" / "fake.json"
    before = path.read_text()
    assert paper(*once, "--budget", 320) == 1
    assert "other settings: budget.iterations is 6, not 2; --replace" in capsys.readouterr().out
    assert path.read_text() == before
    assert paper(*once, "--budget", 320, "--replace") == 0
    assert json.loads(path.read_text())["settings"]["budget"]["iterations"] == 2


def test_mistakes_get_one_line(paper, capsys):
    assert paper("bus", "fak") == 2
    assert capsys.readouterr().err == "error: unknown agent 'fak': did you mean 'fake'?\n"


def test_the_page_has_a_block_for_every_part():
    parts = (*paper_run.SEEDS, "distracting-bus settings")
    wanted = {f"{paper_run.PLACE}{part}" for part in parts}
    assert wanted <= set(pages.blocks(DOCS / "results.md"))
