"""The studio in a real browser, where there is one: nothing it asks for leaves the machine."""

import json
import re

import pytest

from dreamrl.cli import main
from dreamrl.report import collect
from tests.browser import faults_of_access, needs_chromium, opened
from tests.report.conftest import NAME
from tools.browser import serving

pytestmark = needs_chromium
HEADING = "What the agents learn"


def visit(browser, address, **more):
    page, said = opened(browser, address, HEADING, offline=False, **more)
    # Not "Looking for runs.", which it says before it knows of any.
    page.get_by_role("status").filter(has_text=re.compile(r"of \d+ runs")).first.wait_for()
    return page, said


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_says_nothing_asks_nobody_else_and_fits(browser, trained, tmp_path, width, scheme):
    out = trained(NAME)
    trained("two", 2)
    with serving(tmp_path) as address:
        page, said = visit(browser, address, width=width, scheme=scheme)
        for box in page.get_by_role("checkbox").all():
            box.check()
        page.locator(".chart").first.wait_for()
        assert str(out) in page.locator("main").inner_text().replace("\n", " ")
        page.get_by_role("button", name="Compute").click()
        page.get_by_role("button", name="Last", exact=True).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("img").count() == 0
        assert faults_of_access(page) == []
        page.context.close()
    assert said == []


def test_a_trial_is_computed_and_stepped_through(browser, trained, tmp_path):
    out = trained("run", 2)
    [group] = collect([out], [3, 5])["groups"]
    trial = group["seeds"][0]["trials"][0]
    with serving(tmp_path) as address:
        page, said = visit(browser, address)
        page.get_by_role("checkbox").check()
        page.get_by_role("combobox", name="Problem", exact=True).select_option("3")
        page.get_by_label("Exploit with the belief of").select_option("5")
        page.get_by_label("Beside it").select_option(index=2)
        status = page.get_by_role("status").last
        status.filter(has_text="exploration, step 0").wait_for()
        assert page.locator("article").count() == 2
        for step, action in enumerate(trial["explored"]["actions"], 1):
            page.get_by_role("button", name="Forward").click()
            assert f"exploration, step {step} of" in status.inner_text()
            assert f": {action}" in status.inner_text()
        page.keyboard.press("End")
        assert f"return {round(sum(trial['exploited']['rewards']), 2):g}" in status.inner_text()
        swapped = sum(trial["swaps"][0]["exploited"]["rewards"])
        assert f"returns {round(swapped, 2):g} instead" in page.locator(".swap").first.inner_text()
        page.get_by_role("combobox", name="Goal").select_option("2")
        status.filter(has_text="exploration, step 0").wait_for()
        page.get_by_role("button", name="Last", exact=True).click()
        corner = page.get_by_role("combobox", name="Goal").locator("option:checked").inner_text()
        assert f"goal {corner}" in page.locator("article").first.inner_text()
        assert json.loads(corner)
        page.context.close()
    assert said == []


def test_it_works_by_keyboard_alone(browser, trained, tmp_path):
    trained("run")
    with serving(tmp_path) as address:
        page, said = visit(browser, address)
        for _ in range(3):
            page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.get_by_role("button", name="Close").wait_for()
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "Compute":
                break
        page.keyboard.press("Enter")
        status = page.get_by_role("status").last
        status.filter(has_text="exploration, step 0").wait_for()
        page.keyboard.press("ArrowRight")
        assert "exploration, step 1" in status.inner_text()
        page.keyboard.press("Home")
        assert "exploration, step 0" in status.inner_text()
        page.context.close()
    assert said == []


def test_curves_grow_while_a_run_trains_and_a_run_that_goes_is_told_of(browser, fake, tmp_path):
    few = ["--chunk", "2", "--evaluation-trials", "8", "--out", str(tmp_path / "run")]
    assert main(["train", "fake", "bus", "--iterations", "6", *few]) == 0
    with serving(tmp_path) as address:
        page, said = visit(browser, address)
        page.get_by_role("checkbox").check()
        curve = page.locator(".chart path").first
        curve.wait_for(state="attached")
        points = "path => path.getAttribute('d').split('L').length"
        before = curve.evaluate(points)
        # Ten steps an iteration: it goes on behind its last one.
        assert main(["train", "fake", "bus", "--until", "200", *few]) == 0
        page.get_by_text("iteration 20 of").wait_for()
        assert page.locator(".chart path").first.evaluate(points) > before
        (tmp_path / "run" / "run.json").write_text("{")
        page.get_by_text("This run cannot be read").wait_for()
        page.context.close()
    assert said == []
