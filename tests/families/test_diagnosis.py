"""The family from tables: what its outcomes, costs and payoffs are, and what is refused."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.errors import UserError
from dreamrl.evaluation import evaluate, spread
from dreamrl.families.diagnosis import diagnosis, from_columns, posterior
from dreamrl.families.family import draw_ids, prior_of
from dreamrl.testing import check_family
from dreamrl.trial import Choice
from dreamrl.types import Belief

FAULTS = {"fault": ["dry", "stuck", "burnt"], "prior": [0.5, 0.3, 0.2]}
TESTS = {
    "test": ["look", "smell", "smell", "smell"],
    "cost": [0.25, 0.0, None, None],
    "outcome": ["", "none", "oil", "smoke"],
    "dry": [0.0, 0.8, 0.1, 0.1],
    "stuck": [1.0, 0.1, 0.9, 0.0],
    "burnt": [0.5, 0.0, 0.2, 0.8],
}
REPAIRS = {"repair": ["fill", "free"], "dry": [1, -1], "stuck": [-1, 2], "burnt": [0.5, 0]}


def small(**changes):
    return from_columns(FAULTS, TESTS, REPAIRS, **changes)


def written(folder, **changes):
    """The files of the small table in a folder, with some cells changed."""
    for name, columns in {"faults": FAULTS, "tests": TESTS, "repairs": REPAIRS}.items():
        rows = [list(columns), *zip(*columns.values(), strict=True)]
        lines = [",".join("" if x is None else str(x) for x in row) for row in rows]
        (folder / f"{name}.csv").write_text(changes.get(name) or "\n".join(lines))
    return folder


def step(family, fault, action, goal=None, seed=0):
    key = jax.random.key(seed)
    state, _ = family.reset(key, jnp.array(fault))
    return family.step(key, jnp.array(fault), goal, state, jnp.array(action))[1]


def test_files_and_columns_say_the_same(tmp_path):
    read = diagnosis(str(written(tmp_path)))
    assert read.table == small().table
    assert hash(read.table) == hash(small().table)
    assert read.name == f"diagnosis:path={tmp_path}"
    assert dreamrl.make(read.name) == read
    assert (read.horizon, read.outcomes) == (2, "fresh")
    (tmp_path / "settings.json").write_text(json.dumps({"tests": 7, "outcomes": "fixed"}))
    read = dreamrl.make("diagnosis", path=tmp_path)
    # No test is done twice.
    assert (read.budget, read.horizon, read.outcomes) == (7, 2, "fixed")
    other = dreamrl.make(f"diagnosis:path={tmp_path},tests=3,outcomes=fresh")
    assert (other.horizon, other.outcomes) == (3, "fresh")


def test_frames_are_columns():
    class Frame(dict):
        """As pandas has it, as far as that is asked for."""

        @property
        def columns(self):
            return np.array(list(self), object)

        def __getitem__(self, name):
            return np.array(super().__getitem__(name), object)

    assert from_columns(Frame(FAULTS), Frame(TESTS), Frame(REPAIRS)) == small()


def test_the_table_has_all_outcomes_counted_through():
    table = small().table
    assert table.results == (
        "look: negative", "look: positive", "smell: none", "smell: oil", "smell: smoke"
    )  # fmt: skip
    np.testing.assert_allclose(table.flat[:, 2], [0.5, 0.5, 0.0, 0.2, 0.8])
    np.testing.assert_allclose(table.likelihoods[0, 2], 0.0)
    np.testing.assert_allclose(posterior(table, [1, 3]), [0, 0.27 / 0.29, 0.02 / 0.29])
    np.testing.assert_allclose(posterior(table, []), table.prior)


@pytest.mark.parametrize("outcomes", ["fresh", "fixed"])
def test_the_rules_are_kept(outcomes):
    check_family(small(outcomes=outcomes))


def test_tests_cost_and_show_and_repairs_pay():
    family = small()
    assert (family.action_space.n, family.end_action) == (3, 2)
    assert family.action_names == ("look", "smell", "end")
    assert family.exploitation_names == ("fill", "free", "no repair")
    seen = step(family, 1, 0)
    assert (int(seen.observation), float(seen.reward)) == (2, -0.25)
    assert int(step(family, 0, 0).observation) == 1
    paid = [[float(step(family, f, a, jnp.array(0)).reward) for a in range(3)] for f in range(3)]
    assert paid == [[1, -1, -1], [-1, 2, -1], [0.5, 0, 0]]
    assert bool(step(family, 0, 0, jnp.array(0)).terminated)
    ended = step(family, 0, 2)
    assert (int(ended.observation), float(ended.reward), bool(ended.terminated)) == (0, 0, True)


def test_tests_that_cost_nothing_leave_nothing_to_end():
    free = dict(TESTS, cost=[0, 0, None, None])
    family = from_columns(FAULTS, free, dict(REPAIRS))
    assert family.end_action is None
    assert family.action_space.n == 2
    # Fewer repairs than tests: numbers count through.
    more = {name: [*cells, *cells[:1]] for name, cells in free.items()}
    more["test"] = [*free["test"], "tap"]
    assert from_columns(FAULTS, more, REPAIRS).exploitation_names == ("fill", "free", "fill")


def test_outcomes_are_as_likely_as_the_table_says():
    family = small(budget=2)
    keys = jax.random.split(jax.random.key(0), 4000)

    def twice(family, key):
        first, second = jax.random.split(key)
        state, _ = family.reset(key, jnp.array(2))
        state, one = family.step(first, jnp.array(2), None, state, jnp.array(1))
        return one.observation, family.step(second, jnp.array(2), None, state, jnp.array(1))[1]

    one, two = jax.vmap(lambda key: twice(family, key))(keys)
    assert np.bincount(one, minlength=6)[3:] / 4000 == pytest.approx([0, 0.2, 0.8], abs=0.02)
    same = (np.asarray(one) == two.observation).mean()
    assert same == pytest.approx(0.2**2 + 0.8**2, abs=0.03)
    assert two.truncated.all()
    fixed = small(budget=2, outcomes="fixed")
    one, two = jax.vmap(lambda key: twice(fixed, key))(keys)
    assert np.bincount(one, minlength=6)[3:] / 4000 == pytest.approx([0, 0.2, 0.8], abs=0.02)
    np.testing.assert_array_equal(one, two.observation)


APART = {
    "test": ["x", "y", "z"],
    "cost": [0.1, 0, 0],
    "dry": [0.2, 0.3, 0.4],
    "stuck": [0.7, 0.9, 0.5],
    "burnt": [0.1, 0.6, 0.8],
}


def masks(family, *done):
    """What is possible before, between and after tests."""
    state, _ = family.reset(jax.random.key(0), jnp.array(0))
    found = [family.action_mask(jnp.array(0), None, state)]
    for test in done:
        state, step = family.step(jax.random.key(1), jnp.array(0), None, state, jnp.array(test))
        found.append(family.action_mask(jnp.array(0), None, state))
    return [None if mask is None else mask.tolist() for mask in found], bool(step.truncated)


def test_tests_that_exclude_one_another_and_tests_that_were_done():
    assert masks(from_columns(FAULTS, APART, REPAIRS), 0, 0) == ([None] * 3, False)
    # The last action ends the episode: some test costs something.
    either = from_columns(FAULTS, APART, REPAIRS, exclusive=[["x", "y"]])
    assert masks(either, 0, 0) == (
        [[True] * 4, [True, False, True, True], [True, False, True, True]], False
    )  # fmt: skip
    check_family(either)
    once = from_columns(FAULTS, APART, REPAIRS, outcomes="fixed", budget=9)
    assert once.horizon == 3
    assert masks(once, 1) == ([[True] * 4, [True, False, True, True]], False)
    both = from_columns(FAULTS, APART, REPAIRS, outcomes="fixed", exclusive=[["x", "y"]])
    # With x and z done nothing is left to do: the exploration is over.
    assert masks(both, 0, 2) == (
        [[True] * 4, [False, False, True, True], [False, False, False, True]], True
    )  # fmt: skip
    check_family(both)
    assert (
        both.action_mask(jnp.array(0), jnp.array(0), both.reset(jax.random.key(0), jnp.array(0))[0])
        is None
    )


def test_exclusive_tests_from_a_folder(tmp_path):
    held = {"exclusive": [["look", "smell"]]}
    (written(tmp_path) / "settings.json").write_text(json.dumps(held))
    assert diagnosis(str(tmp_path)).exclusive == (("look", "smell"),)
    assert diagnosis(str(tmp_path), outcomes="fixed").exclusive == (("look", "smell"),)
    assert dict(diagnosis(str(tmp_path)).__dict__, name="diagnosis") == vars(
        small(exclusive=[("look", "smell")])
    )


def test_numbers_that_mean_the_same_test_are_possible_together():
    more = dict(REPAIRS, repair=["fill", "free", "swap", "wait"])
    more |= {"dry": [1, -1, 0, 0.2], "stuck": [-1, 2, 0, 0.2], "burnt": [0.5, 0, 3, 0.2]}
    family = from_columns(FAULTS, TESTS, more, outcomes="fixed")
    assert family.action_names == ("look", "smell", "look", "smell", "end")
    assert masks(family, 2)[0][1] == [False, True, False, True, True]


def test_problems_are_drawn_by_their_prior():
    family = small()
    prior = prior_of(family, family.train_ids)
    drawn = draw_ids(family.train_ids, jax.random.key(0), 4000, prior)
    assert np.bincount(drawn) / 4000 == pytest.approx([0.5, 0.3, 0.2], abs=0.03)
    assert np.bincount(spread(family.train_ids, 1000, 3, prior)).tolist() == [500, 300, 200]
    pairs = (spread((0, 1, 2), 2, seed, prior) for seed in range(4000))
    few = np.mean([np.bincount(pair, minlength=3) for pair in pairs], 0)
    assert few / 2 == pytest.approx([0.5, 0.3, 0.2], abs=0.03)
    assert prior_of(family, (2, 1)) == pytest.approx([0.4, 0.6])
    assert prior_of(dreamrl.make("bandit"), (0, 1)) is None


class Fills:
    """Looks once, and repairs in one way."""

    def init_exploration(self):
        return jnp.array(0)

    def explore(self, carry, percept, key):
        return carry + 1, Choice(jnp.array(0), carry >= 1)

    def beliefs(self, exploration):
        return Belief(jnp.zeros((len(exploration.rewards) + 1, 1)))

    def init_exploitation(self, belief, episode, key):
        return jnp.array(0)

    def exploit(self, carry, percept, goal, key):
        return carry, Choice(jnp.array(0))


def test_evaluation_weighs_faults_and_counts_costs():
    family = small()
    found = evaluate(family, Fills(), family.test_ids, trials=1000)
    # What the test costs is in units of what repairs pay, and taken off.
    assert found.return_mean == pytest.approx(0.5 - 0.3 + 0.5 * 0.2 - 0.25)
    assert evaluate(family, Fills(), family.test_ids, 1000, episodes=3).return_mean == (
        pytest.approx(found.return_mean)
    )
    assert found.statistics == {"test_cost": pytest.approx(0.25), "useless_tests": 0}
    other = evaluate(dreamrl.make("diagnosis"), Fills(), range(8), trials=10)
    assert other.statistics == {"test_cost": 0, "useless_tests": 1}


FAULTS_CSV = "fault,prior\ndry,0.5\nstuck,0.3\nburnt,{}\n"
TESTS_CSV = "test,cost,dry,stuck,burnt\nlook,{},{},1,0.5\n{},0,0.5,0.5,0.5\n"
REPAIRS_CSV = "repair,dry,stuck,burnt\nfill,1,-1,{}\n{},{},-2,0\n"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"faults": FAULTS_CSV.format(0.3)}, "faults.csv, column 'prior': the sum is 1.1, and"),
        ({"faults": FAULTS_CSV.format("")}, "faults.csv, row 4, column 'prior': the cell is empty"),
        ({"faults": FAULTS_CSV.format("much")}, "row 4, column 'prior': 'much' is not a number"),
        ({"faults": FAULTS_CSV.format("nan")}, "row 4, column 'prior': 'nan' is not a finite"),
        (
            {"faults": FAULTS_CSV.format(0.1) + "\ndry,0.1\n"},
            "row 6, column 'fault': 'dry' is there twice, first in row 2",
        ),
        (
            {"faults": FAULTS_CSV.format(0.2) + "odd,0\n"},
            "row 5, column 'prior': 'odd' never happens: leave it out",
        ),
        ({"faults": "fault,prior\ndry,1\n"}, "with one fault there is nothing to find out"),
        (
            {"faults": "fault;prior\ndry;1\n"},
            "faults.csv has no column 'fault': it has 'fault;prior'; columns are separated by comm",
        ),
        ({"faults": "fault,prior\n"}, "faults.csv has no rows below its heading"),
        ({"faults": "fault,prior,prior\na,1,1"}, "faults.csv, row 1: 'prior' is there twice"),
        ({"faults": "fault,prior\na,b,0.5\nc,0.5"}, "row 2: there are 3 cells, and the heading 2"),
        ({"tests": TESTS_CSV.format(-1, 0, "tap")}, "tests.csv, row 2, column 'cost': -1 is negat"),
        ({"tests": TESTS_CSV.format(0, 1.5, "tap")}, "row 2, column 'dry': 1.5 is no probability"),
        ({"tests": TESTS_CSV.format(0, "", "tap")}, "row 2, column 'dry': the cell is empty"),
        ({"tests": TESTS_CSV.format(0, 0, "look")}, "row 3, column 'test': 'look' is there twice"),
        ({"tests": "test,cost,dry,stuck\nlook,0,1,1\n"}, "no column for the fault 'burnt'"),
        (
            {"tests": "test,cost,dry,stuck,burned\nlook,0,1,1,0\n"},
            "no column for the fault 'burnt'; column 'burned' is none of the faults",
        ),
        (
            {"tests": "test,cost,dry,stuck,burnt,wet\nlook,0,1,1,0,0\n"},
            "tests.csv: column 'wet' is none of the faults",
        ),
        (
            {"tests": "test,cost,outcome,dry,stuck,burnt\na,0,x,1,1,0\na,,y,0,0,0.9\n"},
            "tests.csv, row 3, column 'burnt': the outcomes of 'a' sum to 0.9, and not to 1",
        ),
        (
            {"tests": "test,cost,outcome,dry,stuck,burnt\na,0,x,1,1,0\na,2,y,0,0,1\n"},
            "row 3, column 'cost': 2 differs from 0",
        ),
        (
            {"tests": "test,cost,outcome,dry,stuck,burnt\na,0,x,1,1,0\na,,x,0,0,1\n"},
            "row 3, column 'outcome': 'x' of 'a' is there twice",
        ),
        (
            {"repairs": REPAIRS_CSV.format(0, "free", 0.5)},
            "repairs.csv, row 3, column 'repair': nobody needs 'free': 'fill' pays as much",
        ),
        (
            {"repairs": REPAIRS_CSV.format("", "free", 2)},
            "repairs.csv, row 2, column 'burnt': the cell is empty",
        ),
        (
            {"repairs": REPAIRS_CSV.format(0, "fill", 2)},
            "row 3, column 'repair': 'fill' is there twice",
        ),
    ],
)  # fmt: skip
def test_bad_tables_are_told_with_file_row_and_column(tmp_path, files, said):
    with pytest.raises(UserError) as error:
        diagnosis(str(written(tmp_path, **files)))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_too_many_faults_and_what_is_no_table_are_told(tmp_path):
    rows = "".join(f"f{i},0.000001\n" for i in range(10**6))
    written(tmp_path, faults=f"fault,prior\n{rows}")
    with pytest.raises(UserError, match=r"faults\.csv: there are more than 100,000 faults"):
        diagnosis(str(tmp_path))
    (tmp_path / "faults.csv").write_bytes(b"fault,prior\n\xff,1\n")
    with pytest.raises(UserError, match=r"faults\.csv is not a CSV file in UTF-8"):
        diagnosis(str(tmp_path))
    (tmp_path / "faults.csv").unlink()
    with pytest.raises(UserError, match=r"faults\.csv is missing"):
        diagnosis(str(tmp_path))
    with pytest.raises(UserError, match=r"there is no folder .*nowhere, with faults"):
        diagnosis(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="tests must be a frame or a mapping of columns, is 3"):
        from_columns(FAULTS, 3, REPAIRS)
    with pytest.raises(UserError, match="tests, row 0, column 'dry': 2 is no probability"):
        from_columns(FAULTS, dict(TESTS, dry=[2, 0.8, 0.1, 0.1]), REPAIRS)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ("{", "settings.json is not JSON"),
        ("[]", "settings.json must be an object"),
        ('{"test": 3}', r"unknown setting in .*settings.json 'test': did you mean 'tests'"),
        ('{"tests": 0}', "tests must be at least 1"),
        ('{"tests": 2.5}', "tests must be a whole number"),
        ('{"outcomes": "once"}', "outcomes must be fresh or fixed, is 'once'"),
        ('{"exclusive": "look"}', "exclusive must be lists of tests, as"),
        ('{"exclusive": ["look"]}', "exclusive must be lists of tests, as"),
        ('{"exclusive": [["look", "lick"]]}', r"unknown test in exclusive of .*json 'lick'"),
        ('{"exclusive": [["look"]]}', "must be two or more tests, each once"),
        ('{"exclusive": [["look", "look"]]}', "must be two or more tests, each once"),
    ],
)
def test_bad_settings_are_told(tmp_path, held, said):
    (written(tmp_path) / "settings.json").write_text(held)
    with pytest.raises(UserError, match=said):
        diagnosis(str(tmp_path))


def test_a_repair_that_is_second_best_everywhere_may_be_needed():
    cautious = {"repair": ["a", "b", "both"], "dry": [1, 0, 0.9], "stuck": [0, 1, 0.9]}
    faults = {"fault": ["dry", "stuck"], "prior": [0.5, 0.5]}
    tests = {"test": ["look"], "cost": [0], "dry": [1], "stuck": [0]}
    assert from_columns(faults, tests, cautious).table.repairs == ("a", "b", "both")


def test_names_of_the_command_line():
    assert dreamrl.make("diagnosis:tests=2").horizon == 2
    with pytest.raises(UserError, match="'tests=two' is not FIELD=NUMBER"):
        dreamrl.make("diagnosis:tests=two")
    with pytest.raises(UserError, match="path must be text, is 3"):
        dreamrl.make("diagnosis", path=3)
    with pytest.raises(UserError, match="outcomes must be fresh or fixed, is 'new'"):
        dreamrl.make("diagnosis:outcomes=new")


def test_the_built_in_table_is_copied_by_the_page_s_first_command(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "diagnosis.md"
    [command] = re.findall(r"^    python -c (.*)$", page.read_text(), re.M)
    [code] = shlex.split(command)
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert dreamrl.make("diagnosis", path=tmp_path / "plant").table == diagnosis().table


def test_the_files_on_the_page_are_the_table_beside_them(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "diagnosis.md").read_text()
    files = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    for name, text in zip(("faults", "tests", "repairs"), files, strict=True):
        (tmp_path / f"{name}.csv").write_text(text)
    code = re.findall(r"```python\n([^`]*family = from_columns\([^`]*)```", page)[0]
    names: dict = {}
    exec(code, names)
    assert diagnosis(str(tmp_path)).table == names["family"].table
