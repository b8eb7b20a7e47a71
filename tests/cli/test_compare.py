"""`dreamrl compare`: what it leaves, what it shows, and how it is stopped and gone on with."""

import io
import json
import os
import signal

import pytest
from rich.console import Console

from dreamrl.cli import main
from dreamrl.cli.cells import Board
from dreamrl.comparison.spec import cells
from dreamrl.runs import Run
from tests.report.test_page import Page


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The tests' own cache stays the one in use.
    monkeypatch.setattr("dreamrl.cli._keep_compiled_programs", lambda: None)
    # Takes seconds to work out.
    monkeypatch.setattr("dreamrl.references.posterior_sampling", lambda family: -0.6)


COMMAND = [
    "compare",
    "fake",
    "fake:rate=0.1",
    "--family",
    "bus",
    "map",
    "--seeds",
    "2",
    "--trials",
    "8",
    "--out",
    "out",
]


def test_a_comparison_leaves_table_figures_and_json(fake, tmp_path, capsys):
    assert main(COMMAND) == 0
    said = capsys.readouterr().out
    assert "cell 1 of 4: fake on bus, seeds 0, 1; compiling" in said
    assert "0 of 4 to do" in said
    out = tmp_path / "out"
    table = (out / "table.md").read_text()
    assert table in said
    assert table.count("P(fake better)") == 3
    assert "all families" in table
    assert (out / "curves.png").stat().st_size > 10_000
    report = Page((out / "report.html").read_text()).data
    assert [len(group["seeds"]) for group in report["groups"]] == [2, 2, 2, 2]
    assert [chart["chart"]["title"] for chart in report["together"]] == [
        "return on bus",
        "return on map",
    ]
    played = [bool(seed["trials"]) for group in report["groups"] for seed in group["seeds"]]
    assert played == [True, False] * 4
    drawn = (out / "curves.svg").read_text()
    # No problem of the two is held out.
    assert "return on all problems" in drawn
    assert "unseen" not in table + drawn
    assert "Thompson bound: -0.60" in drawn
    told = json.loads((out / "compare.json").read_text())
    assert told["base"] == "fake"
    assert [result["family"] for result in told["results"]] == ["bus", "bus", "map", "map"]
    assert len(told["rows"]) == 6
    assert told["rows"][1]["behind"]["estimate"] == 0.5
    # Again: nothing is trained, and the same is written.
    curves = (out / "curves.svg").read_bytes()
    assert main([*COMMAND, "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["results"] == told["results"]
    assert "compiling" not in said.err
    assert (out / "curves.svg").read_bytes() == curves


def test_ctrl_c_stops_and_the_same_command_goes_on(fake, tmp_path, capsys, monkeypatch):
    log, logged = Run.log, []

    def counted(self, record):
        log(self, record)
        logged.append(record)
        if len(logged) == 2 * 9:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Run, "log", counted)
    assert main(COMMAND) == 130
    assert "stopping after this chunk" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "out" / "compare.json").read_text())["results"]) == 1
    assert main(COMMAND) == 0
    # Every iteration of every cell and seed, each of them once.
    assert len(logged) == 6 * 4 * 2
    assert len(json.loads((tmp_path / "out" / "compare.json").read_text())["results"]) == 4


def test_a_cell_that_fails_is_told_and_left_out(fake, tmp_path, capsys):
    arguments = "compare fake fake:break_at=2 --family bus --seeds 1 --trials 8 --out out"
    assert main(arguments.split()) == 1
    said = capsys.readouterr().out
    assert "fake:break_at=2 on bus: the loss of decoder was not finite" in said
    assert "break_at" not in (tmp_path / "out" / "table.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "AGENT missing"),
        ("fake", "--family is missing"),
        ("--family bus", "AGENT missing"),
        ("fak --family bus", "unknown agent 'fak': did you mean 'fake'?"),
        ("fake --family buss", "unknown family 'buss': did you mean 'bus'?"),
        ("fake fake:ratte=1 --family bus", "unknown setting 'ratte': did you mean 'rate'?"),
        ("fake --family bus --seeds 0", "seeds must be at least 1"),
        ("fake --family bus --trials 1", "trials must be at least 2"),
        ("fake --family bus --budget 10", "less than one iteration, which takes 160"),
        ("fake --family bus --budgett 10", "unknown setting '--budgett': did you mean '--budget'?"),
        ("fake --family bus --out file", "file is not a directory"),
    ],
)
def test_mistakes_get_one_line_and_train_nothing(fake, tmp_path, capsys, arguments, words):
    (tmp_path / "file").touch()
    assert main(["compare", *arguments.split()]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert words in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_board_shows_the_whole_table(fake):
    asked = cells(["fake", "fake:rate=0.1"], ["bus", "map"], seeds=1)
    board = Board(asked)
    assert "not known yet" in shown(board)
    result = {"seeds": [{"unseen": {"return": 0.25}}], "trainings": [{"wall_seconds": 60.0}]}
    board.done(asked[0], result)
    board.begin(asked[1], (0,))
    record = {"seed": 0, "iteration": 3, "seconds": 40.0, "compile_seconds": 10.0}
    board.chunk([{**record, "steps_per_second": 100.0, "return_unseen": 0.125}])
    said = shown(board)
    assert "done, 0.250" in said
    assert "50%, 0.125" in said
    assert said.count("to come") == 2
    # Of the running cell 30 more seconds, and twice the mean of 60 and 70.
    assert board._time_left() == "3 of 4 to do, 3 min left"


def shown(board):
    console = Console(file=io.StringIO(), width=100)
    console.print(board)
    return console.file.getvalue()
