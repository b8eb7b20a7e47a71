"""A seed that diverges stops alone, is told of everywhere, and can be gone on from."""

import re
import shlex

import jax
import numpy as np
import pytest
import safetensors.numpy

from dreamrl.cli import main
from dreamrl.configuration import changed
from dreamrl.errors import UserError
from dreamrl.runs import Run, Terms, create_from, ensure, find, open_session
from dreamrl.runs.results import evaluate_runs
from dreamrl.runs.survey import survey
from dreamrl.training import TrainingDiverged

BROKEN = {"break_at": 3, "break_seed": 1}


def parameters(run):
    return (run.path / "agent.safetensors").read_bytes()


def test_the_others_finish_and_it_is_marked(train, tmp_path):
    # The same program, with a seed to break that is not among them.
    whole, _ = train("whole", seeds=(0, 1, 2), changes={**BROKEN, "break_seed": 9})
    out, watch = train("run", seeds=(0, 1, 2), changes=BROKEN)
    manifest = Run(out).manifest
    assert (manifest["status"], manifest["failed"]) == ("finished", [1])
    assert (manifest["iteration"], manifest["steps"]) == (6, 60)
    assert manifest["result"]["failed"] == [1]
    assert len(manifest["result"]["seeds"]) == 2
    sound, bad, other = find(out)
    assert parameters(sound) == parameters(find(whole)[0])
    assert parameters(other) == parameters(find(whole)[2])
    ends = bad.manifest
    assert (ends["status"], ends["iteration"], ends["steps"]) == ("failed", 2, 20)
    assert "decoder was not finite at iteration 3 (seed 1)" in ends["error"]
    assert len(bad.records) == 2
    assert [each.manifest["status"] for each in (sound, other)] == ["finished"] * 2
    assert "seed 1" in watch.warnings[0]
    [listed] = survey(out)
    assert (listed.state, listed.failed, listed.iteration) == ("finished", (1,), 6)
    assert "seed 1" in listed.error
    with open_session(out) as session:
        assert session is None


def test_it_is_marked_at_once_and_stays_so_when_the_run_is_resumed(train, left):
    whole, _ = train("whole", seeds=(0, 1), changes=BROKEN)
    out, _ = train("run", chunks=4, seeds=(0, 1), changes=BROKEN)
    assert Run(out).manifest["status"] == "interrupted"
    assert [each.manifest["status"] for each in find(out)] == ["interrupted", "failed"]
    train("run", seeds=(0, 1), changes=BROKEN)
    assert left(out) == left(whole)
    assert [each.manifest["status"] for each in find(out)] == ["finished", "failed"]
    assert Run(out).manifest["failed"] == [1]


def test_one_that_is_extended_goes_on_with_the_healthy_ones(train):
    out, _ = train("run", seeds=(0, 1), changes=BROKEN)
    train("run", seeds=(0, 1), changes=BROKEN, until=80)
    assert [each.records[-1]["steps"] for each in find(out)] == [80, 20]


def test_a_comparison_of_means_leaves_it_out(train, monkeypatch):
    monkeypatch.setattr(
        "dreamrl.runs.results.evaluate_run",
        lambda run, *asked: {"return_mean": 1.0 + run.manifest["seed"], "return_ci95": [0, 9]},
    )
    out, _ = train("run", seeds=(0, 1, 2), changes=BROKEN)
    result = evaluate_runs(find(out))
    assert (result["return_mean"], result["failed"]) == (2.0, [1])
    assert evaluate_runs(find(out / "seed-1"))["return_mean"] == 2.0
    two, _ = train("two", seeds=(0, 1), changes=BROKEN)
    result = evaluate_runs(find(two))
    assert (len(result["seeds"]), result["return_ci95"]) == (1, [0, 9])


def test_once_all_have_failed_the_run_has(train, tmp_path):
    with pytest.raises(TrainingDiverged, match=r"iteration 3 \(seed 0\).*--from .*run --learning"):
        train("run", seeds=(0, 1), changes={"break_at": 3})
    out = tmp_path / "run"
    assert [Run(out).manifest["status"], *(r.manifest["status"] for r in find(out))] == (
        ["failed"] * 3
    )
    assert "seed 1" in find(out)[1].manifest["error"]


def test_the_command_that_the_error_names_goes_on_from_there(
    fake, train, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("dreamrl.cli._keep_compiled_programs", lambda: None)
    monkeypatch.chdir(tmp_path)
    quick = ["--chunk", "1", "--evaluation-trials", "4"]
    words = ["train", "fake", "bus", "--seeds", "2", "--out", "both of them", *quick]
    assert main([*words, "--break-at", "3", "--break-seed", "1"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"seeds that failed +1 of 2: 1", said)
    assert main(["runs", "."]) == 0
    listed = capsys.readouterr().out
    assert "finished, 1 failed" in listed
    command = re.search(r"dreamrl (train .*--learning-rate \S+) goes on", listed)[1]
    assert main([*shlex.split(command), "--break-at", "0", *quick]) == 0
    made = Run(tmp_path / "both of them-seed-1-on")
    assert made.manifest["status"] == "finished"
    assert made.manifest["origin"] == {"run": "both of them/seed-1", "iteration": 2}
    assert made.manifest["settings"]["budget"]["learning_rate"] == 0.001
    assert [r["iteration"] for r in made.records] == [3, 4, 5, 6]
    # As a seed that never broke, since the fake's learning rate changes nothing; but for the last
    # digits, as programs for one seed and for two differ.
    whole, _ = train("whole", seeds=(1,))
    found, wanted = (
        safetensors.numpy.load_file(r.path / "agent.safetensors") for r in (made, Run(whole))
    )
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), found, wanted)


def test_a_run_goes_on_from_another_with_other_settings(fake, train, tmp_path, left):
    whole, _ = train("whole", seeds=(0, 1), iterations=9)
    origin, _ = train("origin", seeds=(0, 1))
    asked = changed(fake(), {"iterations": 9})
    terms = Terms.read(Run(whole).manifest["terms"])
    create_from(origin, tmp_path / "longer", "fake", "bus", asked, terms)
    ensure(tmp_path / "longer", "fake", "bus", asked, (0, 1), terms)
    for made, one in zip(find(tmp_path / "longer"), find(whole), strict=True):
        assert parameters(made) == parameters(one)


@pytest.mark.parametrize(
    ("family", "changes", "words"),
    [
        ("bus", {}, "at iteration 6 of 6 already: ask for more --iterations"),
        ("tabular-didactic", {"iterations": 9}, "does not fit these settings: .*params"),
    ],
)
def test_what_cannot_be_gone_on_from_is_refused_and_writes_nothing(
    fake, train, tmp_path, family, changes, words
):
    origin, _ = train("origin")
    with pytest.raises(UserError, match=words):
        create_from(origin, tmp_path / "on", "fake", family, changed(fake(), changes))
    assert not (tmp_path / "on").exists()


def test_seeds_that_are_not_equally_far_go_on_one_by_one(fake, train, tmp_path):
    origin, _ = train("origin", chunks=4, seeds=(0, 1), changes=BROKEN)
    settings = changed(fake(), {"break_at": 0})
    with pytest.raises(UserError, match=r"give one of them, as .*seed-1"):
        create_from(origin, tmp_path / "on", "fake", "bus", settings)
    create_from(origin / "seed-0", tmp_path / "on", "fake", "bus", settings)
    with open_session(tmp_path / "on") as session:
        assert session.start.iteration == 4
        other = train("whole", chunks=4, seeds=(0,))[0]
        with open_session(other) as beside:
            same = jax.tree.map(
                np.array_equal,
                *(jax.tree.map(jax.random.key_data, s.start.state.key) for s in (session, beside)),
            )
    assert same
