"""Every preset is what it was when settings were flat: settings of then, written out by hand."""

import dataclasses

import pytest

from dreamrl.agents.dream.settings import KITCHEN, Constrained, Encoding
from dreamrl.agents.registry import METHODS
from dreamrl.runs.migration import settings_of

Q = {
    "learner": "ppo",
    "q_updates": 40,
    "q_batch": 512,
    "q_replay": 16384,
    "q_returns": "n-step",
    "q_steps": 1,
    "q_lambda": 0.8,
    "q_target_every": 300,
    "q_epsilon": 1.0,
    "q_last_epsilon": 0.01,
    "q_epsilon_end": 0.05,
    "q_max_norm": 1.0,
    "q_starts": 0,
    "may_end": True,
}
DREAM = Q | {
    "iterations": 700,
    "trials": 512,
    "episodes": 1,
    "minibatches": 4,
    "learning_rate": 0.005,
    "last_learning_rate": 0.1,
    "clip": 0.2,
    "hidden": 64,
    "exploration_hidden": 32,
    "z": 32,
    "rho": 0.1,
    "bottleneck": "constrained",
    "bottleneck_weight": 0.02,
    "bottleneck_free": 0.0,
    "first_dual": 0.001,
    "dual_rate": 0.03,
    "tolerance": 0.005,
    "discount": 0.99,
    "gae_lambda": 0.8,
    "entropy": 0.3,
    "last_entropy": 0.003,
    "barrier": 0.2,
    "entropy_end": 0.6,
    "decoder_share": 0.5,
    "decoder_share_begin": 0.3,
    "decoder_share_end": 0.6,
    "objective": "information-gain",
    "explorer": "learned",
    "exploration_discount": 0.97,
    "exploration_gae_lambda": 0.95,
    "exploration_entropy": 0.1,
    "exploration_last_entropy": 0.003,
    "exploration_entropy_begin": 0.15,
    "exploration_entropy_end": 0.7,
    "cost": 0.02,
    "random_share": 0.25,
    "q_exploration_starts": 0,
    "decoder_hidden": 0,
    "decoder_batch": 256,
    "replay": 32768,
}
WHOLE_TRIAL = Q | {
    "iterations": 700,
    "trials": 512,
    "episodes": 1,
    "minibatches": 4,
    "learning_rate": 0.003,
    "last_learning_rate": 0.1,
    "clip": 0.2,
    "hidden": 64,
    "discount": 0.99,
    "gae_lambda": 0.95,
    "exploration_entropy": 0.1,
    "entropy": 0.3,
    "last_entropy": 0.003,
    "entropy_end": 0.6,
    "barrier": 0.2,
}
VARIBAD = WHOLE_TRIAL | {
    "z": 16,
    "samples": 4,
    "observation_weight": 1.0,
    "reward_weight": 1.0,
    "divergence_weight": 0.1,
}
IMPORT = WHOLE_TRIAL | {"z": 32, "informed_share": 0.5, "auxiliary": 0.1}
PEARL = {
    "iterations": 700,
    "trials": 512,
    "episodes": 1,
    "updates": 12,
    "tasks": 32,
    "replayed": 8,
    "contexts": 8,
    "recent": 16384,
    "replay": 32768,
    "learning_rate": 0.003,
    "last_learning_rate": 0.1,
    "max_norm": 1.0,
    "target_rate": 0.1,
    "discount": 0.99,
    "returns": "peng",
    "n_steps": 3,
    "q_lambda": 0.8,
    "temperature": 0.3,
    "last_temperature": 0.01,
    "temperature_end": 0.7,
    "random_share": 0.25,
    "may_end": True,
    "hidden": 64,
    "recurrent": False,
    "z": 16,
    "kl_weight": 0.001,
    "kl_begin": 0.4,
    "kl_end": 0.8,
    "act_on": "sample",
}
MAML = {
    "iterations": 700,
    "trials": 256,
    "episodes": 1,
    "minibatches": 4,
    "learning_rate": 0.003,
    "last_learning_rate": 0.1,
    "clip": 0.2,
    "hidden": 64,
    "recurrent": False,
    "may_end": True,
    "objective": "maml",
    "order": "second",
    "inner_steps": 1,
    "inner_rate": 0.05,
    "inner_rates": "learned",
    "inner_discount": 0.97,
    "inner_gae_lambda": 0.95,
    "discount": 0.99,
    "gae_lambda": 0.95,
    "entropy": 0.1,
    "last_entropy": 0.001,
    "entropy_end": 0.6,
    "exploration_entropy": 0.1,
}

COOKING = {"trials": 1024, "episodes": 2, "minibatches": 16, "entropy_end": 0.8}
SIGN = {
    "iterations": 600,
    "trials": 256,
    "episodes": 2,
    "learning_rate": 0.002,
    "entropy_end": 0.8,
    "may_end": False,
}
PAPER = {
    "learner": "dqn",
    "iterations": 1950,
    "trials": 64,
    "learning_rate": 0.0001,
    "last_learning_rate": 1.0,
    "q_target_every": 78,
    "q_max_norm": 10.0,
    "q_starts": 500,
}
PAPER_EPISODE = PAPER | {"q_updates": 20, "q_epsilon_end": 0.1}

OF_DREAM = {
    "default": {},
    "bus": {"iterations": 500},
    "map": {"iterations": 500},
    "cooking": COOKING | {"iterations": 800, "first_dual": 0.1},
    "sign": SIGN
    | {
        "exploration_hidden": 64,
        "gae_lambda": 0.95,
        "cost": 0.005,
        "replay": 4096,
        "decoder_batch": 64,
    },
    "paper": PAPER_EPISODE
    | {
        "exploration_hidden": 64,
        "decoder_hidden": 128,
        "exploration_discount": 0.99,
        "cost": 0.01,
        "bottleneck": "fixed",
        "bottleneck_weight": 2.0,
        "bottleneck_free": 10.0,
        "q_exploration_starts": 8000,
    },
}
OF_WHOLE_TRIAL = {"default": {}, "cooking": COOKING, "sign": SIGN, "paper": PAPER}
OF_BOUNDS = OF_WHOLE_TRIAL | {"cooking": COOKING | {"gae_lambda": 0.8}, "paper": PAPER_EPISODE}

BEFORE = {
    "dream": (DREAM, OF_DREAM),
    "random-exploration": (DREAM | {"explorer": "random"}, OF_DREAM),
    "no-exploration": (WHOLE_TRIAL, OF_BOUNDS),
    "oracle": (WHOLE_TRIAL, OF_BOUNDS),
    "rl2": (WHOLE_TRIAL, OF_WHOLE_TRIAL),
    "e-rl2": (WHOLE_TRIAL, OF_WHOLE_TRIAL),
    "varibad": (
        VARIBAD,
        OF_WHOLE_TRIAL | {"treasure": {"reward_weight": 10.0, "divergence_weight": 1.0}},
    ),
    "import": (IMPORT, OF_WHOLE_TRIAL),
    "pearl": (
        PEARL,
        {
            "default": {},
            "bandit": {"iterations": 100},
            "treasure": {"iterations": 200, "kl_weight": 0.01},
            "cooking": {"trials": 1024, "episodes": 2, "updates": 36, "temperature_end": 0.8},
            "sign": {
                "iterations": 600,
                "trials": 256,
                "episodes": 2,
                "updates": 6,
                "tasks": 12,
                "replayed": 4,
                "contexts": 4,
                "recent": 2048,
                "replay": 4096,
                "learning_rate": 0.002,
                "may_end": False,
            },
            "paper": {
                "iterations": 1950,
                "trials": 64,
                "updates": 20,
                "tasks": 64,
                "replay": 16384,
                "learning_rate": 0.0001,
                "last_learning_rate": 1.0,
                "max_norm": 10.0,
                "target_rate": 1 / 78,
                "returns": "n-step",
                "n_steps": 1,
            },
        },
    ),
    "maml": (MAML, {"default": {}, "cooking": COOKING, "sign": SIGN}),
}
"""{method: (its settings by default, {preset: what differs})}, all as they were."""

SINCE = {"paddle", "diagnosis", "described-cooking"}
"""Presets that came later."""

CASES = [(method, preset) for method, (_, presets) in BEFORE.items() for preset in presets]


@pytest.mark.parametrize("method", BEFORE)
def test_there_are_the_same_presets(method):
    assert set(METHODS[method].presets) - SINCE == set(BEFORE[method][1])


@pytest.mark.parametrize(("method", "preset"), CASES)
def test_a_preset_is_what_it_was(method, preset):
    default, presets = BEFORE[method]
    changes = presets[preset]
    assert changes.keys() <= default.keys()
    before, now = settings_of(method, default | changes), METHODS[method].presets[preset]
    if hasattr(now, "bottleneck") and preset not in ("sign", "paper"):
        # One bottleneck for all, which is another one now; its times follow the policy's.
        assert before.bottleneck.bound == "norm"
        assert now.bottleneck == (KITCHEN if preset == "cooking" else Constrained())
        before = dataclasses.replace(before, bottleneck=now.bottleneck)
    if hasattr(now, "bottleneck") and preset == "paper":
        # As long as the released one, and as large at the start.
        assert now.encoding == Encoding(z=64, scale=22.0)
        before = dataclasses.replace(before, encoding=now.encoding)
    assert before == now


def test_an_old_run_with_another_setting_is_no_preset():
    """Else the test above could not fail."""
    for name, value in (("cost", 0.03), ("gae_lambda", 0.9), ("entropy_end", 0.5), ("z", 4)):
        assert settings_of("dream", DREAM | {name: value}) != settings_of("dream", DREAM)
