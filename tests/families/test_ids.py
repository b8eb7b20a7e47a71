"""Problem IDs and other numbers as NumPy and JAX have them: what the check accepts, all accept."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl import references
from dreamrl.agents import registry
from dreamrl.configuration import changed
from dreamrl.deploy.agent import TrainedAgent
from dreamrl.errors import FamilyError
from dreamrl.evaluation import evaluate
from dreamrl.families.family import HasGoals, plain, plain_ids
from dreamrl.families.treasure import Treasure
from dreamrl.runs.results import ids_of
from dreamrl.testing import check_family, replay
from dreamrl.training import Plan, train


def numbers(**fields):
    """A family whose numbers are of a library's types."""
    return type("Numbers", (Treasure,), fields)()


KINDS = {
    "numpy": np.array,
    "jax": jnp.array,
    "list of numpy": lambda ids: [np.int32(i) for i in ids],
    "list of jax": lambda ids: [jnp.array(i) for i in ids],
    "list": list,
    "range": lambda ids: range(min(ids), max(ids) + 1),
    "int8": lambda ids: np.array(ids, np.int8),
}


@pytest.mark.parametrize("kind", KINDS)
def test_ids_of_all_kinds_become_plain(kind):
    found = plain_ids(KINDS[kind]((3, 4, 5)))
    assert tuple(found) == (3, 4, 5)
    assert all(type(i) is int for i in found)
    assert isinstance(found, range) == (kind == "range")


@pytest.mark.parametrize(
    "ids",
    ["012", 3, None, {0: 1}, np.array([0.0, 1.0]), np.zeros((2, 2), int), [True], ["a"], [1.5]],
    ids=repr,
)
def test_other_ids_are_refused_in_words(ids):
    with pytest.raises(ValueError, match=r"^must (hold integers, holds|be a tuple or a range)"):
        plain_ids(ids)
    with pytest.raises(FamilyError, match=r"train_ids must"):
        check_family(numbers(train_ids=ids))


@pytest.mark.parametrize("kind", ["numpy", "jax"])
def test_a_family_of_such_numbers_is_played_everywhere(kind):
    family = numbers(
        train_ids=KINDS[kind]((0, 1, 2, 3)),
        test_ids=KINDS[kind]((4, 5)),
        horizon=np.int64(5),
    )
    check_family(family)
    settings = registry.settings_for("rl2", family.name)
    settings = changed(settings, {"iterations": 1, "trials": 2, "minibatches": 1})
    algorithm = registry.make_trainer("rl2", family, settings)
    training = train(algorithm, (0,), Plan(1, 1, 4))
    agent = algorithm.agent(jax.tree.map(lambda x: x[0], training.state))
    for ids in (family.test_ids, family.train_ids, np.arange(3)):
        assert evaluate(family, agent, ids, trials=4).trials == 4
    assert replay(family, np.int64(4), None, [0, 1]).rewards.shape == (2,)
    assert ids_of(algorithm.family, "unseen") == (4, 5)
    assert plain(family) == plain(type(family)())
    assert TrainedAgent(family, agent).explore(4).steps == 5
    assert references.optimum(family, family.test_ids) > 0


def test_an_end_action_of_numpy_is_one():
    bus = dreamrl.make("bus")

    for kind in (np.int32, np.array, jnp.array):
        ending = type("Ending", (type(bus),), {"end_action": kind(bus.end_action)})("bus")
        check_family(ending)
        assert type(plain(ending).end_action) is int
        assert plain(ending) == plain(ending)
    assert plain(bus) is bus


@pytest.mark.parametrize("horizon", [5.0, "5", None, np.array([5, 5])], ids=repr)
def test_no_whole_number_is_made_of_what_is_none(horizon):
    with pytest.raises(FamilyError, match="horizon must be an integer of at least 1"):
        check_family(numbers(horizon=horizon))


@pytest.mark.parametrize("where", ["field", "property", "class"])
def test_wherever_a_family_has_its_numbers_they_become_plain(where):
    ids = np.arange(20)
    if where == "property":
        family = numbers(train_ids=property(lambda self: ids))
    elif where == "class":
        family = numbers(train_ids=ids)
    else:
        family = numbers()
        object.__setattr__(family, "train_ids", ids)
    found = plain(family)
    assert found.train_ids == tuple(range(20))
    assert isinstance(found, type(family))
    assert isinstance(found, HasGoals)
    assert family.train_ids is ids
