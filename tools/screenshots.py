"""Photograph the studio and the lesson: python -m tools.screenshots RUN.

Writes studio.png, lesson-trial.png and lesson.png in docs/figures. Needs playwright, and a chromium
on the PATH or in the variable CHROMIUM.
"""

import argparse
from pathlib import Path
from typing import Any

from PIL import Image

from tools.browser import ARGUMENTS, CHROMIUM, serving
from tools.lesson import OUT as LESSON

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
STEPS = 6
"""How far the trial in the picture is."""


def studio(page: Any, address: str) -> None:
    """Show a run, and a trial of its agent."""
    page.goto(address)
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Compute").click()
    status = page.get_by_role("status").last
    status.filter(has_text="step 0").wait_for()
    for _ in range(STEPS):
        page.get_by_role("button", name="Forward").click()
    page.screenshot(path=FIGURES / "studio.png", full_page=True)


def lesson(page: Any) -> None:
    """Show a trial, and the trap after the cycle has run."""
    page.goto(LESSON.as_uri())
    scene = page.locator("section", has=page.locator("#scene-1")).first
    for _ in range(STEPS):
        scene.get_by_role("button", name="Forward").click()
    scene.screenshot(path=FIGURES / "lesson-trial.png")
    scene = page.get_by_role("region", name="2. Why is it hard to learn to explore?")
    scene.get_by_role("button", name="Run the cycle").click()
    scene.get_by_role("status").filter(has_text="after 4000 updates").wait_for()
    scene.screenshot(path=FIGURES / "lesson.png")


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="directory of a run")
    run = parser.parse_args().run
    with sync_playwright() as playwright, serving(run) as address:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.set_default_timeout(180_000)
        lesson(page)
        studio(page, address)
        browser.close()
    for path in (FIGURES / f"{name}.png" for name in ("studio", "lesson-trial", "lesson")):
        Image.open(path).convert("RGB").quantize(96).save(path, optimize=True)
        print(path)


if __name__ == "__main__":
    main()
