"""Which method for which family: by the exact values, and by what random trials show."""

import json

import pytest

import dreamrl
from dreamrl.advice import Values, advise, cautions, choose, probe_of
from dreamrl.cli import main
from dreamrl.families.diagnosis import diagnosis


@pytest.mark.parametrize(
    ("values", "method", "said"),
    [
        (None, "dream", "no-exploration with oracle"),
        (Values(1, 1, None, 1, 0.995), "no-exploration", "nothing to be gained"),
        (Values(1, 0.51, None, 0.505, 0.5), "no-exploration", "none shows what would help"),
        (Values(1, 0.9, None, 0.87, 0.5), "e-rl2", "exploring is easy"),
        (Values(1, 0.9, None, 0.6, 0.5), "dream", "DREAM's case"),
        (Values(1, None, None, 0.6, 0.5), "dream", "of at most 1.000"),
        (Values(1, 0.9, 0.89, 0.6, 0.5), "dream", "DREAM's case"),
        (Values(1, 0.9, 0.85, 0.6, 0.5), "rl2", "paid for information"),
    ],
)
def test_the_figure_is_followed(values, method, said):
    chosen, why = choose(values)
    assert chosen == method
    assert said in why[-1]


def test_what_random_trials_show():
    # Arms pay in explorations as well, and one of three does; a bus trip costs what it costs.
    assert probe_of(dreamrl.make("bandit", arms=3, horizon=1)).explorations_pay
    bus = probe_of(dreamrl.make("bus"))
    assert not bus.explorations_pay
    assert 0 < bus.rewarded < 0.05
    said = " ".join(cautions(dreamrl.make("bus"), bus))
    assert "more entropy or episodes" in said
    assert "Explorations pay" not in said


def test_a_diagnosis_where_information_is_not_what_pays():
    found = advise(diagnosis(table="asia"))
    assert (found.method, found.family) == ("rl2", "diagnosis:table=asia")
    assert found.values.best - found.values.informed == pytest.approx(0.03616, abs=1e-4)
    assert found.steps == 1_433_600


def test_the_command(capsys):
    assert main(["advise", "diagnosis", "--json"]) == 0
    held = json.loads(capsys.readouterr().out)
    assert (held["method"], held["command"]) == ("dream", "dreamrl train dream diagnosis")
    assert main(["advise", "diagnosis"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("diagnosis: try dream first, up to ")
    assert told.endswith("\n  dreamrl train dream diagnosis\n")
    assert main(["advise", "nothing"]) == 2
