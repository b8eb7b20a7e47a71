"""Metrics that are read while they are written: some lines, the same ones for every seed."""

import json

import pytest

from dreamrl.errors import UserError
from dreamrl.runs import metrics


def write(path, numbers, mode="a"):
    with open(path, mode) as file:
        file.writelines(json.dumps({"iteration": i, "steps": 10 * i}) + "\n" for i in numbers)


def read(tail):
    return [record["iteration"] for record in tail.records()]


def test_a_growing_file_is_read_as_if_it_were_read_whole(tmp_path):
    path = tmp_path / "metrics.jsonl"
    tail = metrics.Tail(path, 10)
    assert read(tail) == []
    for begin in range(0, 100, 7):
        write(path, range(begin, begin + 7))
        assert read(tail) == read(metrics.Tail(path, 10))
        assert len(read(tail)) <= 11
        assert read(tail)[-1] == metrics.records(path)[-1]["iteration"]


def test_short_files_are_kept_whole_and_long_ones_evenly(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, range(8))
    assert read(metrics.Tail(path, 8)) == list(range(8))
    write(path, range(8, 30))
    assert read(metrics.Tail(path, 8)) == [0, 4, 8, 12, 16, 20, 24, 28, 29]


def test_a_half_written_line_waits_until_it_is_whole(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, range(2))
    tail = metrics.Tail(path)
    with open(path, "a") as file:
        file.write('{"iteration": 2, ')
    assert read(tail) == [0, 1]
    assert metrics.last(path)["iteration"] == 1
    with open(path, "a") as file:
        file.write('"steps": 20}\n')
    assert read(tail) == [0, 1, 2]


@pytest.mark.parametrize("now", [[0, 1], [0, 1, 7, 8, 9, 10, 11], []])
def test_a_file_that_was_cut_or_replaced_is_read_anew(tmp_path, now):
    path = tmp_path / "metrics.jsonl"
    write(path, range(5))
    tail = metrics.Tail(path)
    assert read(tail) == list(range(5))
    write(path, now, "w")
    assert read(tail) == now
    path.unlink()
    assert read(tail) == []


def test_damage_is_told_and_can_be_mended(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, range(3))
    whole = path.read_bytes()
    tail = metrics.Tail(path)
    path.write_bytes(whole.replace(b'"iteration": 1', b"iteration"))
    with pytest.raises(UserError, match="damaged in line 2"):
        tail.records()
    path.write_bytes(whole)
    assert read(tail) == [0, 1, 2]


def test_the_last_line_alone(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert metrics.last(path) is None
    write(path, range(20_000))
    assert metrics.last(path) == metrics.records(path)[-1]
    with open(path, "a") as file:
        file.write("nonsense\n")
    with pytest.raises(UserError, match="last line"):
        metrics.last(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match="not a file"):
        metrics.last(path)
