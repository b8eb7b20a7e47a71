"""benchmarks/paper.py: cells, the page with their tables, and what it refuses to overwrite."""

import importlib.util
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def load():
    spec = importlib.util.spec_from_file_location("paper", BENCHMARKS / "paper.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def paper(fake, tmp_path, monkeypatch):
    """The program, as a function of its arguments, at work in a directory of its own."""
    module = load()
    (tmp_path / "docs" / "figures").mkdir(parents=True)
    places = [f"<!-- table: {n} -->\nold\n<!-- end -->\n" for n in ("bus", "bus settings", "map")]
    (tmp_path / "docs" / "results.md").write_text(f"before\n{''.join(places)}after")
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(module, "DOCS", tmp_path / "docs")
    monkeypatch.setattr("dreamrl.references.posterior_sampling", lambda family: -0.6)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["paper.py", *map(str, arguments)])
        return module.main()

    return run


def test_cells_tables_and_figures(paper, tmp_path, capsys):
    once = ("bus", "fake", "fake:rate=0.1", "--seeds", 2, "--budget", 960, "--trials", 8)
    once = (*once, "--runs", tmp_path / "runs")
    assert paper(*once) == 0
    found = {path.name for path in (tmp_path / "results" / "bus").iterdir()}
    assert found == {"fake.json", "fake-rate-0.1.json"}
    text = (tmp_path / "results" / "bus" / "fake.json").read_text()
    assert json.loads(text)["command"].startswith("python benchmarks/paper.py bus fake ")
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
    assert "other settings: iterations is 6, not 2; --replace" in capsys.readouterr().out
    assert path.read_text() == before
    assert paper(*once, "--budget", 320, "--replace") == 0
    assert json.loads(path.read_text())["settings"]["iterations"] == 2


def test_mistakes_get_one_line(paper, capsys):
    assert paper("bus", "fak") == 2
    assert capsys.readouterr().err == "paper.py: unknown agent 'fak': did you mean 'fake'?\n"


def test_the_page_has_a_place_for_every_part():
    page = (BENCHMARKS.parent / "docs" / "results.md").read_text()
    module = load()
    for part in (
        *module.SEEDS,
        *(f"{module.ABLATED} {kind}" for kind in ("ablations", "settings")),
    ):
        assert f"<!-- table: {part} -->" in page
