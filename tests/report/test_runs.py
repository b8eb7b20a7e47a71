"""The command and what it says of runs: whole ones, damaged ones, several."""

import shutil

import numpy as np
import pytest

from dreamrl.agents import registry
from dreamrl.cli import main
from dreamrl.configuration import paths_of
from dreamrl.errors import UserError
from dreamrl.evaluation import mean_ci95
from dreamrl.report import collect
from dreamrl.report.alarms import ALARMS, Facts, alarms
from dreamrl.report.charts import POINTS, charts
from dreamrl.runs import Run
from dreamrl.runs.store import write_json
from tests.report.conftest import NAME
from tests.report.test_page import Page


def test_the_page_of_a_run_whose_name_is_no_name(trained, capsys):
    out = trained(NAME)
    assert main(["report", str(out), "--problem", "3", "5"]) == 0
    page = (out / "report.html").read_text()
    assert "report.html" in capsys.readouterr().out
    parsed = Page(page)
    assert not [tag for tag, _ in parsed.elements if tag == "img"]
    [group] = parsed.data["groups"]
    assert group["name"] == str(out)
    assert [trial["problem"] for trial in group["seeds"][0]["trials"]] == [3, 5]
    assert {limit["label"]: round(limit["value"], 3) for limit in group["limits"]} == {
        "problem known": 0.8,
        "no exploration": 0.3,
    }
    assert group["settings"]["budget.iterations"] == "6"
    assert group["state"] == "finished"
    assert set(parsed.data["families"]["bus"]["board"]["problems"]) == {str(i) for i in range(24)}


def test_seeds_and_runs_side_by_side(trained, tmp_path):
    one, two = trained("one"), trained("two", 2, "--rate", "0.25")
    report = collect([one, two], [3])
    assert [len(group["seeds"]) for group in report["groups"]] == [1, 2]
    [setting] = [each for each in report["differences"] if each["setting"] == "rate"]
    assert setting["values"] == ["0.5", "0.25"]
    assert len(report["differences"]) == 1
    # The same goal for every agent: they can be compared.
    goals = {t["goal"] for g in report["groups"] for s in g["seeds"] for t in s["trials"]}
    assert len(goals) == 1
    [several] = report["together"]
    assert several["chart"]["title"] == "return on bus"
    labels = [series["label"] for series in several["chart"]["series"]]
    assert labels == ["fake (one)", "fake (two)"]
    assert [limit["label"] for limit in several["limits"]] == ["problem known", "no exploration"]
    top = report["groups"][1]["charts"][0]
    assert several["chart"]["series"][1]["lines"] == top["series"][0]["lines"]
    assert [line["seed"] for line in top["series"][0]["lines"]] == [0, 1]
    assert len(top["series"][0]["band"]["mean"]) == 3


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda out: (out / "run.json").write_text("{"), "run.json"),
        (lambda out: (out / "run.json").unlink(), "not a run"),
        (lambda out: write_json(out / "run.json", {**Run(out).manifest, "seed": None}), "seeds"),
        (lambda out: shutil.rmtree(out), "does not exist"),
    ],
)
def test_a_run_that_cannot_be_read_is_named_beside_one_that_can(trained, capsys, damage, says):
    good, bad = trained("good"), trained("bad")
    damage(bad)
    assert main(["report", str(bad), "--problem", "3"]) == 2
    assert says in capsys.readouterr().err
    assert main(["report", str(bad), str(good), "--problem", "3", "--out", "both.html"]) == 0
    said = capsys.readouterr()
    assert says in said.err
    assert "Traceback" not in said.err
    with open("both.html") as file:
        bad_one, good_one = Page(file.read()).data["groups"]
    assert says in bad_one["message"]
    assert good_one["message"] is None
    assert good_one["seeds"][0]["trials"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("metrics.jsonl", b"nonsense\n"), ("agent.safetensors", b"\0"), ("run.json", b"\xff\xfe")],
)
def test_a_seed_that_is_damaged_is_told_of_and_the_other_shown(trained, name, content):
    out = trained("both", 2)
    (out / "seed-0" / name).write_bytes(content)
    bad, good = collect([out], [3])["groups"][0]["seeds"]
    assert name.split(".")[0] in bad["message"]
    assert (bad["trials"], good["message"], len(good["trials"])) == ([], None, 1)


def test_half_written_metrics_are_read_as_far_as_they_are(trained):
    out = trained("run")
    whole = (out / "metrics.jsonl").read_bytes()
    (out / "metrics.jsonl").write_bytes(whole[:-9])
    [group] = collect([out], [3])["groups"]
    assert len(group["charts"][0]["series"][0]["lines"][0]["x"]) == 2
    (out / "metrics.jsonl").write_bytes(b"")
    [group] = collect([out], [3])["groups"]
    assert group["charts"] == []
    assert group["seeds"][0]["trials"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "RUN"),
        (["nothing"], "nothing does not exist"),
        (["run", "--out", "page.txt"], ".html"),
        (["run", "--out", "no/where.html"], "not a directory"),
        (["run", "--problem", "-1"], "problem"),
    ],
)
def test_mistakes_are_told_in_a_line(arguments, says, capsys, tmp_path):
    (tmp_path / "run").mkdir()
    assert main(["report", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.html"))


def test_a_problem_that_the_family_has_not_is_told_of(trained):
    [group] = collect([trained("run")], [99])["groups"]
    assert "no problem 99" in group["seeds"][0]["message"]


def test_no_run_at_all_is_an_error(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        collect([tmp_path / "nothing"])


def history(seed, values):
    return [
        {"iteration": i, "steps": 10 * i + seed, "return_unseen": value}
        for i, value in enumerate(values, 1)
    ]


def test_bands_are_means_and_intervals_over_seeds_that_are_there():
    [chart] = charts({0: history(0, [1, 2, 3]), 4: history(4, [2, 4])})
    [series] = chart["series"]
    mean, (low, high) = mean_ci95(np.array([2.0, 4.0]))
    assert series["band"]["x"] == [12, 22]
    assert series["band"]["mean"][1] == mean == 3
    np.testing.assert_allclose(
        [series["band"]["low"][1], series["band"]["high"][1]], [low, high], 1e-4
    )
    assert series["lines"][1] == {"seed": 4, "x": [14, 24], "y": [2, 4]}


def test_where_no_problem_is_held_out_none_is_called_unseen():
    one = {"steps": 1, "iteration": 1, "return_unseen": 0.5, "return_train": 0.5}
    [chart] = charts({0: [one], 1: [one]})
    assert [series["label"] for series in chart["series"]] == ["all problems"]
    [chart] = charts({0: [one], 1: [{**one, "return_train": 0.6}]})
    assert [series["label"] for series in chart["series"]] == [
        "unseen problems",
        "training problems",
    ]


def test_long_curves_keep_their_ends():
    [chart] = charts({0: history(0, range(10_000))})
    line = chart["series"][0]["lines"][0]
    assert len(line["x"]) == POINTS
    assert (line["y"][0], line["y"][-1]) == (0, 9999)
    assert chart["series"][0]["band"] is None


FINE = {
    "collapsed": 0.0,
    "information": 0.9,
    "z_squared": 2.0,
    "return_encoder": 0.8,
    "return_train": 0.8,
    "return_unseen": 0.8,
    "exploration_length": 9.0,
    "stop_length": 9.0,
}


def facts(progress=1.0, **changes):
    return Facts({**FINE, **changes}, progress, 0.1, 20, 0.8, 0.3)


def test_little_that_tells_all_is_fine():
    assert alarms({0: facts(z_squared=0.02, z_nats=0.7)}, {}) == []


def test_a_bottleneck_that_never_came_to_its_constraint_is_told():
    rising, turned = (facts(dual=dual)._replace(highest_dual=0.2) for dual in (0.2, 0.1))
    [alarm] = alarms({0: rising}, {})
    assert "still rises at the end (0.2)" in alarm["what"]
    assert alarms({0: turned}, {}) == []
    assert alarms({0: rising._replace(progress=0.9)}, {}) == []
    # None without a constraint.
    assert alarms({0: facts(dual=0.0)._replace(highest_dual=0.0)}, {}) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"collapsed": 1.0}, "collapsed to one step"),
        ({"information": 0.03}, "decoder reads next to nothing"),
        ({"z_squared": 0.02, "information": 0.0}, "encoder tells nothing"),
        ({"z_squared": 0.02, "z_nats": 0.01, "information": 0.0}, "encoder tells nothing"),
        ({"return_encoder": 0.3, "return_train": 0.3, "return_unseen": 0.3}, "cannot use z"),
        ({"return_train": 0.5, "return_unseen": 0.5}, "lost on the way"),
        ({"return_unseen": 0.6}, "on unseen ones"),
        ({"exploration_length": 20.0}, "never ends an exploration"),
    ],
)
def test_what_goes_wrong_is_told_once_with_what_to_try(changes, says):
    [alarm] = alarms({0: facts(**changes)}, {})
    assert says in alarm["what"]
    assert alarm["remedy"].endswith(".")
    assert alarm["seeds"] == [0]
    assert alarms({0: facts(0.1, **changes)}, {}) == []


def test_without_an_encoder_an_agent_can_still_explore_in_vain():
    record = {"return_train": 0.2, "return_unseen": 0.2, "exploration_length": 20.0}
    [alarm] = alarms({0: Facts(record, 1.0, None, 20, 0.8, 0.3)}, {})
    assert "no better for exploring" in alarm["what"]


def test_where_all_is_well_or_nothing_is_known_there_is_no_alarm():
    assert alarms({0: facts()}, {}) == []
    assert alarms({0: Facts({}, 1.0, None, None, None, None)}, {}) == []


def test_seeds_that_disagree_or_failed_are_named():
    seeds = {
        n: facts(return_unseen=r, return_train=r) for n, r in enumerate([0.8, 0.8, 0.5, 0.8, 0.8])
    }
    found = alarms(seeds, {7: "the loss was not finite"})
    assert [alarm["seeds"] for alarm in found] == [[7], [2], [2, 0]]
    assert "Seeds disagree" in found[-1]["what"]


def test_remedies_name_settings_that_there_are():
    known = paths_of(registry.METHODS["dream"].presets["default"])
    words = " ".join(remedy for _, remedy in ALARMS).replace(",", " ").split()
    named = [word.rstrip(".:;") for word in words if "." in word.rstrip(".:;")]
    assert len(named) > 5
    assert set(named) <= set(known)
