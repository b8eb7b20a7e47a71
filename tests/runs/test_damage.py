"""A few hundred damaged files; benchmarks/damage.py tries thousands, on DREAM."""

import importlib.util
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "damage.py"


def test_damaged_files_are_refused_or_read_as_they_were(fake, tmp_path):
    spec = importlib.util.spec_from_file_location("damage", PROGRAM)
    damage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(damage)
    found = damage.attack(tmp_path, "fake", fake(), 300, 1)
    assert found["wrong"] == []
    assert found["counts"]["refused"] > 200
