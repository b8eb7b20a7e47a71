"""Commands as a user types them: what they leave, what they print, and how they refuse."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import pytest

from dreamrl.agents import registry
from dreamrl.cli import COMMANDS, main
from dreamrl.runs import Run
from dreamrl.runs.session import Session

QUICK = ["--chunk", "4", "--evaluation-trials", "8"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DREAMRL_CACHE", str(tmp_path / ".cache"))
    # The tests' own cache stays the one in use.
    monkeypatch.setattr("dreamrl.cli._keep_compiled_programs", lambda: None)


@pytest.fixture
def trained(fake, tmp_path, capsys):
    assert main(["train", "fake", "distracting-bus", *QUICK]) == 0
    capsys.readouterr()
    return tmp_path / "runs" / "fake-distracting-bus-s0"


def test_training_leaves_a_whole_run(fake, tmp_path, capsys):
    assert main(["train", "fake", "distracting-bus", "--rate", "0.25", *QUICK]) == 0
    out = tmp_path / "runs" / "fake-distracting-bus-s0"
    names = {path.name for path in out.iterdir()}
    agent = {"agent.json", "agent.safetensors"}
    assert names == {"run.json", "metrics.jsonl", *agent, "figures", "checkpoints", "lock"}
    manifest = json.loads((out / "run.json").read_text())
    assert manifest["settings"]["rate"] == 0.25
    assert manifest["status"] == "finished"
    assert manifest["result"]["return_mean"] == pytest.approx(0.3)
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 2
    assert (out / "figures" / "training.png").stat().st_size > 1000
    said = capsys.readouterr().out
    for words in ("0.300", "with the problem known   0.800", "dreamrl trial runs/fake-"):
        assert words in said


def test_the_preset_of_another_family_is_named(fake, monkeypatch, capsys):
    presets = registry.METHODS["fake"].presets
    monkeypatch.setitem(presets, "map", presets["default"])
    for family, words in (("bus", "the preset map was made for that family; "), ("map", "")):
        assert main(["train", "fake", family, "--preset", "map", *QUICK]) == 0
        told = [line for line in capsys.readouterr().err.splitlines() if "preset" in line]
        assert told == ([f"dreamrl: {words}without --preset, bus has default"] if words else [])


def test_evaluate_prints_one_object(trained, capsys):
    assert main(["evaluate", str(trained), "--trials", "50", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["agent"] == "fake"
    assert result["family"] == "distracting-bus"
    assert result["split"] == "unseen"
    assert result["trials"] == 50
    assert result["optimal"] == pytest.approx(0.8)
    assert result["no_exploration"] == pytest.approx(0.3)
    keys = {"return_mean", "return_ci95", "exploration_length_mean", "gray_line_ridden"}
    assert keys <= result.keys()


def test_several_seeds_are_several_runs_under_one(fake, tmp_path, capsys):
    assert main(["train", "fake", "bus", "--seeds", "2", "--out", "both", *QUICK]) == 0
    assert json.loads((tmp_path / "both" / "run.json").read_text())["status"] == "finished"
    for seed in (0, 1):
        manifest = json.loads((tmp_path / "both" / f"seed-{seed}" / "run.json").read_text())
        assert manifest["seed"] == seed
    capsys.readouterr()
    assert main(["evaluate", "both", "--trials", "20", "--split", "train", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [each["seed"] for each in result["seeds"]] == [0, 1]
    assert result["return_mean"] == pytest.approx(0.3)
    assert main(["trial", "both"]) == 2
    assert "seed-0" in capsys.readouterr().err


def test_a_trial_is_printed_and_drawn(trained, capsys):
    assert main(["trial", str(trained), "--problem", "11"]) == 0
    said = capsys.readouterr().out
    assert "information gained" in said
    assert "exploitation, goal" in said
    for name in ("trial.png", "trial.gif"):
        assert (trained / "figures" / name).stat().st_size > 1000


def test_a_trial_can_be_read_by_a_program(trained, tmp_path, capsys):
    assert main(["trial", str(trained), "--out", "one.png", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["problem"] % 11
    assert len(told["exploration"]) == 7
    assert told["exploration"][0].keys() >= {"action", "observation", "belief_moved", "most_like"}
    assert told["return"] == pytest.approx(0.3)
    assert (tmp_path / "one.png").exists()


def test_families_are_listed(capsys):
    assert main(["families", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["distracting-bus"]["train_ids"]) == 53
    assert main(["families"]) == 0
    assert "distracting-bus" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches_with_examples(name, capsys):
    assert main([name, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"dreamrl {name}" in said.split("examples:")[1]


def test_help_of_training_lists_the_settings(fake, capsys):
    assert main(["train", "fake", "bus", "--preset", "long", "--help"]) == 0
    said = capsys.readouterr().out
    assert "--budget.iterations INT" in said
    assert "500" in said
    assert "How much is learned." in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("trane", "unknown command 'trane': did you mean 'train'?"),
        ("train", "AGENT and FAMILY missing"),
        ("train fake", "FAMILY missing"),
        ("train fak bus", "unknown agent 'fak': did you mean 'fake'?"),
        ("train bus fake", "the agent comes first: dreamrl train fake bus"),
        ("train fake diagnosis:pth=x", "unknown field of diagnosis 'pth': did you mean 'path'?"),
        ("train fake busy", "unknown family 'busy': did you mean 'bus'?"),
        ("train fake bus --preset lon", "unknown preset 'lon': did you mean 'long'?"),
        ("train fake bus --ratte 0.1", "unknown setting '--ratte': did you mean '--rate'?"),
        (
            "train fake bus --cost 0.1",
            "'--cost': this agent has none, dream and random-exploration have",
        ),
        (
            "train rl2 bus --exploration.cost 0",
            "'--exploration.cost': this agent has none, dream and random-exploration have",
        ),
        ("train dream bus --weight 0", "unknown setting '--weight': it needs --bottleneck fixed"),
        (
            "train rl2 bus --learner.clip 0 --learner dqn",
            "'--learner.clip': it needs --learner ppo",
        ),
        ("train rl2 bus --lr 0", "unknown setting '--lr': here it is --budget.learning-rate"),
        ("train dream bus --gamma 0", "it is --exploitation.discount or --exploration.discount"),
        ("train pearl bus --batch-size 8", "'--batch-size': here it is --learner.batch"),
        ("train dream bus --exploration.hiden 8", "did you mean '--exploration.hidden'?"),
        ("train maml bus --discout 1", "did you mean '--discount'?"),
        ("train rl2 bus --trials 96 --ratte 1", "unknown setting '--ratte'"),
        ("train dream bus --preset paper --clip 0", "--learner.clip now, and needs --learner ppo"),
        (
            "train dream bus --preset paper --learner.epsilon-end 9",
            "epsilon_end is 9.0: it must be from 1e-06 to 1",
        ),
        ("train fake bus --zzzzz 1", "unknown setting '--zzzzz' (see dreamrl train --help)"),
        ("train fake bus --rate much", "--rate: 'much' is not a number"),
        ("train fake bus --rate 1.5", "rate must be from 0 to 1, is 1.5"),
        ("train fake bus --rate nan", "rate must be from 0 to 1, is nan"),
        ("train fake bus --until many", "--until: 'many' is not a whole number (see"),
        ("train fake bus --mode medium", "invalid choice 'medium'"),
        ("train fake bus --iterations 2.5", "--budget.iterations: '2.5' is not a whole number"),
        ("train fake bus --rate", "Missing value for argument '--rate'"),
        ("train fake bus --seed -1", "seed must be 0 or more"),
        ("train fake bus --seeds 0", "seeds must be at least 1"),
        ("train fake bus --chunk 0", "chunk must be at least 1"),
        ("train fake bus extra", "'extra' is one argument too many"),
        ("train fake bus --out full", "full already holds a run"),
        ("train fake bus --until 0", "until must be at least 1"),
        ("train fake bus --sink tensorbord", "invalid choice 'tensorbord'"),
        ("resume nowhere", "nowhere is not a run"),
        ("runs nowhere", "nowhere is not a directory"),
        ("runs . extra", "'extra' is one argument too many"),
        ("evaluate nowhere", "nowhere does not exist"),
        ("evaluate .", "is not a run"),
        ("evaluate full/run.json", "is not a run"),
        ("evaluate full", "holds no agent"),
        ("trial nowhere", "nowhere does not exist"),
        ("trial full --out picture.jpg", "must end in .png or .gif"),
        ("references buss", "unknown family 'buss': did you mean 'bus'?"),
        ("bench enb", "invalid choice 'enb'"),
        ("bench env --family buss", "unknown family 'buss'"),
    ],
)
def test_mistakes_get_one_line_and_write_nothing(fake, tmp_path, capsys, arguments, words):
    (tmp_path / "full").mkdir()
    manifest = {"format": 1, "seed": 0, "agent": "fake", "family": "bus"}
    settings = {
        "budget": {"iterations": 6, "trials": 4, "episodes": 1},
        "rate": 0.5,
        "mode": "fast",
        "break_at": 0,
    }
    content = json.dumps({**manifest, "settings": settings})
    (tmp_path / "full" / "run.json").write_text(content)
    assert main(arguments.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("dreamrl: ")
    assert len(said.err.splitlines()) == 1
    assert words in said.err
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["full", "run.json"]
    assert (tmp_path / "full" / "run.json").read_text() == content


def test_more_devices_than_there_are(fake, capsys, tmp_path):
    for words in (["train", "fake", "bus", "--seeds", "2", "--out", "run"], ["resume", "run"]):
        assert main([*words, "--devices", "64"]) == 2
        said = capsys.readouterr().err
        assert said.startswith("dreamrl: devices must be at most 4, as many as JAX has here")
    assert not (tmp_path / "run").exists()


def test_trials_of_unknown_problems_and_too_few_trials(trained, capsys):
    assert main(["trial", str(trained), "--problem", "576"]) == 2
    assert "has no problem 576" in capsys.readouterr().err
    assert main(["evaluate", str(trained), "--trials", "1"]) == 2
    assert "trials must be at least 2" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_keeps_the_last_good_agent(fake, tmp_path, capsys):
    arguments = ["train", "fake", "bus", "--break-at", "6", "--out", "run", *QUICK]
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert "the loss of decoder was not finite at iteration 6" in said
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    assert manifest["status"] == "failed"
    assert manifest["iteration"] == 4
    assert main(["evaluate", "run", "--trials", "4"]) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_what_there_is_and_says_so(fake, tmp_path, capsys, monkeypatch, number):
    log = Run.log

    def interrupted(self, record):
        log(self, record)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(Run, "log", interrupted)
    assert main(["train", "fake", "bus", "--out", "run", *QUICK]) == 130
    said = capsys.readouterr().out
    assert "stopping after this chunk" in said
    assert "stopped at iteration 4" in said
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "interrupted"
    assert main(["evaluate", "run", "--trials", "4"]) == 0


def test_a_stopped_run_is_resumed_extended_and_listed(fake, capsys, monkeypatch):
    stops = Session.run

    def interrupted(self, listener, *rest):
        return stops(self, dataclasses.replace(listener, stop=lambda: True), *rest)

    words = ["fake", "bus", "--out", "runs/one", *QUICK]
    with monkeypatch.context() as patch:
        patch.setattr(Session, "run", interrupted)
        assert main(["train", *words]) == 130
    assert "dreamrl resume runs/one" in capsys.readouterr().out
    assert main(["resume", "runs/one", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "finished"
    assert main(["resume", "runs/one"]) == 0
    assert "finished, after 60 steps; --until" in capsys.readouterr().out
    assert main(["train", *words]) == 2
    assert "dreamrl resume goes on with it" in capsys.readouterr().err
    assert main(["train", *words, "--until", "100"]) == 0
    assert "10/6, 100/100 steps" in capsys.readouterr().out
    assert main(["train", *words, "--rate", "0.1", "--until", "200"]) == 2
    assert "holds a run of another settings" in capsys.readouterr().err
    assert main(["runs", "--json"]) == 0
    [listed] = json.loads(capsys.readouterr().out)
    assert (listed["run"], listed["state"], listed["steps"]) == ("runs/one", "finished", 100)
    assert main(["runs"]) == 0
    assert (
        "runs/one  fake   bus     1      10          100    0.300   finished"
        in capsys.readouterr().out
    )


def test_a_directory_that_cannot_be_made_is_a_mistake_in_the_command(fake, capsys, tmp_path):
    (tmp_path / "file").write_text("mine")
    assert main(["train", "fake", "bus", "--out", "file/run"]) == 2
    said = capsys.readouterr().err
    assert said == "dreamrl: file/run cannot be written: Not a directory\n"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["trane"]])
def test_what_needs_no_jax_does_not_import_it(arguments):
    code = (
        f"import sys; from dreamrl.cli import main; main({arguments}); print('jax' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "False"


def test_what_comes_next_after_a_diagnosis(tmp_path, capsys):
    budget = ["--iterations", "1", "--trials", "8", "--evaluation-trials", "8"]
    assert main(["train", "rl2", "diagnosis", "--out", "pump", *budget]) == 0
    said = capsys.readouterr().out
    assert "next:\n  dreamrl diagnose pump\n" in said
    assert said.endswith("  dreamrl evaluate pump\n"), "nothing is held out: there is one split"
