"""Families of environments are copied and sent to other processes."""

import copy
import pickle

import cloudpickle
import gymnasium
import jax
import numpy as np
import pytest

from dreamrl.families.gym import GymFamily
from dreamrl.testing import replay

WAYS = {
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "cloudpickle": lambda x: pickle.loads(cloudpickle.dumps(x)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


class Named(GymFamily):
    """Asks for other things than the class it is made of."""

    def __init__(self, length):
        super().__init__("named", make, (0, 1, 2), (3,), horizon=length, kept=6)
        self.more = "its own"


def make(problem_id):
    return gymnasium.make("FrozenLake-v1", is_slippery=bool(problem_id % 2))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_each_has_environments_of_its_own(way):
    family = Named(5)
    again = way(family)
    assert type(again) is Named
    assert (again.name, again.train_ids, again.test_ids) == ("named", (0, 1, 2), (3,))
    assert (again.horizon, again.at_once, again.more) == (5, 3, "its own")
    family.close()
    one, other = (replay(each, 1, None, [1, 1]) for each in (family, again))
    jax.tree.map(np.testing.assert_array_equal, one, other)
    again.close()
    assert way(again).more == "its own"
