"""Information in z about a problem, in bits: in all, of what matters, and of each fact."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from dreamrl.families.family import Family, HasFacts, plain_ids, prior_of

DRAWS = 8192
"""Samples of z, over all problems."""
CHUNK = 1024
MOST = 20_000
"""Problems; beyond, nothing is measured."""


class Held(NamedTuple):
    """Bits that z holds of something, and how many there are to hold."""

    bits: float
    whole: float


class Contents(NamedTuple):
    """Information in z about the training problems; `relevant` and the rest are None if unknown."""

    problem: Held
    relevant: Held | None
    irrelevant: Held | None
    """Of what does not matter, once what matters is known."""
    facts: dict[str, Held]
    """Of each fact by itself: one may be known from others."""


def contents(
    family: Family, encodings: Float[np.ndarray, "problems Z"], rho: float, seed: int = 0
) -> Contents | None:
    """Return what z ~ N(f(mu), rho^2 I) holds: the mutual information, from draws of z.

    The posterior of each draw is exact, so the only error is that of the mean over draws. None
    where there are too many problems.

    Args:
        family: Its `facts`, if it has any, say what is asked for.
        encodings: f(mu) of each training problem, in their order.
        rho: Standard deviation of the noise.
        seed: Seed of the draws.
    """
    ids = plain_ids(family.train_ids)
    if len(ids) > MOST:
        return None
    numbers = np.arange(len(ids))
    prior = prior_of(family, family.train_ids)
    weights = np.full(len(ids), 1 / len(ids)) if prior is None else prior / prior.sum()
    rng = np.random.default_rng(seed)
    if not isinstance(family, HasFacts):
        [problem] = _information(encodings, rho, weights, [numbers], rng)
        return Contents(problem, None, None, {})
    matters, rest = _facts(family, ids)
    all_facts = matters | rest
    groups = [numbers, _joint_fact(matters, len(ids)), *all_facts.values()]
    problem, relevant, *parts = _information(encodings, rho, weights, groups, rng)
    irrelevant = Held(max(problem.bits - relevant.bits, 0.0), problem.whole - relevant.whole)
    facts = dict(zip(all_facts, parts, strict=True))
    return Contents(problem, relevant, irrelevant if rest else None, facts)


def told(found: Contents) -> dict[str, Any]:
    """Return it as numbers by name, and the facts, as a result has them."""
    parts = {"z": found.problem, "z_relevant": found.relevant, "z_irrelevant": found.irrelevant}
    numbers: dict[str, float] = {}
    for name, part in parts.items():
        if part is not None:
            numbers |= {f"{name}_bits": part.bits, f"{name}_bits_whole": part.whole}
    return {**numbers, **({"facts": found.facts} if found.facts else {})}


def _facts(
    family: Any, ids: tuple[int, ...] | range
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the facts of all problems, relevant and not, [problems] each."""
    numbers = jnp.asarray(np.asarray(ids, np.int32))
    facts = jax.vmap(lambda number: family.facts(family.problem(number)))(numbers)
    return jax.tree.map(np.asarray, (facts.relevant, facts.irrelevant))


def _joint_fact(facts: dict[str, np.ndarray], count: int) -> Int[np.ndarray, " problems"]:
    """Return one number for all facts: equal where they are."""
    columns = [np.zeros(count), *facts.values()]
    return np.unique(np.stack(columns, 1), axis=0, return_inverse=True)[1].reshape(-1)


def _information(
    encodings: np.ndarray,
    rho: float,
    weights: np.ndarray,
    labels: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> list[Held]:
    """Return I(fact; z) and H(fact) for each fact, given as a number for each problem."""
    groups = [np.unique(x, return_inverse=True)[1].reshape(-1) for x in labels]
    entropies = np.zeros(len(groups))
    for posterior in _posteriors(encodings, rho, weights, rng):
        entropies += [_entropy(_sum_by_group(posterior, group)).sum() for group in groups]
    results = []
    for group, remainder in zip(groups, entropies / DRAWS, strict=True):
        total = float(_entropy(_sum_by_group(weights[None], group))[0])
        results.append(Held(float(min(max(total - remainder, 0.0), total)), total))
    return results


def _posteriors(
    encodings: np.ndarray, rho: float, weights: np.ndarray, rng: np.random.Generator
) -> Iterator[Float[np.ndarray, "draws problems"]]:
    """Yield how likely each problem is, given z, for draws of z of problems as they come."""
    squares = np.square(encodings).sum(-1)
    prior = np.log(np.maximum(weights, 1e-300))
    # Spread evenly: the share of each problem is nearly what it should be.
    places = (np.arange(DRAWS) + rng.random()) / DRAWS
    rows = np.minimum(np.searchsorted(np.cumsum(weights), places), len(weights) - 1)
    for start in range(0, DRAWS, CHUNK):
        z = encodings[rows[start : start + CHUNK]]
        z = z + rho * rng.standard_normal(z.shape)
        logits = prior + (2 * z @ encodings.T - squares) / (2 * rho**2)
        shares = np.exp(logits - logits.max(-1, keepdims=True))
        yield shares / shares.sum(-1, keepdims=True)


def _sum_by_group(shares: np.ndarray, group: np.ndarray) -> Float[np.ndarray, "rows groups"]:
    """Return the shares of problems, added up by group."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    return np.add.reduceat(shares[:, order], starts, axis=1)


def _entropy(shares: np.ndarray) -> Float[np.ndarray, " rows"]:
    """In bits, along the last axis."""
    return -(shares * np.log2(np.where(shares > 0, shares, 1.0))).sum(-1)
