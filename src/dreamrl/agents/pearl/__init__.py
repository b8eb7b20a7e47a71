"""PEARL: `pearl.py` trains `posterior.py` and the shared policy; `agent.py` samples from both."""

from dreamrl.agents.agent import Method
from dreamrl.agents.pearl.pearl import Pearl
from dreamrl.agents.pearl.settings import PearlSettings
from dreamrl.agents.q_settings import PAPER, PAPER_EPISODE, check_actions
from dreamrl.families.family import Family


def pearl(family: Family, settings: PearlSettings) -> Pearl:
    """Raises UserError where there are no numbered actions to compare by their Q."""
    check_actions(family, "pearl", "every other agent")
    return Pearl(family, settings)


METHOD = Method(
    PearlSettings,
    pearl,
    {
        "default": PearlSettings(),
        "bandit": PearlSettings(iterations=100),
        # Returns, and so errors of Q, are ten times as large: the KL must weigh as much.
        "treasure": PearlSettings(iterations=200, kl_weight=1e-2),
        # As COOKING has it for the others; as many updates a step as by default.
        "cooking": PearlSettings(trials=1024, episodes=2, updates=36, temperature_end=0.8),
        # As PICTURES has it for the others; each update looks at many pictures.
        "sign": PearlSettings(
            iterations=600,
            trials=256,
            episodes=2,
            learning_rate=2e-3,
            may_end=False,
            updates=6,
            tasks=12,
            replayed=4,
            contexts=4,
            recent=2048,
            replay=4096,
        ),
        # A double dueling DQN too, but what it explores by is its own, and so are its contexts.
        "paper": PearlSettings(
            **{name: PAPER[name] for name in ("iterations", "trials", "hidden", "discount")},
            learning_rate=PAPER["learning_rate"],
            last_learning_rate=PAPER["last_learning_rate"],
            max_norm=PAPER["q_max_norm"],
            updates=PAPER_EPISODE["q_updates"],
            tasks=64,
            replay=16384,
            returns="n-step",
            n_steps=1,
            target_rate=1 / PAPER["q_target_every"],
        ),
    },
)
