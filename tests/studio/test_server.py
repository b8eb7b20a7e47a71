"""What the studio answers: the list of runs, runs as they change, and trials that are asked for."""

import asyncio
import json
import re
import shutil
import threading
from importlib.resources import files

import pytest

from dreamrl.errors import UserError
from dreamrl.report import collect
from dreamrl.report.page import STUDIO
from dreamrl.runs import Run
from dreamrl.runs.lock import lock
from dreamrl.studio import live
from dreamrl.studio.schema import Choices, Row, Shown
from dreamrl.studio.shelf import Shelf
from tests.report.conftest import NAME
from tests.report.test_page import Page


def events(shelf, keys, number, between=lambda: None):
    """The first so many events, each kind with its data; `between` is called before the last."""

    async def listen():
        found = []
        async for text in live.changes(shelf, keys, wait=0.0):
            if text.startswith("event: "):
                kind, data = text.removeprefix("event: ").split("\ndata: ")
                found.append((kind, json.loads(data)))
                if len(found) == number - 1:
                    between()
            if len(found) >= number:
                return found

    return asyncio.run(listen())


def test_the_page_may_ask_its_own_server_and_nobody_else(studio, tmp_path):
    client, _, _ = studio(tmp_path)
    page = Page(client.get("/").text)
    [policy] = [has["content"] for tag, has in page.elements if "http-equiv" in has]
    assert "default-src 'none'" in policy
    assert policy.endswith("; connect-src 'self'")
    assert page.text("title") == "dreamrl studio"
    assert STUDIO[-1] == "studio"


def test_all_runs_are_listed_the_damaged_ones_with_what_is_wrong(trained, tmp_path, studio):
    trained("runs/good", 2)
    (trained("runs/bad") / "run.json").write_text("{")
    shelf = Shelf([tmp_path / "runs"])
    bad, good = shelf.rows()
    assert (good["agent"], good["family"], good["seeds"]) == ("fake", "bus", 2)
    assert (good["state"], good["progress"]) == ("finished", "6 of 6")
    assert bad["state"] == "damaged"
    assert "run.json is damaged" in bad["message"]
    with lock(tmp_path / "runs" / "good"):
        Run(tmp_path / "runs" / "good").update(status="running")
        assert shelf.rows()[1]["state"] == "running"


def test_a_run_is_what_a_report_of_it_shows(trained, tmp_path):
    out = trained("run", 2)
    shelf = Shelf([tmp_path])
    [row] = shelf.rows()
    [group] = collect([out], [3])["groups"]
    shown = shelf.group(row["key"])
    for each in (group, shown):
        each.pop("seeds")
    assert shown == group


def test_curves_grow_while_a_run_trains(trained, tmp_path):
    out = trained("run")
    shelf = Shelf([tmp_path])
    [row] = shelf.rows()
    metrics = out / "metrics.jsonl"
    *before, newest = metrics.read_bytes().splitlines(keepends=True)
    metrics.write_bytes(b"".join(before))

    def log():
        with open(metrics, "ab") as file:
            file.write(newest)

    told = events(shelf, [row["key"]], 3, log)
    # The list of many runs takes longer, and holds up none that is asked for.
    assert [kind for kind, _ in told] == ["run", "runs", "run"]
    first, second = (data["group"]["charts"][0]["series"][0]["lines"][0] for _, data in told[::2])
    assert second["x"][:-1] == first["x"]
    assert second["x"][-1] == json.loads(newest)["steps"]


def test_exact_values_are_not_waited_for_and_are_shown_once_they_are_there(
    trained, tmp_path, monkeypatch
):
    out = trained("run")
    Run(out).update(result={})
    known = threading.Event()

    def reach(family, tables):
        assert family == "bus"
        assert known.wait(60)
        return {"optimal": 0.8, "no_exploration": 0.3}

    monkeypatch.setattr("dreamrl.studio.shelf.reach", reach)
    shelf = Shelf([tmp_path])
    [row] = shelf.rows()
    told = events(shelf, [row["key"]], 3, known.set)
    first, second = (data["group"]["limits"] for kind, data in told if kind == "run")
    assert first == []
    assert [each["value"] for each in second] == [0.8, 0.3]


def test_a_run_that_goes_away_is_told_of(trained, tmp_path):
    out = trained("run")
    shelf = Shelf([tmp_path])
    [row] = shelf.rows()
    told = events(shelf, [row["key"]], 3, lambda: shutil.rmtree(out))
    assert told[0][1]["group"]["message"] is None
    assert "does not exist" in told[2][1]["group"]["message"]
    assert shelf.rows() == []
    assert "no such run" in shelf.group(row["key"])["message"]


def test_what_two_runs_do_not_have_in_common(trained, tmp_path):
    trained("one")
    trained("two", 1, "--rate", "0.25")
    shelf = Shelf([tmp_path])
    keys = [row["key"] for row in shelf.rows()]
    kind, found = events(shelf, keys, 3)[-1]
    assert kind == "differences"
    assert [each["setting"] for each in found["differences"]] == ["rate"]
    [several] = found["together"]
    assert several["chart"]["title"] == "return on bus"
    assert [each["label"] for each in several["chart"]["series"]] == ["fake (one)", "fake (two)"]


def test_a_trial_is_that_of_a_report(trained, tmp_path, studio):
    out = trained(NAME)
    client, _, keys = studio(tmp_path)
    key = keys[str(out)]
    answer = client.get("/trial", {"key": key, "seed": 0, "problem": 3, "swap": 5}).json()
    report = collect([out], [3, 5])
    [trial] = answer["seed"]["trials"]
    expected = json.loads(json.dumps(report["groups"][0]["seeds"][0]["trials"][0]))
    assert trial == expected
    assert answer["view"]["board"]["problems"].keys() == {str(i) for i in range(24)}
    assert answer["view"]["actions"] == report["families"]["bus"]["actions"]


def test_any_goal_can_be_asked_for(trained, tmp_path, studio):
    trained("run")
    client, _, keys = studio(tmp_path)
    [key] = keys.values()
    asked = {"key": key, "seed": 0, "problem": 3}
    goals = client.get("/trial", asked).json()["goals"]
    assert len(goals) == 4
    for number, goal in enumerate(goals):
        [trial] = client.get("/trial", {**asked, "goal": number}).json()["seed"]["trials"]
        assert trial["goal"] == goal
        assert list(trial["exploited"]["places"][-1]) == json.loads(goal) == trial["goal_place"]


@pytest.mark.parametrize(
    ("asked", "status", "says"),
    [
        ({"key": "0" * 16}, 404, "no such run"),
        ({"problem": "99"}, 422, "no problem 99"),
        ({"problem": ""}, 422, "problem must be a whole number"),
        ({"problem": "-1"}, 422, "problem must be a whole number"),
        ({"problem": "９"}, 422, "problem must be a whole number"),
        ({"seed": "7"}, 422, "no seed 7"),
        ({"goal": "9"}, 422, "no goal 9"),
        ({"swap": "99"}, 422, "no problem 99"),
    ],
)
def test_what_there_is_not_is_told_in_a_line(trained, tmp_path, studio, asked, status, says):
    trained("run")
    client, _, keys = studio(tmp_path)
    [key] = keys.values()
    answer = client.get("/trial", {"key": key, "seed": 0, "problem": 3, **asked})
    assert answer.status == status
    assert says in answer.json()["message"]


def test_a_seed_that_is_damaged_is_told_of_and_the_other_plays(trained, tmp_path, studio):
    out = trained("both", 2)
    (out / "seed-0" / "agent.safetensors").write_bytes(b"\0")
    client, _, keys = studio(tmp_path)
    asked = {"key": keys[str(out)], "problem": 3}
    bad, good = (client.get("/trial", {**asked, "seed": seed}) for seed in (0, 1))
    assert "damaged" in bad.json()["message"]
    assert good.status == 200


def test_what_is_no_directory_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a directory"):
        Shelf([tmp_path / "nowhere"])


def test_the_schemas_agree():
    """Every entry of the list and of a run is one that the page's types have, and the other way."""
    script = (files("dreamrl.report") / "assets" / "studio.js").read_text()
    told = set(
        re.findall(r"(\w+): ", script[script.index("@typedef") : script.index("const HEADS")])
    )
    entries = [kind.__annotations__.keys() for kind in (Row, Choices, Shown)]
    assert told == set().union(*entries)


def test_a_failure_of_the_studio_is_told_to_the_page(trained, tmp_path, studio, monkeypatch):
    trained("run")
    client, _, keys = studio(tmp_path)
    [key] = keys.values()

    def broken(*args, **kwargs):
        raise RuntimeError("out of luck")

    monkeypatch.setattr("dreamrl.studio.stage.trials", broken)
    with pytest.raises(RuntimeError, match="out of luck"):
        client.get("/trial", {"key": key, "seed": 0, "problem": 3})
    answer = client.sent
    assert answer.status == 500
    assert "out of luck" in answer.json()["message"]
