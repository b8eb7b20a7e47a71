"""What is only shown never ends a run, and what is printed can be read and pasted."""

import io
import json
import re
import subprocess
from pathlib import Path

import jax
import pytest
from rich.console import Console

from dreamrl.cli import doctor, main
from dreamrl.cli.cells import Board
from dreamrl.cli.progress import Goal, _LivePanel, progress
from dreamrl.cli.screen import Stream, can_redraw
from dreamrl.cli.values import command_line
from dreamrl.comparison.spec import cells
from dreamrl.errors import quoted, raised_by_runtime
from dreamrl.runs.session import Session

QUICK = ["--chunk", "3", "--evaluation-trials", "8"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dreamrl.cli._keep_compiled_programs", lambda: None)


def status(path):
    return json.loads((path / "run.json").read_text())["status"]


@pytest.mark.parametrize(
    ("encoding", "text", "shown"),
    [
        ("ascii", "‖z‖² 5×5 – é λ", b"|z|2 5x5 - e ?"),
        ("latin-1", "‖z‖² 5×5 – é", "|z|² 5×5 - é".encode("latin-1")),
        ("cp437", "5×5 é", "5x5 é".encode("cp437")),
        ("ascii", "caf\udcc3\udca9", "café".encode()),
        ("utf-8", "a\udcff‖", b"a\xff" + "‖".encode()),
    ],
)
def test_what_a_terminal_lacks_has_a_stand_in(monkeypatch, encoding, text, shown):
    held = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(held, encoding))
    monkeypatch.setattr("dreamrl.cli._run", lambda arguments: print(text) or 0)
    assert main([]) == 0
    assert held.getvalue() == shown + b"\n"


@pytest.mark.parametrize(
    "path", ["a b", "a[b] é", "a$b", "it's", "a;b", "-dash", "(c)", "a\nb", "~"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_command_that_is_printed_is_read_back_by_a_shell(monkeypatch, path, encoding):
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    line = command_line("printf", "%s", Path(path))
    assert line.isascii() or encoding == "utf-8"
    read = subprocess.run(["bash", "-c", line], capture_output=True, check=True).stdout.decode()
    assert read.removeprefix("./") == path


def test_a_setting_is_no_path_and_keeps_its_dashes():
    assert quoted("--split") == "--split"


@pytest.mark.parametrize("name", ["x[/y]", "a[b]", "[red]c", "end\\", ":smile:"])
def test_names_of_ones_own_are_no_markup(name):
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    panel = _LivePanel(name, name, Goal(6, None), 20, True)
    panel.warn(name)
    console.print(panel)
    assert console.file.getvalue().count(name) == 3


@pytest.mark.parametrize("held_out", [True, False])
@pytest.mark.parametrize("terminal", [True, False])
def test_unseen_problems_are_told_of_where_there_are_any(held_out, terminal):
    record = dict.fromkeys(("seed", "seconds", "compile_seconds", "steps_per_second"), 1.0)
    record |= {"iteration": 3, "steps": 9, "exploration_length": 2.0}
    record |= {"return_unseen": 0.25, "return_train": 0.5}
    console = Console(file=io.StringIO(), width=100, force_terminal=terminal, color_system=None)
    with progress("bus", "runs/x", Goal(6, None), 20, held_out, console) as view:
        view.show([record], {"optimal": None})
    said = console.file.getvalue()
    assert "0.250" in said
    assert ("unseen" in said) == ("0.500" in said) == held_out


def test_cells_of_a_comparison_are_no_markup(fake):
    [cell] = cells(["fake"], ["bus"], 1, None, 8, "fake")
    board = Board([cell._replace(name="a[b]", family="x[/y]")])
    board.warn("[red]c")
    console = Console(file=io.StringIO(), width=80)
    console.print(board)
    for name in ("a[b]", "x[/y]", "[red]c"):
        assert name in console.file.getvalue()


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("file", "env", "redraws"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"TERM": "dumb", "TTY_INTERACTIVE": "1"}, False),
        (Terminal(), {"TERM": "xterm", "TTY_COMPATIBLE": "0"}, False),
        (io.StringIO(), {"TERM": "xterm", "FORCE_COLOR": "1"}, False),
        (io.StringIO(), {"TERM": "xterm", "TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1"}, False),
    ],
)
def test_panels_are_for_terminals(file, env, redraws):
    assert can_redraw(Console(file=file, _environ=env)) == redraws


class Broken(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error


@pytest.mark.parametrize(
    ("error", "code"), [(BrokenPipeError(32, "Broken pipe"), 0), (OSError(28, "No space"), 1)]
)
def test_a_run_outlives_its_output(fake, tmp_path, monkeypatch, capsys, error, code):
    monkeypatch.setattr("sys.stdout", Broken(error))
    assert main(["train", "fake", "bus", "--out", "run", *QUICK]) == code
    assert status(tmp_path / "run") == "finished"
    assert len(capsys.readouterr().err.splitlines()) == code


def test_a_stream_that_has_failed_is_quiet():
    stream = Stream(Broken(OSError(5, "gone")))
    assert stream.write("one") == 3
    stream.writelines(["two", "three"])
    stream.flush()
    assert stream.failed.errno == 5


def boom(*inputs, **others):
    raise RuntimeError("the screen is upside down\nsecond line")


@pytest.mark.parametrize(
    "place",
    [
        "dreamrl.figures.training.draw_training",
        "dreamrl.cli.progress._Lines.show",
        "dreamrl.cli.progress._Lines.warn",
        "dreamrl.cli.training.limits",
    ],
)
def test_what_cannot_be_shown_ends_no_run(fake, tmp_path, monkeypatch, capsys, place):
    monkeypatch.setattr(place, boom)
    assert main(["train", "fake", "bus", "--out", "run", *QUICK]) == 0
    assert status(tmp_path / "run") == "finished"
    err = capsys.readouterr().err
    if "figures" in place:
        assert err == "dreamrl: no figure: RuntimeError: the screen is upside down\n"


def test_a_trial_is_told_though_it_cannot_be_drawn(fake, monkeypatch, capsys):
    assert main(["train", "fake", "bus", "--out", "run", *QUICK]) == 0
    capsys.readouterr()
    monkeypatch.setattr("dreamrl.figures.trial.draw_trial", boom)
    assert main(["trial", "run"]) == 0
    said = capsys.readouterr()
    assert "exploitation, goal" in said.out
    assert said.err.startswith("dreamrl: no figure: RuntimeError")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9"), 1, "fewer"),
        (jax.errors.JaxRuntimeError("INTERNAL: LLVM: Cannot allocate memory"), 1, "fewer"),
        (MemoryError(), 1, "out of memory"),
        (RuntimeError("Unable to initialize backend 'cuda': no"), 2, "JAX_PLATFORMS=cpu"),
    ],
)
def test_what_the_runtime_refuses_is_a_line(
    fake, tmp_path, monkeypatch, capsys, error, code, words
):
    def refuse(self, *inputs):
        raise error

    monkeypatch.setattr(Session, "_train", refuse)
    assert main(["train", "fake", "bus", "--out", "run", *QUICK]) == code
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert words in err
    told = json.loads((tmp_path / "run" / "run.json").read_text())
    assert told["status"] == "failed"
    assert words in told["error"]


def test_other_errors_are_faults_of_the_program():
    assert raised_by_runtime(RuntimeError("INTERNAL: something else")) is None
    assert raised_by_runtime(ValueError("out of memory of what was said")) is None


@pytest.mark.parametrize(
    "words",
    [
        "train fake bus --out /proc/nowhere/x",
        f"train fake bus --out {'a' * 300}",
        "train fake bus --seed 4294967295 --seeds 2",
        "train fake bus --seeds 4294967295",
        "train fake bus --evaluation-trials 99999999999999",
        "resume file/x",
        f"evaluate {'a' * 300}",
        "evaluate . --trials 99999999999999",
        "evaluate . --seed -1",
        "evaluate . --episodes 99999999999999",
        "trial . --seed -1",
        "trial . --problem 99999999999999999999",
        "compare fake --family bus --out /proc/nowhere/x",
        "compare fake --family bus --out file/x",
        "compare fake --family bus --seeds 99999999999",
        "new-family ok --out /proc/nowhere/x",
        "new-family ok --out file",
        "references bandit --number 0",
        "references bandit --seed -1",
    ],
)
def test_mistakes_end_with_2_and_a_line(fake, tmp_path, capsys, words):
    (tmp_path / "file").write_text("mine")
    assert main(words.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("encoding", ["ascii", "UTF-8", "utf-8"])
def test_mistakes_read_alike_on_all_terminals(fake, monkeypatch, capsys, encoding):
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    assert main(["train", "fake", "bus", "--rate", "much"]) == 2
    words = "--rate: 'much' is not a number (see dreamrl train --help)"
    assert capsys.readouterr().err == f"dreamrl: {words}\n"


def test_doctor_tells_what_it_finds(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("DREAMRL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("JAX_ENABLE_CHECKS", "0")
    # The next test is of extras, whose imports take long.
    monkeypatch.setattr(doctor, "EXTRAS", {})
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["disk"]["compiled programs"]["found"].startswith(f"{tmp_path}/cache: writable")
    assert told["environment"]["JAX_ENABLE_CHECKS"]["found"] == "0"
    assert main(["doctor"]) == 0
    assert re.search(rf"^ +jax +{jax.__version__}$", capsys.readouterr().out, re.MULTILINE)


def test_doctor_imports_extras_and_holds_versions_against_locks(monkeypatch, tmp_path):
    """What is installed may still not work: it is tried, where it can break nothing."""
    for name, code in (("broken_one", "import no_such_thing"), ("leaving", "exit(3)")):
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    asked = {"json": "json", "bad": "broken_one", "exits": "leaving", "none": "no_such_thing"}
    monkeypatch.setattr(doctor, "EXTRAS", asked)
    lock = tmp_path / "run.txt"
    lock.write_text(f"jax=={jax.__version__} \\\n    --hash=x\nnumpy==1.0\nno-such-thing==2\n")
    monkeypatch.setattr(doctor, "LOCKS", (lock,))
    found = doctor.examine()
    works = {name: row["works"] for name, row in found["extras"].items()}
    assert works == {"json": True, "bad": False, "exits": False, "none": True}
    assert "No module named 'no_such_thing'" in found["extras"]["bad"]["found"]
    assert "exit code 3" in found["extras"]["exits"]["found"]
    assert "not installed" in found["extras"]["none"]["found"]
    [row] = found["locks"].values()
    assert not row["works"]
    assert row["found"].startswith("1 of 3 packages as locked; 1 not installed; numpy ")
