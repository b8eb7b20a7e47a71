"""What is for CPUs alone, and what makes other devices repeat themselves."""

import json
import os
import subprocess
import sys

import jax
import pytest

import dreamrl
from dreamrl import host
from dreamrl.agents import registry
from dreamrl.cli import main
from dreamrl.errors import UserError
from dreamrl.evaluation import evaluate
from dreamrl.training import Plan, train

QUICK = ["--chunk", "3", "--evaluation-trials", "8"]


@pytest.fixture
def asked(monkeypatch):
    """Options that programs are compiled with, one entry a program."""
    seen = []
    compile_ = jax.stages.Lowered.compile

    def recorded(lowered, compiler_options=None):
        seen.append(compiler_options or {})
        return compile_(lowered)

    monkeypatch.setattr(jax.stages.Lowered, "compile", recorded)
    monkeypatch.delenv("XLA_FLAGS")
    return seen


@pytest.mark.parametrize("backend", ["cpu", "gpu", "tpu"])
def test_options_that_were_tuned_on_cpus_stay_there(fake, asked, monkeypatch, backend):
    family = dreamrl.make("bus")
    trainer = registry.make_trainer("fake", family, fake())
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    training = train(trainer, (0,), Plan(chunk=6, evaluation_trials=8))
    assert len(asked) == 3
    agent = trainer.agent(jax.tree.map(lambda x: x[0], training.state))
    evaluate(family, agent, family.test_ids, trials=8)
    assert [bool(options) for options in asked] == [backend == "cpu"] * len(asked)


def test_cpus_repeat_themselves_anyway(fake, monkeypatch):
    before = os.environ["XLA_FLAGS"]
    host.make_deterministic()
    first, second = (dreamrl.train("fake", "bus", deterministic=True) for _ in range(2))
    assert first.agent.fingerprint == second.agent.fingerprint
    assert os.environ["XLA_FLAGS"] == before


def test_other_devices_must_be_told_before_they_compute(fake, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    with pytest.raises(
        UserError, match=r"JAX computes already: .* XLA_FLAGS=--xla_gpu_det"
    ) as told:
        dreamrl.train("fake", "bus", deterministic=True, out=tmp_path / "run")
    assert "\n" not in str(told.value)
    for words in (["train", "fake", "bus", "--out", str(tmp_path / "run")], ["resume", "nowhere"]):
        assert main([*words, "--deterministic"]) == 2
        assert capsys.readouterr().err == f"dreamrl: {told.value}\n"
    assert not (tmp_path / "run").exists()
    monkeypatch.setenv("XLA_FLAGS", f"--xla_dump_to=x {host.REPEATABLE}")
    assert dreamrl.train("fake", "bus", deterministic=True).agent


@pytest.mark.parametrize(
    "code",
    [
        "dreamrl.train('nobody', 'bus', deterministic=True, devices=1)",
        "from dreamrl.cli import main; main(['resume', 'nowhere', '--deterministic'])",
    ],
)
def test_xla_is_told_before_it_starts(code):
    wrapped = (
        "import contextlib, json, os, dreamrl\n"
        f"with contextlib.suppress(dreamrl.UserError): {code}\n"
        "import jax, jax.numpy as jnp; jnp.ones(1) + 1\n"
        "print(json.dumps(os.environ['XLA_FLAGS']))"
    )
    env = os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
    called = [sys.executable, "-c", wrapped]
    ran = subprocess.run(called, env=env, capture_output=True, text=True, check=True)
    flags = json.loads(ran.stdout.splitlines()[-1])
    assert flags == f"--xla_backend_optimization_level=0 {host.REPEATABLE}"
