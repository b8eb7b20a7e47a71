"""A result in words: what a family counts is told under its own name."""

from dreamrl.cli.values import describe

RESULT = {
    "agent": "dream",
    "split": "unseen",
    "trials": 10,
    "return_mean": 0.5,
    "return_ci95": [0.4, 0.6],
    "optimal": None,
    "no_exploration": None,
    "exploration_length_mean": 4.25,
}


def test_statistics_are_told_whatever_they_are_called():
    rows = describe(
        {**RESULT, "programs_right": 0.985, "test_cost": 0.25, "belief_divergence": 0.1}
    )
    assert [name for name, _ in describe(RESULT)] == [
        "return on unseen problems",
        "steps of exploration",
    ]
    assert describe({**RESULT, "held_out": False})[0][0] == "return on all problems"
    assert rows[2:] == [
        ("programs wholly right", "98.5%"),
        ("paid for tests, taken off", "0.250"),
        ("belief against the exact one", "0.100 nats"),
    ]
