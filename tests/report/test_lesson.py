"""The lesson: its own computation is the exact one, and its page is made of what was measured."""

import json
import shutil
import subprocess
from importlib.resources import files

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.report.page import TAUGHT, bundle
from tests.report.test_page import ELEMENTS, Page
from tools import lesson

ASSETS = files("dreamrl.report") / "assets"
NODE = shutil.which("node")
PROGRAM = """
import { measure, start, update } from "./trap.mjs";
const asked = JSON.parse(process.argv[2]);
const found = {};
for (const kind of ["coupled", "decoupled"]) {
  let learner = asked.learner ?? start(asked.actions, asked.quality, asked.seed);
  found.start = learner;
  const returned = [measure(learner).returned];
  for (let i = 0; i < asked.updates; i++) {
    learner = update(learner, asked.rate, kind === "coupled");
    returned.push(measure(learner).returned);
  }
  found[kind] = { learner, returned, measured: measure(learner) };
}
console.log(JSON.stringify(found));
"""
pytestmark = pytest.mark.skipif(NODE is None, reason="there is no node to compute it")


@pytest.fixture
def computed(tmp_path):
    """Gives what the page's own code makes of a start."""
    (tmp_path / "trap.mjs").write_text((ASSETS / "trap.js").read_text())
    (tmp_path / "program.mjs").write_text(PROGRAM)

    def computed(**asked):
        command = [NODE, "program.mjs", json.dumps(asked)]
        done = subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, timeout=60, text=True
        )
        return json.loads(done.stdout)

    return computed


def returned(learner):
    """The expected return of a trial, summed over problems and explorations of the family."""
    explore, exploit = learner
    n = len(explore)
    shown = jnp.diagonal(jax.nn.softmax(exploit))
    # After nothing, whatever is done is right in one problem of n.
    worth = jnp.full(n, 1 / n).at[n - 1].set(shown.mean())
    return jax.nn.softmax(explore) @ worth


def told(learner):
    """What the decoupled halves maximise: the return, told the problem; the information gained."""
    explore, exploit = learner
    return jnp.diagonal(jax.nn.softmax(exploit)).mean() + jax.nn.softmax(explore)[-1]


@pytest.mark.parametrize(("kind", "objective"), [("coupled", returned), ("decoupled", told)])
def test_updates_follow_the_exact_gradient(computed, kind, objective):
    rng = np.random.default_rng(3)
    learner = (rng.normal(size=5), rng.normal(size=(5, 5)))
    asked = dict(zip(("explore", "exploit"), (x.tolist() for x in learner), strict=True))
    found = computed(learner=asked, rate=0.7, updates=3)[kind]
    with jax.enable_x64(True):
        params = tuple(map(jnp.array, learner))
        for _ in range(3):
            grads = jax.grad(objective)(params)
            params = jax.tree.map(lambda x, g: x + 0.7 * g, params, grads)
        np.testing.assert_allclose(found["learner"]["explore"], params[0], atol=1e-12)
        np.testing.assert_allclose(found["learner"]["exploit"], params[1], atol=1e-12)
        assert found["measured"]["returned"] == pytest.approx(float(returned(params)))


@pytest.mark.parametrize("seed", range(4))
def test_who_begins_below_chance_is_trapped_and_decoupled_gets_out(computed, seed):
    found = computed(actions=8, quality=0.03, seed=seed, rate=1.0, updates=1000)
    begin, *_, coupled = found["coupled"]["returned"]
    assert begin < 1 / 8
    assert coupled < 1 / 8
    assert found["coupled"]["measured"]["looks"] < 0.12
    assert found["decoupled"]["returned"][-1] > 0.9


def test_who_begins_above_chance_gets_out_either_way(computed):
    found = computed(actions=8, quality=0.5, seed=0, rate=1.0, updates=1000)
    assert min(found[kind]["returned"][-1] for kind in ("coupled", "decoupled")) > 0.9


def test_a_start_has_the_quality_that_is_asked_for(computed):
    start = computed(actions=6, quality=0.2, seed=1, rate=1.0, updates=0)["start"]
    right = np.diagonal(jax.nn.softmax(jnp.array(start["exploit"])))
    np.testing.assert_allclose(right, 0.2, rtol=1e-5)
    other = computed(actions=6, quality=0.2, seed=2, rate=1.0, updates=0)["start"]
    assert abs(np.array(start["explore"]) - other["explore"]).max() > 0.1


def test_the_page_is_made_of_what_was_measured():
    kept = (ASSETS / "lesson.json").read_text(encoding="utf-8")
    assert kept == lesson.text(), "run: python -m tools.lesson"
    page = lesson.OUT.read_text(encoding="utf-8")
    assert page == lesson.lesson_html(), "run: python -m tools.lesson"
    parsed = Page(page)
    assert {tag for tag, _ in parsed.elements} == ELEMENTS
    assert parsed.data == json.loads(kept)
    assert len(page) < 500_000
    assert "fetch(" not in bundle(TAUGHT)
