"""Should DREAM's parts share what looks at pictures? python -m benchmarks.studies.sign_trunk RUN.

RUN is a finished run of DREAM on `sign`. Two measures: how much of an iteration all trunks take,
which is the most that sharing them could save; and how well a decoder learns to read the sign, from
explorations at random, with a trunk of its own, with that of RUN's exploitation as it is, and with
that trunk to begin with. The result is benchmarks/results/sign-trunk.json.
"""

import dataclasses
import json
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

import dreamrl
from benchmarks.program import command, keep, parser, program
from benchmarks.timing import seconds
from dreamrl.agents.dream.decoder import Decoder, belief_error, decoder_loss
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.families.sign import Sign
from dreamrl.learners.schedules import adam
from dreamrl.networks.observations import ObservationEncoder
from dreamrl.trial import Choice, rollout

BATCH, KEPT, Z = 64, 64, 32
"""Explorations an update, batches kept to learn from again, and the length of z."""


def nothing(grads: PyTree) -> PyTree:
    return jax.tree.map(jnp.zeros_like, grads)


def cost(family: Sign, look: ObservationEncoder) -> dict:
    """Seconds of an iteration of DREAM's preset, and of what trunks do in it."""
    settings = settings_for("dream", "sign")
    algorithm = make_trainer("dream", family, settings)
    state = jax.jit(algorithm.init)(jax.random.key(0))
    iterate = jax.jit(lambda s: jax.lax.scan(lambda s, _: algorithm.iterate(s), s, None, 3)[1])
    iteration = seconds(lambda: iterate(state), 3) / 3

    pictures = jax.random.bits(
        jax.random.key(1), (1024, *family.observation_space.shape), jnp.uint8
    )
    forward = eqx.filter_jit(lambda look: look(pictures))
    both = eqx.filter_jit(eqx.filter_grad(lambda look: jnp.square(look(pictures)).sum()))
    a_forward = seconds(lambda: forward(look)) / len(pictures)
    a_both = seconds(lambda: both(look)) / len(pictures)

    trials, steps = settings.budget.trials, family.horizon + 1
    replayed = settings.learner.updates * settings.decoder.batch
    # Played: explorer, decoder, and exploitation in each of its episodes; the decoder once more.
    played = trials * steps * (3 + settings.budget.episodes)
    learned = steps * (trials * (1 + settings.budget.episodes) + replayed)
    looking = played * a_forward + learned * a_both
    return {
        "iteration_seconds": iteration,
        "forward_microseconds_a_picture": 1e6 * a_forward,
        "with_gradient_microseconds_a_picture": 1e6 * a_both,
        "pictures_played": played,
        "pictures_learned_from": learned,
        "share_of_an_iteration": looking / iteration,
    }


def reading(
    family: Sign, trunk: ObservationEncoder | None, learned: bool, updates: int, seed: int
) -> float:
    """Share of explorations showing the sign whose word is told, in the last fifth of the run."""
    plain = dataclasses.replace(family, jitter=0.0)
    means = jnp.eye(len(family.train_ids), Z)
    key_decoder, key_play = jax.random.split(jax.random.key(seed))
    decoder = Decoder(key_decoder, family.observation_space, family.action_space, 64, Z)
    if trunk is not None:
        decoder = eqx.tree_at(lambda d: d.observation, decoder, trunk)
    optimiser = adam(5e-3, 1.0, updates)
    state = optimiser.init(eqx.filter(decoder, eqx.is_array))

    def play(problem_id, key):
        problem = family.problem(problem_id)

        def act(memory, percept, key):
            action = jax.random.randint(key, (), 0, family.end_action)
            return memory, Choice(action)

        seen = rollout(family, problem, None, act, (), key)[0]
        # The same walk without jitter, where one can count what shows the sign.
        shown = rollout(plain, problem, None, act, (), key)[0]
        return seen, plain.statistics(problem, shown)["sign_read"]

    @jax.jit
    def explorations(key):
        ids = jax.random.randint(key, (BATCH,), 0, len(family.train_ids))
        return ids, *jax.vmap(play)(ids, jax.random.split(key, BATCH))

    @eqx.filter_jit
    def told(decoder: Decoder, ids, seen, shown):
        errors = jax.vmap(lambda tau: belief_error(means, decoder.unroll(tau)[-1]))(seen)
        return jnp.stack([((errors.argmin(1) == ids) * shown).sum(), shown.sum()])

    @eqx.filter_jit
    def update(decoder: Decoder, state: PyTree, ids, seen):
        grads = eqx.filter_grad(decoder_loss)(decoder, seen, means[ids])
        if not learned:
            grads = eqx.tree_at(lambda d: d.observation, grads, replace_fn=nothing)
        changes, state = optimiser.update(grads, state)
        return eqx.apply_updates(decoder, changes), state

    rng, kept, counts = np.random.default_rng(seed), [], []
    for number in range(updates // 4):
        ids, seen, shown = explorations(jax.random.fold_in(key_play, number))
        counts.append(np.asarray(told(decoder, ids, seen, shown)))
        kept = [*kept, (ids, seen)][-KEPT:]
        # As in DREAM, new ones are learned from once, and old ones again.
        for which in (-1, *rng.integers(len(kept), size=3)):
            decoder, state = update(decoder, state, *kept[which])
    right, all_ = np.sum(counts[-len(counts) // 5 :], axis=0)
    return float(right / all_)


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("run", type=Path, help="of DREAM on sign")
    arguments.add_argument("--updates", type=int, default=1200)
    arguments.add_argument("--seeds", type=int, default=2)
    asked = arguments.parse_args()
    loaded = dreamrl.load(asked.run)
    family, trunk = loaded.family, loaded.agent.exploitation.percept_encoder.observation
    kinds = {
        "its own": (None, True),
        "exploitation's, as it is": (trunk, False),
        "exploitation's, learning on": (trunk, True),
    }
    reads: dict[str, list[float]] = {}
    for name, (which, learned) in kinds.items():
        shares = [reading(family, which, learned, asked.updates, s) for s in range(asked.seeds)]
        reads[name] = shares
        print(name, shares, flush=True)
    costs = cost(family, trunk)
    print(json.dumps(costs, indent=1))
    keep(
        "sign-trunk",
        command(__spec__.name, "RUN", "--updates", asked.updates, "--seeds", asked.seeds),
        picture=family.observation_space.shape,
        jitter=family.jitter,
        updates=asked.updates,
        reads_the_sign=reads,
        cost=costs,
    )


if __name__ == "__main__":
    sys.exit(main())
