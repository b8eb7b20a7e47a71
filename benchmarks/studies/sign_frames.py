"""What `sign` shows beside what Miniworld shows from the same poses.

    python -m benchmarks.studies.sign_frames            print the agreement
    python -m benchmarks.studies.sign_frames --docs     write it to docs/sign.md, with a picture

The recorded frames do not say how the objects were turned, which Miniworld draws anew in each
episode: each is compared in the heading, of 72, that comes nearest to the frame.
"""

import datetime
import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

from benchmarks import pages
from benchmarks.program import DOCS, ROOT, parser, program
from dreamrl.families.sign.letters import WORDS
from dreamrl.families.sign.view import LENS, render
from dreamrl.families.sign.world import OBJECTS, Pose

FRAMES = ROOT / "tests" / "golden" / "sign_frames.npz"
NAMES = [f"{color} {kind}" for kind in ("box", "key") for color in ("blue", "red", "green")]
CHANNELS = (2, 0, 1) * 2
HEADINGS = np.linspace(-np.pi, np.pi, 72, endpoint=False).astype(np.float32)
SEEN = 4
"""Pixels from which on a thing counts as visible."""
SHOWN = (0, 4, 9, 13, 27, 31, 32, 36, 37, 41, 45, 48)


class Sight(NamedTuple):
    """One thing in one frame, where both pictures show it."""

    thing: str
    frame: int
    apart: float
    """Distance between the two centres, in pixels."""
    ratio: float
    """Area of ours to that of the recorded one."""


class Agreement(NamedTuple):
    sights: list[Sight]
    only_recorded: list[tuple[str, int]]
    only_ours: list[tuple[str, int]]
    cases: int
    """Things times frames."""


@jax.jit
def pictures(words, poses, turns):
    """[n, 60, 80, 3]: ours."""
    view = jax.vmap(lambda word, pose, turn: render(word, Pose(pose[:2], pose[2]), turn))
    return view(words, poses, turns)


def masks(frame: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """[7, height, width]: the pixels of each object, then those of the sign's white.

    Of the box and the key of one colour, a pixel belongs to the one nearer to its column.
    """
    height, width, _ = frame.shape
    frame = frame.astype(float)
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    x, z = (OBJECTS - pose[:2]).T
    depth, right = cos * x - sin * z, sin * x + cos * z
    ahead = np.where(depth > 0.1, depth, np.nan)
    center = right / ahead * height / (2 * LENS) + width / 2
    away = np.nan_to_num(np.abs(np.arange(width) + 0.5 - center[:, None]), nan=np.inf)
    found = []
    for i, channel in enumerate(CHANNELS):
        own, others = frame[..., channel], np.delete(frame, channel, -1).max(-1)
        colored = (own > 100) & (others < 0.6 * own)
        found.append(colored & (away[i] < away[(i + 3) % 6]))
    white = (np.ptp(frame, -1) <= 2) & (frame.min(-1) > 140)
    return np.stack([*found, white])


def fitted(
    frames: np.ndarray, poses: np.ndarray, words: np.ndarray, headings: np.ndarray = HEADINGS
) -> np.ndarray:
    """[n, 6]: of `headings`, those of the objects that come nearest to the frames."""
    best = np.zeros((len(frames), 6), np.float32)
    least = np.full((len(frames), 6), np.inf)
    recorded = [masks(*pair) for pair in zip(frames, poses, strict=True)]
    for heading in headings:
        drawn = np.asarray(pictures(words, poses, jnp.full((len(frames), 6), heading)))
        for i, frame in enumerate(frames):
            either = (recorded[i] | masks(drawn[i], poses[i]))[:6]
            error = np.abs(frame.astype(float) - drawn[i]).sum(-1)
            errors = (error * either).sum((1, 2))
            better = errors < least[i]
            best[i] = np.where(better, heading, best[i])
            least[i] = np.where(better, errors, least[i])
    return best


def agreement(recorded: np.ndarray, ours: np.ndarray, poses: np.ndarray) -> Agreement:
    found = Agreement([], [], [], len(recorded) * 7)
    for i, pair in enumerate(zip(recorded, ours, strict=True)):
        both = [masks(picture, poses[i]) for picture in pair]
        for name, there, here in zip([*NAMES, "sign"], *both, strict=True):
            seen = there.sum() >= SEEN, here.sum() >= SEEN
            if all(seen):
                apart = np.linalg.norm(np.argwhere(there).mean(0) - np.argwhere(here).mean(0))
                found.sights.append(Sight(name, i, float(apart), here.sum() / there.sum()))
            elif any(seen):
                (found.only_recorded if seen[0] else found.only_ours).append((name, i))
    return found


def load() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames, poses and words of the recording."""
    with np.load(FRAMES) as data:
        return data["frames"], data["pose"].astype(np.float32), data["color_index"].astype(np.int32)


def table(found: Agreement) -> str:
    heads = ("thing", "in both", "only recorded", "only ours", "centres apart, median", "worst")
    rows = []
    for name in [*NAMES, "sign"]:
        own = [sight for sight in found.sights if sight.thing == name]
        missed = [sum(n == name for n, _ in some) for some in found[1:3]]
        apart, ratio = [s.apart for s in own], [s.ratio for s in own]
        furthest = max(ratio, key=lambda r: abs(np.log(r)))
        far = (f"{np.median(apart):.2f} px", f"{max(apart):.2f} px")
        rows.append((name, len(own), *missed, *far, f"{np.median(ratio):.2f}", f"{furthest:.2f}"))
    return pages.table((*heads, "area, ours to recorded, median", "furthest from 1"), rows)


def summary(found: Agreement) -> str:
    apart, ratio = worst(found)
    alike = 1 - (len(found.only_recorded) + len(found.only_ours)) / found.cases
    return (
        f"Visible in both or in neither: {alike:.1%} of {found.cases} cases. Centres furthest "
        f"apart: the {apart.thing} of frame {apart.frame}, {apart.apart:.2f} pixels. Areas most "
        f"unlike: the {ratio.thing} of frame {ratio.frame}, {ratio.ratio:.2f} to 1."
    )


def worst(found: Agreement) -> tuple[Sight, Sight]:
    """By distance of the centres and by ratio of the areas."""
    return (
        max(found.sights, key=lambda s: s.apart),
        max(found.sights, key=lambda s: abs(np.log(s.ratio))),
    )


def draw(recorded: np.ndarray, ours: np.ndarray, words: np.ndarray, found: Agreement) -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    apart, ratio = worst(found)
    captions = [(i, f"frame {i}: {WORDS[words[i]]}") for i in SHOWN]
    captions.append((apart.frame, f"frame {apart.frame}, worst centre: {apart.thing}"))
    captions.append((ratio.frame, f"frame {ratio.frame}, worst area: {ratio.thing}"))
    figure, axes = plt.subplots(-(-len(captions) // 2), 4, figsize=(12, 16), layout="constrained")
    for pair, (i, caption) in zip(axes.reshape(-1, 2), captions, strict=True):
        for place, who in zip(pair, ("Miniworld", "dreamrl"), strict=True):
            place.imshow((recorded if who == "Miniworld" else ours)[i])
            place.set_title(f"{caption}\n{who}", fontsize=9)
            place.set_axis_off()
    figure.savefig(DOCS / "figures" / "sign-frames.png", dpi=80)


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--docs", action="store_true", help="write docs/sign.md and its figure")
    asked = arguments.parse_args()
    recorded, poses, words = load()
    ours = np.asarray(pictures(words, poses, fitted(recorded, poses, words)))
    found = agreement(recorded, ours, poses)
    text = f"{table(found)}\n\n{summary(found)}"
    print(text)
    for what, cases in (("only recorded", found.only_recorded), ("only ours", found.only_ours)):
        print(f"{what}: {', '.join(f'{name} in frame {i}' for name, i in cases) or 'none'}")
    if asked.docs:
        draw(recorded, ours, words, found)
        made = f"Made by `python -m {__spec__.name} --docs` on {datetime.date.today()}."
        pages.put(DOCS / "sign.md", "agreement", f"{text}\n\n{made}")


if __name__ == "__main__":
    sys.exit(main())
