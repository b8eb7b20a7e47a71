"""PEARL: `pearl.py` trains `posterior.py` and the shared policy; `agent.py` samples from both."""

from dreamrl.agents.agent import Method
from dreamrl.agents.pearl.pearl import Pearl
from dreamrl.agents.pearl.settings import PearlSettings
from dreamrl.agents.q_settings import check_actions
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
    },
)
