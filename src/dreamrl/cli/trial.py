"""`dreamrl trial RUN`: one trial, step by step, printed and drawn."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from dreamrl.cli.values import check_number, check_seed, drawn, print_json
from dreamrl.deploy import load
from dreamrl.errors import UserError
from dreamrl.families.family import exploration_weight, prior_of
from dreamrl.runs import Run, only
from dreamrl.spaces import Image, PerAction, without_said
from dreamrl.story import Story, play_story

EXAMPLES = """\
  dreamrl trial runs/dream-distracting-bus-s0
  dreamrl trial runs/dream-distracting-bus-s0 --problem 11 --out trial.gif
  dreamrl trial runs/dream-distracting-bus-s0 --json
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Print and draw one trial: what each step showed, what was believed, how it was used.

    For a problem of training the true z is known: the table has the information that each step
    gained. For an unseen problem it tells how far each step moved the belief.
    """

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Directory that dreamrl train wrote, of one seed."""
    problem: int | None = None
    """Problem ID; one of the unseen problems is drawn if not given."""
    seed: int = 0
    """Seed of the problem, if it is drawn, and of the goal."""
    out: Path | None = None
    """A .png or .gif to draw; both go to the run's figures if not given."""
    stop: str | None = None
    """End of DREAM's exploration, if not as in training: rule, never or a number of steps."""
    family: str | None = None
    """Of a run on a family of your own: its place, as in dreamrl train. Its code is run."""
    json: bool = False
    """Print one JSON object instead."""


def run(options: Options) -> None:
    check_seed(options.seed)
    check_number("problem", options.problem, 0, 2**31 - 1)
    if options.out is not None:
        if options.out.suffix not in (".png", ".gif"):
            raise UserError(f"--out must end in .png or .gif, is {options.out}")
        if not options.out.parent.is_dir():
            raise UserError(f"{options.out.parent} is not a directory")
    source = only(options.run)
    agent = load(source.path, options.family).with_stop(options.stop)
    problem = options.problem
    if problem is None:
        ids = agent.family.test_ids
        rng = np.random.default_rng(options.seed)
        problem = int(rng.choice(ids, p=prior_of(agent.family, ids)))
    story = play_story(agent, problem, options.seed)
    figures = _figures(story, source, options.out)
    if options.json:
        print_json({**_as_json(story), "figures": [str(path) for path in figures]})
        return
    _print(story)
    for path in figures:
        print(f"figure  {path}")


def _figures(story: Story, source: Run, out: Path | None) -> list[Path]:
    """Draw; a figure that nobody asked for may fail."""
    if out is not None:
        return _draw(story, source, out)
    return drawn(lambda: _draw(story, source, None)) or []


def _draw(story: Story, source: Run, out: Path | None) -> list[Path]:
    from dreamrl.figures.trial import animate_trial, draw_trial, scene_of

    scene = scene_of(story)
    if scene is None:
        if out is not None:
            raise UserError(f"family {story.family.name!r} offers no drawing: leave out --out")
        return []
    if out is not None:
        return [(draw_trial if out.suffix == ".png" else animate_trial)(scene, out)]
    folder = source.figures
    return [draw_trial(scene, folder / "trial.png"), animate_trial(scene, folder / "trial.gif")]


def _rounded_text(numbers: Any) -> str:
    return str(np.round(numbers, 3).tolist())


def _observation_entry(story: Story, observation: Any) -> dict[str, Any]:
    """Return an observation to be written down; a picture is drawn, a table of actions too wide."""
    space = without_said(story.family.observation_space)
    return {} if isinstance(space, Image | PerAction) else {"observation": observation.tolist()}


def _steps(story: Story) -> list[dict[str, Any]]:
    """Return the exploration, one object a step; the observation is what the step led to."""
    beliefs = story.beliefs
    exploration, shifts, gains = beliefs.trajectory, beliefs.moved, beliefs.gained
    steps = []
    for t, action in enumerate(exploration.actions):
        step: dict[str, Any] = {
            "step": t + 1,
            "action": story.name_of(action),
            **_observation_entry(story, exploration.observations[t + 1]),
            "belief_moved": float(shifts[t]),
        }
        if beliefs.errors is not None and gains is not None:
            step["information_gained"] = float(gains[t])
            step["belief_error"] = float(beliefs.errors[t + 1])
        if beliefs.confidence is not None and beliefs.known is not None:
            best = int(beliefs.confidence[t + 1].argmax())
            step["most_like"] = beliefs.known.ids[best]
            step["likeness"] = float(beliefs.confidence[t + 1][best])
        steps.append(step)
    return steps


def _as_json(story: Story) -> dict[str, Any]:
    errors = story.beliefs.errors
    exploitation = [
        {
            "step": t + 1,
            "action": story.name_of(action, exploring=False),
            **_observation_entry(story, story.exploitation.observations[t + 1]),
            "reward": float(story.exploitation.rewards[t]),
        }
        for t, action in enumerate(story.exploitation.actions)
    ]
    payment = exploration_weight(story.family) * float(story.beliefs.trajectory.episode_return)
    return {
        "family": story.family.name,
        "problem": story.problem_id,
        "belief_error_before": None if errors is None else float(errors[0]),
        "exploration": _steps(story),
        "goal": story.goal.tolist(),
        "exploitation": exploitation,
        "return": float(story.exploitation.episode_return) + payment,
        **({"of_exploration": payment} if payment else {}),
    }


def _print(story: Story) -> None:
    content = _as_json(story)
    kind = "of training" if story.problem_id in story.family.train_ids else "never seen"
    print(f"{content['family']}, problem {content['problem']} ({kind})\n\nexploration")
    knows = story.beliefs.errors is not None
    like = story.beliefs.known is not None
    columns = (
        f"{'information gained':>19}{'belief error':>14}" if knows else f"{'belief moved':>14}"
    )
    columns += f"{'most like problem':>22}" if like else ""
    first = _observation_entry(story, story.beliefs.trajectory.observations[0])
    heading = "observation" if first else ""
    for step in (first, *(steps := [*content["exploitation"], *content["exploration"]])):
        step["observation"] = _rounded_text(step["observation"]) if heading else ""
    width = max(len(step["observation"]) for step in steps)
    wide = max(8, *(len(step["action"]) for step in steps))
    print(f"{'step':>5}  {'action':<{wide}}  {heading:<{width}}{columns}")
    start = f"{'':>19}{content['belief_error_before']:>14.3f}" if knows else ""
    print(f"{0:>5}  {'':<{wide}}  {first['observation']:<{width}}{start}")
    for step in content["exploration"]:
        line = f"{step['step']:>5}  {step['action']:<{wide}}  {step['observation']:<{width}}"
        if knows:
            line += f"{step['information_gained']:>19.1%}{step['belief_error']:>14.3f}"
        else:
            line += f"{step['belief_moved']:>14.3f}"
        if like:
            line += f"{step['most_like']:>15} ({step['likeness']:>4.0%})"
        print(line)
    if not knows:
        why = "an unseen problem has no true z" if like else "without an encoder there is no true z"
        print(f"  ({why}: how far the belief moved, squared, stands for the gain)")
    print(f"\nexploitation, goal {content['goal']}")
    print(f"{'step':>5}  {'action':<{wide}}  {heading:<{width}}{'reward':>8}")
    for step in content["exploitation"]:
        line = f"{step['step']:>5}  {step['action']:<{wide}}  {step['observation']:<{width}}"
        print(f"{line}{step['reward']:>8.2f}")
    payment = content.get("of_exploration")
    more = "" if payment is None else f", of which {payment:.2f} of the exploration"
    print(f"return {content['return']:.2f}{more}\n")
