"""A few hundred damaged files; benchmarks.faults.damage tries thousands, on DREAM."""

from benchmarks.faults import damage


def test_damaged_files_are_refused_or_read_as_they_were(fake, tmp_path):
    found = damage.attack(tmp_path, "fake", fake(), 300, 1)
    assert found["wrong"] == []
    assert found["counts"]["refused"] > 200
