"""How often an agent of `sign` knows the sign's word: python -m benchmarks.studies.sign_words RUN.

Explorations in each of the three words in turn; known is a word if the belief that they leave is
nearest to that word's encoding. Agents without an encoder have none, and are refused. A sign counts
as read, by the stricter criterion of docs/sign.md, if some picture shows enough of it, by where the
agent stood. The result is benchmarks/results/sign-words.json.
"""

import functools
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

import dreamrl
from benchmarks.program import command, keep, parser, program
from dreamrl.deploy.beliefs import ExplorationRecord
from dreamrl.deploy.posterior import squared_distances
from dreamrl.errors import UserError
from dreamrl.families.sign import Sign
from dreamrl.families.sign.view import readable
from dreamrl.families.sign.world import Pose
from dreamrl.runs.store import read_json
from dreamrl.story import play_story


def likeliest(belief: ExplorationRecord) -> int:
    """The known problem whose encoding is nearest to where the belief ended."""
    assert belief.known is not None
    far = squared_distances(belief.means[-1], belief.known.encodings)
    return belief.known.ids[int(far.argmin())]


def was_read(family: Sign, word: int, states: list) -> bool:
    """Whether the sign could be read from some place of this exploration, in plain light."""
    poses = jax.tree.map(lambda *x: jnp.stack(x), *[state.pose for state in states])
    # One shape for all lengths: compiled once.
    poses = jax.tree.map(lambda x: jnp.resize(x, (family.horizon + 1, *x.shape[1:])), poses)
    return bool(_seen(jnp.array(word), poses, states[0].turns, family.height, family.width).any())


@functools.partial(jax.jit, static_argnums=(3, 4))
def _seen(word: jax.Array, poses: Pose, turns: jax.Array, height: int, width: int) -> jax.Array:
    return jax.vmap(lambda pose: readable(word, pose, turns, height, width))(poses)


def measure(run: str, trials: int) -> dict[str, object]:
    """Of one agent: the share of explorations after which it knows the word, and their length."""
    agent = dreamrl.load(run)
    if agent.known is None:
        raise UserError(f"the agent of {run} has no encoder")
    if not isinstance(agent.family, Sign):
        raise UserError(f"the agent of {run} was trained on {agent.family.name}, not on sign")
    words = np.resize(agent.family.train_ids, trials).tolist()
    stories = [play_story(agent, word, seed=i) for i, word in enumerate(words)]
    found = [story.beliefs for story in stories]
    right = [likeliest(belief) == word for belief, word in zip(found, words, strict=True)]
    read = [
        was_read(agent.family, word, story.states(exploring=True))
        for word, story in zip(words, stories, strict=True)
    ]
    manifest = read_json(pathlib.Path(run) / "run.json")
    return {
        "family": manifest["family"],
        "seed": manifest["seed"],
        "known": float(np.mean(right)),
        "read": float(np.mean(read)),
        "steps": float(np.mean([belief.steps for belief in found])),
    }


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("runs", nargs="+", metavar="RUN", help="directories of trained agents")
    arguments.add_argument("--trials", type=int, default=300, help="explorations of each")
    asked = arguments.parse_args()
    agents = [measure(run, asked.trials) for run in asked.runs]
    for agent in agents:
        print(
            f"{agent['family']} seed {agent['seed']}: the word is known after {agent['known']:.1%} "
            f"of explorations, readable in {agent['read']:.1%}, of {agent['steps']:.1f} steps"
        )
    made_by = command(__spec__.name, "RUN...", "--trials", asked.trials)
    keep("sign-words", made_by, agents=agents)


if __name__ == "__main__":
    sys.exit(main())
