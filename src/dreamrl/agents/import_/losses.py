"""IMPORT's auxiliary loss: g(tau_:t) is pulled to f(mu)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dreamrl.agents.whole_trial.losses import HiddenStates, Trials
from dreamrl.agents.whole_trial.networks import Nets


def pull_loss(
    nets: Nets, trials: Trials, hidden: HiddenStates
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Return |g(tau_:t) - stop f(mu)|^2, a mean over every trial and step, and mean |f|^2."""
    aim = jax.lax.stop_gradient(nets.auxiliary(trials.problem_id))
    mask_x, mask_e = trials.trial.exploration.mask, trials.trial.exploitation.mask
    g_x, g_e = nets.belief_head(hidden.exploration[:, 1:]), nets.belief_head(hidden.exploitation)
    errors_x = jnp.square(g_x - aim[:, None]).sum(-1)
    errors_e = jnp.square(g_e - aim[:, None, None]).sum(-1)
    total = (errors_x * mask_x).sum() + (errors_e * mask_e).sum()
    return total / (mask_x.sum() + mask_e.sum()), jnp.square(aim).sum(-1).mean()
