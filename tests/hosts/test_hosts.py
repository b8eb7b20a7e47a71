"""Commands as processes of their own, on all kinds of machines and terminals."""

import concurrent.futures
import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
QUICK = ["--chunk", "3", "--evaluation-trials", "8"]
OWN = ("JAX_", "XLA_", "DREAMRL_", "PYTHON", "LC_", "LANG", "FORCE_COLOR", "TERM", "COLUMNS")

Env = dict[str, str | None]
ASCII: Env = {"PYTHONIOENCODING": "ascii"}
C_LOCALE: Env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
NO_HOME: Env = {"HOME": "/dev/null", "USER": None, "MPLCONFIGDIR": None, "DREAMRL_CACHE": None}
NARROW: Env = {"COLUMNS": "20", "NO_COLOR": "1"}
COLOURS: Env = {"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1", "TERM": "xterm-256color"}
RUN = "a[b] $é;'x"
"""A path that is hard to print and to paste."""


class Ran(NamedTuple):
    code: int
    out: str
    err: str


class Case(NamedTuple):
    """A command in an environment, its exit code, and what it says where it fails."""

    words: list[str]
    env: Env = {}  # noqa: RUF012
    code: int = 0
    says: str = ""
    """A pattern for all that is written to stderr."""
    stdout: str = "pipe"
    """Or "full", "closed" or "none"."""
    missing: str = ""
    stranger: bool = False
    """Whether the user has no name and no home."""


LEFT_OUT = r"dreamrl: {} is set, and left out of account here\n"
NOT_KEPT = r"dreamrl: compiled programs are not kept \(.+\); DREAMRL_CACHE says where else\n"
LOST = r"dreamrl: the output is lost: No space left on device\n"
NO_DEVICE = r"dreamrl: JAX_PLATFORMS is '.+', and JAX finds no such device here: unset it, .+\n"

CASES = {
    "families": Case(["families"], {"PYTHONIOENCODING": "latin-1"}),
    "families-cp437": Case(["families"], {"PYTHONIOENCODING": "cp437", **NARROW}),
    "families-full": Case(["families"], ASCII, 1, LOST, "full"),
    "families-cuda": Case(["families"], {"JAX_PLATFORMS": "cuda"}, 2, NO_DEVICE),
    "families-banana": Case(
        ["families"], {"JAX_ENABLE_X64": "banana"}, 2, "dreamrl: JAX does not start: .+banana.+\n"
    ),
    "references": Case(
        ["references", "tabular-didactic"],
        {"JAX_NUMPY_RANK_PROMOTION": "raise", **C_LOCALE},
        says=LEFT_OUT.format("JAX_NUMPY_RANK_PROMOTION"),
    ),
    "runs-pipe": Case(["runs", "."], ASCII, stdout="closed"),
    "doctor": Case(["doctor", "--json"], {"JAX_PLATFORMS": "nonsense", **NO_HOME, **C_LOCALE}),
    "evaluate": Case(
        ["evaluate", RUN, "--json"],
        {"JAX_ENABLE_X64": "1", **C_LOCALE, **NO_HOME},
        says=LEFT_OUT.format("JAX_ENABLE_X64") + NOT_KEPT,
    ),
    "evaluate-stranger": Case(["evaluate", RUN], NO_HOME, says=NOT_KEPT, stranger=True),
    "trial": Case(
        ["trial", RUN, "--out", "one.png"],
        {"JAX_DEBUG_NANS": "1", "JAX_DEBUG_INFS": "1", **ASCII, **COLOURS, **NO_HOME},
        says=NOT_KEPT,
    ),
    "resume": Case(
        ["resume", RUN, "--until", "90"],
        {"JAX_DEFAULT_PRNG_IMPL": "rbg", "JAX_DISABLE_JIT": "1", **ASCII, **NARROW},
        says=LEFT_OUT.format("JAX_DISABLE_JIT") + LEFT_OUT.format("JAX_DEFAULT_PRNG_IMPL"),
    ),
    "compare": Case(
        ["compare", "fake", "--family", "bus", "--seeds", "1", "--trials", "8", "--out", "all"],
        {"JAX_NUMPY_DTYPE_PROMOTION": "strict", **ASCII, **COLOURS},
        says=LEFT_OUT.format("JAX_NUMPY_DTYPE_PROMOTION"),
    ),
    "help-narrow": Case(["references", "--help"], {"COLUMNS": "1"}),
    "mistake-narrow": Case(
        ["evaluate", "x", "--trials", "many"], {"COLUMNS": "3"}, 2, r"dreamrl: .*--trials.*many.*\n"
    ),
    "train-full": Case(["train", "fake", "bus", "--out", "full", *QUICK], {}, 1, LOST, "full"),
    "train-pipe": Case(["train", "fake", "bus", "--out", "pipe", *QUICK], {}, stdout="closed"),
    "train-none": Case(["train", "fake", "bus", "--out", "none", *QUICK], {}, stdout="none"),
    "train-windows": Case(
        ["train", "fake", "bus", "--out", "windows", *QUICK], {}, missing="fcntl,resource"
    ),
    "train-nowhere": Case(
        ["train", "fake", "bus", "--out", "/proc/nowhere/x"],
        {},
        2,
        "dreamrl: /proc/nowhere/x cannot be written: .+\n",
    ),
}


def environment(env: Env) -> dict[str, str]:
    """This one, without what has a say, and with `env` in it; None takes a variable away."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    own = {
        "DREAMRL_CACHE": str(ROOT / ".cache" / "jax"),
        "XLA_FLAGS": os.environ["XLA_FLAGS"],
        "PYTHONPATH": str(ROOT / "src"),
        "LC_ALL": "C.UTF-8",
        **env,
    }
    return {name: value for name, value in {**plain, **own}.items() if value is not None}


def run(case: Case, where: Path) -> Ran:
    words = [sys.executable, str(HERE / "command.py"), case.missing, *case.words]
    if case.stranger:
        bounds = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        words = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", *bounds, *words]
    if case.stdout == "none":
        words = ["sh", "-c", f"exec {shlex.join(words)} >&-"]
    with open("/dev/full", "w") as full:
        out = full if case.stdout == "full" else subprocess.PIPE
        options = dict(stdout=out, stderr=subprocess.PIPE, cwd=where, env=environment(case.env))
        with subprocess.Popen(words, **options) as process:
            if case.stdout == "closed":
                process.stdout.close()
                process.stdout = None
            said, err = process.communicate(timeout=300)
    return Ran(process.returncode, (said or b"").decode(errors="replace"), err.decode())


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    path = tmp_path_factory.mktemp("hosts")
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def trained(where):
    """The run that other commands are about, made on a terminal that knows little."""
    words = ["train", "fake", "bus", "--out", RUN, *QUICK]
    return run(Case(words, {**ASCII, **COLOURS, **NARROW}), where)


@pytest.fixture(scope="module")
def ran(trained, where):
    """{name: what came of it}, two processes at a time."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wanted = {n: c for n, c in CASES.items() if not c.stranger or can_be_a_stranger()}
        yield {name: pool.submit(run, case, where) for name, case in wanted.items()}


def can_be_a_stranger() -> bool:
    return os.geteuid() == 0 and shutil.which("setpriv") is not None


def test_a_run_is_trained_and_told_in_plain_lines(trained):
    assert (trained.code, trained.err) == (0, "")
    assert "\x1b" not in trained.out
    assert len(trained.out.splitlines()) < 16
    assert "6/6  return 0.300" in trained.out
    assert trained.out.isascii()


def test_commands_that_are_printed_can_be_pasted(trained):
    lines = [line for line in trained.out.splitlines() if line.startswith("  dreamrl ")]
    assert len(lines) == 2
    for line in lines:
        read = ["bash", "-c", f"dreamrl() {{ printf '%s\\0' \"$@\"; }}; {line}"]
        words = subprocess.run(read, capture_output=True, check=True).stdout.decode().split("\0")
        assert words[1] == RUN


@pytest.mark.parametrize("name", CASES)
def test_each_command_ends_as_it_should_and_without_a_traceback(ran, name):
    if name not in ran:
        pytest.skip("needs root and setpriv")
    found, case = ran[name].result(), CASES[name]
    assert "Traceback" not in found.err + found.out
    assert found.code == case.code, found
    assert re.fullmatch(case.says, found.err), found.err


@pytest.mark.parametrize("name", ["full", "pipe", "none", "windows"])
def test_a_run_whose_output_nobody_reads_is_trained_and_kept(ran, where, name):
    ran[f"train-{name}"].result()
    told = json.loads((where / name / "run.json").read_text())
    assert (told["status"], told["iteration"]) == ("finished", 6)
    assert {"training.png"} <= {path.name for path in (where / name / "figures").iterdir()}


def test_numbers_are_those_without_switches(ran, trained, where):
    before = json.loads((where / "pipe" / "run.json").read_text())["result"]
    assert json.loads(ran["evaluate"].result().out) == before
    one, other = (where / name / "agent.safetensors" for name in ("pipe", "full"))
    assert one.read_bytes() == other.read_bytes()


def test_what_a_system_lacks_is_told(ran):
    assert "warning: this system has no locks" in ran["train-windows"].result().out
    doctor = json.loads(ran["doctor"].result().out)
    assert not doctor["devices"]["jax"]["works"]
    assert "JAX_PLATFORMS is 'nonsense'" in doctor["devices"]["jax"]["found"]
    assert not doctor["disk"]["compiled programs"]["works"]
    assert doctor["disk"]["working directory"]["works"]


@pytest.mark.parametrize(("term", "redraws"), [("dumb", False), ("xterm", True)])
def test_a_terminal_that_cannot_redraw_gets_lines_as_they_come(where, term, redraws):
    mine, its = pty.openpty()
    out = f"x[/y]-{term}"
    words = [sys.executable, str(HERE / "command.py"), "", "train", "fake", "bus", "--out", out]
    env = environment({"TERM": term, "COLUMNS": "70"})
    with subprocess.Popen([*words, *QUICK], stdout=its, stderr=its, cwd=where, env=env) as process:
        os.close(its)
        said = b""
        # A terminal that its program has left is an error on Linux, and an end elsewhere.
        try:
            while piece := os.read(mine, 4096):
                said += piece
        except OSError:
            pass
        os.close(mine)
    assert process.returncode == 0, said
    assert (b"\x1b[" in said) == redraws
    assert out.encode() in said
    assert (b"6/6  return 0.300" in said) != redraws
