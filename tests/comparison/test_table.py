"""Tables of results that are made up, with numbers that can be worked out by hand."""

import json

import pytest

from dreamrl.comparison.spec import held_out
from dreamrl.comparison.table import ALL, as_json, base_of, in_words, rows, tables


def result(name, family, returns, references=(0.3, 0.8), first_seed=0):
    names = ("no_exploration", "optimal")
    return {
        "name": name,
        "family": family,
        "held_out": True,
        "references": dict(zip(names, references, strict=True)) if references else {},
        "seeds": [
            {
                "seed": first_seed + i,
                "unseen": {"return": value, "exploration_length": 4.0 + i},
                "train": {"return": value + 0.1, "exploration_length": 1.0},
                "steps": 1000,
            }
            for i, value in enumerate(returns)
        ],
        "trainings": [{"wall_seconds": 90.0, "compile_seconds": 9.0, "steps_per_second": 12_345}],
    }


def test_rows_by_hand():
    found = rows(
        [result("dream", "bus", [0.8, 0.8, 0.8]), result("rl2", "bus", [0.8, 0.3, 0.1])], "dream"
    )
    dream, rl2 = found
    assert dream.behind is None
    assert dream.score == (pytest.approx(0.8), None, None)
    assert rl2.score.estimate == pytest.approx(0.4)
    assert rl2.behind.estimate == pytest.approx((0.5 + 1 + 1) / 3)
    assert dream.gap is None
    # Student's t of two degrees of freedom, with a standard error of 0.2082.
    assert rl2.gap == pytest.approx((0.4, 0.4 - 0.8957, 0.4 + 0.8957), abs=1e-3)
    assert rl2.details["return, training"] == pytest.approx(0.5)
    assert rl2.details["lowest seed"] == pytest.approx(0.1)
    assert rl2.details["mean"] == pytest.approx(0.4)
    assert rl2.details["exploration length"] == pytest.approx(5.0)
    assert rl2.details["seconds"] == 90


def test_over_families_returns_are_scaled_and_seeds_as_many():
    found = rows(
        [
            result("dream", "bus", [0.8, 0.8, 0.8]),
            result("dream", "map", [0.55, 0.55], (0.3, 0.8), first_seed=10),
            result("rl2", "bus", [0.3, 0.3, 0.8]),
            result("rl2", "map", [0.3, 0.3]),
            result("only-bus", "bus", [0.3, 0.3]),
        ],
        "dream",
    )
    overall = {row.agent: row for row in found if row.family == ALL}
    assert overall.keys() == {"dream", "rl2"}
    assert overall["dream"].score.estimate == pytest.approx(0.75)
    assert overall["dream"].seeds == 2
    assert overall["rl2"].score.estimate == pytest.approx(0.0)
    assert overall["rl2"].behind.estimate == 1.0


def test_without_references_there_is_no_scale():
    one = [result("dream", "bus", [0.8]), result("dream", "own", [3.0], None)]
    assert {row.family for row in rows(one, "dream")} == {"bus", "own"}


def test_tables_are_even():
    told = tables(
        [result("dream", "bus", [0.8] * 3), result("dream:cost=0", "bus", [0.1] * 3)], "dream"
    )
    lines = told["bus"].splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == 4
    assert lines[0].startswith("| agent        | seeds | return, unseen | ")
    assert "| dream:cost=0 |     3 |          0.100 |    – | " in lines[3]
    assert "0.50 to 1.00" in lines[3]
    assert "12,345" in lines[3]


def test_where_no_problem_is_held_out_nothing_is_called_unseen():
    made = [{**result(name, "bus", [0.8] * 3), "held_out": False} for name in ("dream", "rl2")]
    head = tables(made, "dream")["bus"].splitlines()[0]
    assert head.startswith("| agent | seeds | return |")
    assert not any(word in head for word in ("unseen", "training"))
    # Results of before do not say: their curves do.
    for train in (0.5, 0.6):
        of_before = result("dream", "bus", [0.8])
        del of_before["held_out"]
        of_before["seeds"][0]["curve"] = {"return_unseen": [0.5], "return_train": [train]}
        assert held_out([of_before]) == (train == 0.6)


@pytest.mark.parametrize("seeds", [1, 2, 4, 5])
def test_few_seeds_are_called_few(seeds):
    results = [result(name, "bus", [0.8, 0.7, 0.3, 0.5, 0.6][:seeds]) for name in ("dream", "rl2")]
    text, found = in_words(results, "dream"), rows(results, "dream")
    assert ("Fewer than 5 seeds say little" in text) == (seeds < 5)
    told = json.loads(json.dumps([as_json(row) for row in found], allow_nan=False))
    assert (told[1]["behind"] is None) == (told[1]["gap"]["low"] is None) == (seeds == 1)
    assert (told[0]["score"]["low"] is None) == (seeds == 1)
    line = text.splitlines()[-1 if seeds == 5 else -3].split("|")
    cells = [cell.strip() for cell in line]
    assert cells[:4] == ["", "rl2", str(seeds), "0.800" if seeds == 1 else cells[3]]
    assert (cells[4:9] == ["–", "0.000", "–", "–", "–"]) == (seeds == 1)


def test_a_line_says_why_seeds_that_agree_have_no_interval():
    agree, differ = [0.8] * 3, [0.8, 0.7, 0.6]
    for returns, told in ((agree, True), (differ, False)):
        found = [result(name, "bus", returns) for name in ("dream", "rl2")]
        assert ("few seeds that agree exactly" in in_words(found, "dream")) == told


def test_whom_the_others_are_held_against():
    assert base_of(["rl2", "dream"]) == "dream"
    assert base_of(["rl2", "dream:cost=0"]) == "rl2"
