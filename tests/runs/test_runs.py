"""Runs on disk: what is written is read again, and what was not written by us is refused."""

import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl import runs
from dreamrl.agents import registry
from dreamrl.errors import UserError
from dreamrl.files import Unwritable, write
from dreamrl.runs.store import load_tree, save_tree
from dreamrl.training import seed_keys


@pytest.fixture
def made(fake, tmp_path):
    """A run with an agent in it, and the training state that the agent came from."""
    [run] = runs.create(tmp_path / "run", "fake", "bus", fake(), (0,))
    algorithm = registry.make_trainer("fake", dreamrl.make("bus"), fake())
    state = algorithm.init(jax.random.key(5))
    run.save(state)
    return run, state


def test_an_agent_comes_back_as_it_was(made):
    run, state = made
    loaded = run.load()
    assert loaded.family.name == "bus"
    jax.tree.map(np.testing.assert_array_equal, loaded.state.params, state.params)
    np.testing.assert_array_equal(loaded.agent.logits, state.params.logits)


def test_a_setting_younger_than_the_run_has_its_default(fake, tmp_path):
    [run] = runs.create(tmp_path / "run", "fake", "bus", fake(rate=0.25), (0,))
    settings = run.manifest["settings"]
    del settings["mode"]
    run.update(settings=settings)
    algorithm = registry.make_trainer("fake", dreamrl.make("bus"), fake())
    run.save(algorithm.init(jax.random.key(5)))
    assert run.load().algorithm.settings == fake(rate=0.25)


def test_trees_of_keys_and_scalars_come_back(tmp_path):
    tree = {
        "key": jax.random.split(jax.random.key(3), 2),
        "count": jnp.array(7),
        "flag": jnp.array([True, False]),
        "nothing": None,
        "pair": (jnp.ones(2), jnp.zeros((0, 3), jnp.uint32)),
    }
    save_tree(tmp_path / "tree", tree)
    again = load_tree(tmp_path / "tree", jax.eval_shape(lambda: tree))
    assert jax.tree.structure(again) == jax.tree.structure(tree)
    same = jax.tree.map(lambda a, b: a.dtype == b.dtype and bool((a == b).all()), tree, again)
    assert all(jax.tree.leaves(same))


@pytest.mark.parametrize("agent", registry.METHODS)
def test_the_whole_state_of_every_agent_comes_back(agent, tmp_path):
    algorithm = registry.make_trainer(
        agent, dreamrl.make("bus"), registry.settings_for(agent, "bus")
    )
    like = jax.eval_shape(jax.vmap(algorithm.init), seed_keys((0, 1)))
    state = jax.tree.map(lambda leaf: jnp.broadcast_to(_some(leaf.dtype), leaf.shape), like)
    save_tree(tmp_path / "state", state)
    again = load_tree(tmp_path / "state", like)
    assert jax.tree.structure(again) == jax.tree.structure(like)
    same = jax.tree.map(lambda a, b: a.dtype == b.dtype and bool((a == b).all()), state, again)
    assert all(jax.tree.leaves(same))


def _some(dtype):
    is_key = jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key)
    return jax.random.key(3) if is_key else jnp.ones((), dtype)


@pytest.mark.parametrize(
    ("like", "words"),
    [
        ({"a": jnp.ones(2), "b": jnp.ones(2)}, "lacks the array 'b'"),
        ({}, "has an array that the agent has not: 'a'"),
        ({"a": jnp.ones(3)}, r"'a' is .*\[2\].*needs .*\[3\]"),
        ({"a": jnp.ones(2, jnp.int32)}, "float32.*int32"),
    ],
)
def test_another_structure_is_refused(tmp_path, like, words):
    save_tree(tmp_path / "tree", {"a": jnp.ones(2)})
    with pytest.raises(UserError, match=words):
        load_tree(tmp_path / "tree", like)


def damage_one_byte(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    "change",
    [damage_one_byte, lambda c: c[:-4], lambda c: b"", lambda c: pickle.dumps({})],
    ids=["one byte", "cut off", "empty", "a pickle"],
)
def test_a_damaged_agent_is_refused(made, change):
    run, _ = made
    path = run.path / "agent.safetensors"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(UserError, match=r"agent\.safetensors is damaged"):
        run.load()


@pytest.mark.parametrize("content", ["", "{}", "[1]", "nonsense", '{"format": 99}', "\udcff"])
@pytest.mark.parametrize("name", ["run.json", "agent.json"])
def test_a_damaged_manifest_is_refused(made, name, content):
    run, _ = made
    (run.path / name).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        run.load()


@pytest.mark.parametrize(
    ("entry", "value", "words"),
    [
        (
            "agent",
            "nobody",
            r"unknown agent 'nobody': .*register_method\('nobody', ...\) was called",
        ),
        ("family", "nowhere", "unknown family"),
        ("family", 3, "'family' is 3"),
        ("settings", {"rate": 0.25}, r"agent\.json is of another run"),
        ("settings", {"rates": 0.5}, "unknown setting 'rates'"),
        ("settings", None, "'settings' is None"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(made, entry, value, words):
    run, _ = made
    run.update(**{entry: value})
    with pytest.raises(UserError, match=words):
        run.load()


def test_a_run_without_an_agent_says_so(fake, tmp_path):
    [run] = runs.create(tmp_path / "run", "fake", "bus", fake(), (0,))
    with pytest.raises(UserError, match="holds no agent"):
        run.load()


def test_a_directory_is_one_run_or_several(fake, tmp_path):
    runs.create(tmp_path / "one", "fake", "bus", fake(), (4,))
    runs.create(tmp_path / "two", "fake", "bus", fake(), (0, 1))
    assert [run.manifest["seed"] for run in runs.find(tmp_path / "one")] == [4]
    assert [run.manifest["seed"] for run in runs.find(tmp_path / "two")] == [0, 1]
    assert [run.path.name for run in runs.find(tmp_path / "two")] == ["seed-0", "seed-1"]


def test_what_is_there_stays(fake, tmp_path):
    runs.create(tmp_path / "one", "fake", "bus", fake(), (4,))
    with pytest.raises(UserError, match="already holds a run"):
        runs.create(tmp_path / "one", "fake", "bus", fake(), (5,))
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="is a file"):
        runs.create(tmp_path / "file", "fake", "bus", fake(), (5,))
    with pytest.raises(UserError, match="other files"):
        runs.create(tmp_path, "fake", "bus", fake(), (5,))
    assert (tmp_path / "file").read_text() == "mine"


def test_a_manifest_tells_what_was_asked_for(made):
    run, _ = made
    run.close("finished", wall_seconds=1.5)
    manifest = json.loads((run.path / "run.json").read_text())
    assert manifest["settings"]["mode"] == "fast"
    assert manifest["versions"].keys() >= {"dreamrl", "jax", "jaxlib", "equinox", "numpy", "python"}
    assert manifest["status"] == "finished"
    assert manifest["started"] <= manifest["finished"]


def test_the_log_is_one_object_a_line_without_what_is_not_finite(made):
    run, _ = made
    run.log({"iteration": 1, "loss": float("nan")})
    run.log({"iteration": 2, "loss": 0.5})
    assert run.records == [{"iteration": 1}, {"iteration": 2, "loss": 0.5}]


def test_writing_leaves_the_old_file_or_the_new_one(tmp_path, monkeypatch):
    write(tmp_path / "file", b"old")
    monkeypatch.setattr("os.replace", lambda *paths: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(Unwritable, match="file cannot be written: full"):
        write(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"
