"""How many pictures a second trunks look at, forward and with gradients.

    python -m benchmarks.speed.trunks

The trunk of `dreamrl.networks.observations`, whose squares do not overlap, stands beside two of
convolutions that do; all end in a vector as long. The result is benchmarks/results/trunks.json.
"""

import functools
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.program import command, keep, parser, program
from benchmarks.timing import seconds
from dreamrl.networks.observations import PatchEncoder
from dreamrl.spaces import Image

SIZE = 64
"""Length of the vector."""
CONVOLUTIONS = {
    "convolutions 5/2, 5/2, 4/2": ((5, 2, 32), (5, 2, 32), (4, 2, 32)),
    "convolutions 8/4, 4/2": ((8, 4, 32), (4, 2, 64)),
}
"""Edge / stride, and channels: that of Miniworld's usual network, and of the one for Atari."""

ObservationEncoder = Callable[[Any, jax.Array], jax.Array]


def patches(key: jax.Array, height: int, width: int) -> tuple[Any, ObservationEncoder]:
    return PatchEncoder(key, Image(height, width), SIZE), lambda trunk, picture: trunk(picture)


def convolved(
    layers: tuple[tuple[int, int, int], ...], key: jax.Array, height: int, width: int
) -> tuple[Any, ObservationEncoder]:
    """Weights, and what makes a vector of a picture."""

    def features(weights: list[jax.Array], picture: jax.Array) -> jax.Array:
        x = picture[None].astype(jnp.float32) / 255
        for kernel, (_, stride, _) in zip(weights, layers, strict=True):
            dimensions = ("NHWC", "HWIO", "NHWC")
            steps = (stride, stride)
            x = jax.nn.relu(
                jax.lax.conv_general_dilated(
                    x, kernel, steps, "VALID", dimension_numbers=dimensions
                )
            )
        return x.reshape(-1)

    channels, kernels = 3, []
    for edge, _, made in layers:
        key, now = jax.random.split(key)
        scale = (edge * edge * channels) ** -0.5
        kernels.append(scale * jax.random.normal(now, (edge, edge, channels, made)))
        channels = made
    blank = jnp.zeros((height, width, 3), jnp.uint8)
    length = jax.eval_shape(features, kernels, blank).shape[0]
    last = length**-0.5 * jax.random.normal(key, (length, SIZE))

    def look(weights: tuple[list[jax.Array], jax.Array], picture: jax.Array) -> jax.Array:
        return jax.nn.relu(features(weights[0], picture) @ weights[1])

    return (kernels, last), look


TRUNKS = {"squares 5, 2": patches} | {
    name: functools.partial(convolved, layers) for name, layers in CONVOLUTIONS.items()
}


def measure(name: str, height: int, width: int, batch: int, repeats: int) -> dict[str, Any]:
    weights, look = TRUNKS[name](jax.random.key(0), height, width)
    pictures = jax.random.bits(jax.random.key(1), (batch, height, width, 3), jnp.uint8)
    see = jax.vmap(look, in_axes=(None, 0))
    forward = jax.jit(see)
    slopes = jax.jit(jax.grad(lambda weights: see(weights, pictures).sum(), allow_int=True))
    return {
        "trunk": name,
        "pictures": f"{height}x{width}",
        "forward": round(batch / seconds(lambda: forward(weights, pictures), repeats)),
        "with_gradients": round(batch / seconds(lambda: slopes(weights), repeats)),
    }


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--batch", type=int, default=512)
    arguments.add_argument("--repeats", type=int, default=5)
    asked = arguments.parse_args()
    sizes = ((60, 80), (30, 40))
    rows = [measure(name, *size, asked.batch, asked.repeats) for size in sizes for name in TRUNKS]
    for row in rows:
        print(
            f"{row['pictures']}  {row['trunk']:<28} {row['forward']:>9,} a second, "
            f"{row['with_gradients']:>8,} with gradients"
        )
    words = ("--batch", asked.batch, "--repeats", asked.repeats)
    keep("trunks", command(__spec__.name, *words), rows=rows)


if __name__ == "__main__":
    sys.exit(main())
