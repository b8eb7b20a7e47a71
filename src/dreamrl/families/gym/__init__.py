"""Any Gymnasium environments as a family: `GymFamily(name, make, train_ids, test_ids, horizon)`."""

from dreamrl.families.optional_deps import needs

needs("gymnasium", "gym")

from dreamrl.families.gym.family import GymFamily  # noqa: E402

__all__ = ["GymFamily"]
