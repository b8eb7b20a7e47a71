"""A new machine each trial: what a table means is learned, and holds for tables never seen."""

import numpy as np
import pytest

import dreamrl
from dreamrl.agents.dream.algorithm import Dream
from dreamrl.configuration import changed
from dreamrl.families.diagnosis import fleet
from dreamrl.references import references


@pytest.mark.learns
def test_the_better_test_of_machines_never_seen_is_done(small):
    family = fleet(tables=300, held_out=50, faults=2, tests=3, repairs=2, budget=1)
    trained = dreamrl.train(Dream(family, changed(small, {"iterations": 250}))).agent
    found = dreamrl.evaluate(trained, trials=4000)
    of_each = [references(family.machine(number), 10) for number in range(250, 300)]
    best = np.mean([each.bayes_optimal.low for each in of_each])
    first = np.mean([each.fixed_order.mean for each in of_each])
    assert best > first + 0.1
    assert found.return_mean > first + 0.6 * (best - first)
