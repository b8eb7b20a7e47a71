"""benchmarks.paper.cases: cells of a case, and its page."""

import json

import pytest

from benchmarks import pages
from benchmarks.paper import cases as paper_cases
from benchmarks.program import DOCS, ROOT


@pytest.fixture
def cases(monkeypatch, tmp_path):
    module = paper_cases
    (tmp_path / "docs" / "figures").mkdir(parents=True)
    (tmp_path / "docs" / "grid.md").write_text("a\n<!-- table: grid -->\nold\n<!-- end -->\nb")
    for name in ("RESULTS", "DOCS", "ROOT"):
        where = {"RESULTS": tmp_path / "results", "DOCS": tmp_path / "docs", "ROOT": tmp_path}
        monkeypatch.setattr(module, name, where[name])
    monkeypatch.setattr(module, "CASES", {"grid": module.Case("bus", "rate=0.1", 960, 8)})
    monkeypatch.setattr(module, "AGENTS", ("fake",))
    monkeypatch.setattr("dreamrl.references.posterior_sampling", lambda family: -0.6)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["cases.py", *map(str, arguments)])
        return module.main()

    return run


def test_a_case_is_trained_and_its_page_written(fake, cases, tmp_path, capsys):
    assert cases("grid", "--seeds", 2) == 0
    result = json.loads((tmp_path / "results" / "grid" / "bus" / "fake.json").read_text())
    assert result["name"] == "fake"
    assert result["settings"]["rate"] == 0.1
    assert cases("--table") == 0
    page = (tmp_path / "docs" / "grid.md").read_text()
    assert page.startswith("a\n<!-- table: grid -->\n\n| agent")
    assert page.endswith("![learning curves](figures/case-grid.png)\n\n<!-- end -->\nb")
    assert (tmp_path / "docs" / "figures" / "case-grid.svg").exists()
    capsys.readouterr()
    assert cases("grid", "nobody") == 2
    assert capsys.readouterr().err.startswith("error: unknown agent 'nobody'")


def test_every_case_has_its_example_and_its_page():
    for name, case in paper_cases.CASES.items():
        assert (ROOT / case.family.partition(":")[0]).exists()
        assert pages.blocks(DOCS / f"{name}.md") == [f"table: {name}"]
