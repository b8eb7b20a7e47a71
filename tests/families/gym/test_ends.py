"""Who owns environments: there are never too many, and none is left, however a program ends."""

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.evaluation import outcomes
from dreamrl.families.gym import GymFamily
from dreamrl.families.gym.stock import Stock
from dreamrl.families.privileged import WithTaskInfo
from dreamrl.testing import check_family
from dreamrl.trial import Choice, rollout
from tests.families.gym.test_late import Still


@pytest.fixture
def counted(line):
    """A kind of environment that counts those that there are."""

    class Counted(line):
        made = now = most = 0

        def __init__(self, problem_id):
            super().__init__(problem_id)
            Counted.made += 1
            Counted.now += 1
            Counted.most = max(Counted.most, Counted.now)

        def close(self):
            assert not self.closed
            super().close()
            Counted.now -= 1

    return Counted


def play(family):
    def one(problem_id, key):
        def act(memory, percept, key):
            return memory, Choice(jax.random.randint(key, (), 0, 2))

        return rollout(family, family.problem(problem_id), None, act, (), key)[0]

    return one


@pytest.mark.parametrize("kept", [1, 8, 64])
def test_there_are_never_more_than_may_be(line, counted, kept):
    free = GymFamily("lines", line, range(3), range(3, 5), horizon=4, check=False)
    family = GymFamily("lines", counted, range(3), range(3, 5), horizon=4, kept=kept)
    ids, keys = jnp.arange(24) % 5, jax.random.split(jax.random.key(0), 24)
    both = jnp.stack([ids, ids + 1]) % 5, jnp.stack([keys, keys[::-1]])
    wanted, found = (jax.jit(jax.vmap(jax.vmap(play(f))))(*both) for f in (free, family))
    jax.tree.map(np.testing.assert_array_equal, wanted, found)
    assert 1 <= counted.most <= kept
    family.close()
    free.close()
    assert counted.now == 0
    # What is played after that makes new ones.
    jax.jit(jax.vmap(play(family)))(ids, keys)
    assert 1 <= counted.most <= kept
    family.close()


def test_an_evaluation_needs_no_more_than_a_few(counted):
    family = GymFamily("lines", counted, range(3), range(3, 5), horizon=3, kept=6)
    check_family(family)
    keys = jax.random.split(jax.random.key(0), 200)
    both = jax.vmap(lambda _: outcomes(WithTaskInfo(family), Still(), jnp.arange(200) % 3, keys, 3))
    assert jax.jit(both)(jnp.arange(2)).returns.shape == (2, 200, 3)
    assert counted.most <= 6
    family.close()


def test_too_many_at_once_by_ones_own_map_are_told(counted):
    family = GymFamily("lines", counted, (0,), (1,), horizon=3, kept=4)
    with pytest.raises(Exception, match="4 environments are in use, and kept=4 is all that"):
        jax.block_until_ready(
            jax.vmap(lambda key: family.reset(key, jnp.array(0)))(
                jax.random.split(jax.random.key(0), 5)
            )
        )
    assert counted.most <= 4
    family.close()


def test_nothing_is_lost_where_something_breaks(counted):
    class Breaking(counted):
        def step(self, action):
            if self.problem_id == 2 and action:
                raise ValueError("broken")
            return super().step(action)

    family = GymFamily("lines", Breaking, (0, 1, 2), (0,), horizon=9, kept=9, check=False)
    for _ in range(5):
        number, row, steps, _ = family._episodes.reset(np.array([0, 2, 1]), np.arange(3))
        with pytest.raises(Exception, match="broken"):
            family._episodes.step(number, row, steps, np.ones(3, int))
    assert counted.now == len(family._host.stock.idle) + len(family._host.stock.busy)
    family.close()
    assert counted.now == 0


def test_a_family_that_is_refused_leaves_nothing(counted):
    class Odd(counted):
        def reset(self, **settings):
            return 3, {}

    with pytest.raises(Exception, match="the observation must be"):
        GymFamily("odd", Odd, range(9), (9,), horizon=3)
    assert counted.made >= 3
    assert counted.now == 0


def test_environments_end_with_their_family(counted):
    family = GymFamily("lines", counted, (0,), (1,), horizon=3)
    assert counted.now == 2
    del family
    gc.collect()
    assert counted.now == 0


def test_an_environment_that_does_not_close_keeps_no_other_open(line, caplog):
    closed = []

    class Stuck(line):
        def close(self):
            closed.append(self.problem_id)
            if self.problem_id == 1:
                raise RuntimeError("close failed")

    family = GymFamily("stuck", Stuck, (0, 1, 2), (3, 4), horizon=3)
    family.close()
    assert sorted(closed) == [0, 1, 2, 3, 4]
    assert "problem 1, close raised RuntimeError: close failed (" in caplog.text
    family.close()
    assert len(closed) == 5


def test_one_environment_for_all_is_told(line):
    env = line(0)
    stock = Stock(lambda i: env, 4)
    stock.take(0)
    with pytest.raises(Exception, match=r"make\(1\) must return a new environment each time"):
        stock.take(1)


PROGRAM = """
import os, signal, subprocess, sys, threading, time
sys.path.insert(0, {tests!r})
import gymnasium, jax, jax.numpy as jnp, numpy as np
from dreamrl.families.gym import GymFamily
from dreamrl.testing import replay

class Process(gymnasium.Env):
    observation_space = gymnasium.spaces.Discrete(2)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, problem_id):
        self.process = subprocess.Popen(["sleep", "600"])
        print("child", self.process.pid, flush=True)
        self.steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return 0, {{}}

    def step(self, action):
        self.steps += 1
        {step}
        return 0, 0.0, False, False, {{}}

    def close(self):
        self.process.kill()
        self.process.wait()

family = GymFamily("processes", Process, (0,), (1,), horizon=4)
{end}
"""

ENDS = {
    "normal": ("pass", "", 0),
    "exit": ("pass", "sys.exit(3)", 3),
    "exception": ("pass", "raise ValueError", 1),
    "in a step": (
        "if self.steps > 8: raise ValueError('late')",
        "for _ in range(9): replay(family, 0, None, [0] * 4)",
        1,
    ),
    "ctrl-c": ("pass", "print('ready', flush=True); time.sleep(60)", -signal.SIGINT),
    "sigterm": ("pass", "print('ready', flush=True); time.sleep(60)", 128 + signal.SIGTERM),
    "sigterm in a step": (
        "if self.steps > 8: print('ready', flush=True); time.sleep(0.5)",
        "while True: replay(family, 0, None, [0] * 4)",
        128 + signal.SIGTERM,
    ),
}  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_no_process_is_left(end):
    step, last, code = ENDS[end]
    source = PROGRAM.format(tests=str(Path(__file__).parent), step=step, end=last)
    program = subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    children = []
    for row in program.stdout:
        if row.startswith("child"):
            children.append(int(row.split()[1]))
        elif row.startswith("ready"):
            program.send_signal(signal.SIGINT if end == "ctrl-c" else signal.SIGTERM)
            break
    program.communicate(timeout=60)
    assert program.returncode == code
    assert children
    deadline = time.monotonic() + 5
    while any(map(alive, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, children))


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
