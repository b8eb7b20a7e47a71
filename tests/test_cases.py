"""benchmarks/cases.py: cells of a case, and its page."""

import importlib.util
import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def cases(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    spec = importlib.util.spec_from_file_location("cases", ROOT / "benchmarks" / "cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
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
    assert capsys.readouterr().err.startswith("cases.py: unknown agent 'nobody'")


def test_every_case_has_its_example_and_its_page(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    for name, case in runpy.run_path(str(ROOT / "benchmarks" / "cases.py"))["CASES"].items():
        assert (ROOT / case.family.partition(":")[0]).exists()
        assert f"<!-- table: {name} -->" in (ROOT / "docs" / f"{name}.md").read_text()
