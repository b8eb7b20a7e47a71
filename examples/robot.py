"""A trained agent in a loop of one's own: python examples/robot.py RUN.

RUN is what `dreamrl train dream bus` wrote. The "robot" stands for anything with reset() and
step(action): here it is a problem of the family, which the agent is not told.
"""

import sys
from pathlib import Path

import jax.numpy as jnp

import dreamrl
from dreamrl.deploy import ProblemEnvironment
from dreamrl.errors import UserError

PROBLEM, GOAL = 3, (8, 8)


def robot(run: str) -> float:
    agent = dreamrl.load(run)
    problem = agent.family.problem(jnp.array(PROBLEM))

    robot = ProblemEnvironment(agent.family, problem)
    explorer = agent.explorer()
    explorer.observe(robot.reset())
    while not explorer.done:
        explorer.observe(*robot.step(explorer.act()))
    belief = explorer.belief
    print(belief)

    # On another day, in another process.
    path = belief.save(Path(run) / "belief")
    belief = agent.load_belief(path)

    robot = ProblemEnvironment(agent.family, problem, jnp.array(GOAL))
    exploiter = agent.exploiter(belief, GOAL)
    exploiter.observe(robot.reset())
    while not exploiter.done:
        exploiter.observe(*robot.step(exploiter.act()))
    earned = float(exploiter.trajectory.episode_return)
    print(f"goal {GOAL}: {len(exploiter.trajectory.actions)} steps, return {earned:.1f}")
    return earned


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/robot.py RUN")
    try:
        robot(sys.argv[1])
    except UserError as error:
        sys.exit(f"robot.py: {error}")
