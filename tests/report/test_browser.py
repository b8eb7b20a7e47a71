"""The page in a real browser, from the disk and without a network, where there is one."""

import pytest

from dreamrl.report import collect, html
from tests.browser import faults_of_access, needs_chromium, opened
from tests.report.conftest import NAME
from tools import lesson

pytestmark = needs_chromium
HEADING = "A trial, step by step"


@pytest.fixture
def shown(trained, tmp_path):
    """A report of two runs, one of them with a name to fear."""
    report = collect([trained(NAME), trained("two", 2)], [3, 5])
    path = tmp_path / "page.html"
    path.write_text(html(report))
    return report, path.as_uri()


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_says_nothing_asks_for_nothing_and_fits(browser, shown, width, scheme):
    report, address = shown
    page, said = opened(browser, address, HEADING, width, scheme)
    for details in page.locator("details").all():
        details.evaluate("details => (details.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("img").count() == 0
    assert report["groups"][0]["name"] in page.locator("main").inner_text().replace("\n", " ")
    for button in ("Forward", "Last", "Back", "First"):
        page.get_by_role("button", name=button, exact=True).click()
    assert faults_of_access(page) == []
    assert said == []


def test_every_moment_is_that_of_the_trial(browser, shown):
    report, address = shown
    page, said = opened(browser, address, HEADING)
    trial = report["groups"][0]["seeds"][0]["trials"][0]
    status, forward = page.get_by_role("status"), page.get_by_role("button", name="Forward")
    total = 0.0
    for step, action in enumerate(trial["explored"]["actions"], 1):
        forward.click()
        assert f"exploration, step {step} of" in status.inner_text()
        assert f": {action}" in status.inner_text()
        total += trial["beliefs"]["gained"][step - 1]
        assert f"{100 * total:.0f}"[:4] in page.locator(".gains + p").inner_text()
    forward.click()
    assert "exploitation, step 0" in status.inner_text()
    page.keyboard.press("End")
    assert f"return {round(sum(trial['exploited']['rewards']), 2):g}" in status.inner_text()
    page.keyboard.press("Home")
    assert "exploration, step 0" in status.inner_text()
    page.get_by_label("Moment of the trial").focus()
    page.keyboard.press("ArrowRight")
    assert "exploration, step 1" in status.inner_text()
    assert said == []


def test_two_agents_and_another_belief(browser, shown):
    report, address = shown
    page, said = opened(browser, address, HEADING)
    page.get_by_label("Beside it").select_option("2")
    page.get_by_label("Exploit with the belief of").select_option("5")
    page.get_by_role("button", name="Last").click()
    assert page.locator("article").count() == 2
    trial = report["groups"][0]["seeds"][0]["trials"][0]
    cost = sum(trial["exploited"]["rewards"]) - sum(trial["swaps"][0]["exploited"]["rewards"])
    assert f"the wrong belief costs {round(cost, 2):g}" in page.locator(".swap").first.inner_text()
    assert said == []


def test_it_plays_by_itself_and_stops_at_the_end(browser, shown):
    _, address = shown
    page, said = opened(browser, address, HEADING)
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_role("status").filter(has_text="step 1 of").wait_for()
    page.keyboard.press("End")
    page.get_by_role("button", name="Play").wait_for()
    assert said == []


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_lesson_says_nothing_asks_for_nothing_and_fits(browser, width, scheme):
    page, said = opened(browser, lesson.OUT.as_uri(), "DREAM in five minutes", width, scheme)
    page.get_by_label("During").select_option("test")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert faults_of_access(page) == []
    assert page.get_by_role("heading", level=2).count() == 7
    assert said == []


def test_each_scene_asks_one_question_and_says_little(browser):
    page, _ = opened(browser, lesson.OUT.as_uri(), "DREAM in five minutes")
    scenes = page.locator("section[aria-labelledby^=scene]").all()
    assert len(scenes) == 6
    for scene in scenes:
        assert scene.locator(":scope > h2").inner_text().count("?") == 1
        assert 1 <= scene.locator(":scope > p:not([role])").count() <= 2
    assert "kitchen" in scenes[0].inner_text()
    assert len(lesson.data()["bottleneck"]["runs"]) >= 5


def test_the_lessons_learners_learn_what_the_exact_gradients_say(browser):
    page, said = opened(browser, lesson.OUT.as_uri(), "DREAM in five minutes")
    trap = page.get_by_role("region", name="2. Why is it hard to learn to explore?")
    returns = trap.get_by_role("listitem").filter(has_text="return of a trial").locator(".value")
    coupled, decoupled = (float(text) for text in returns.all_inner_texts())
    assert coupled == decoupled < 1 / 8
    trap.get_by_role("button", name="Run the cycle").press("Enter")
    trap.get_by_role("status").filter(has_text="after 4000 updates").wait_for()
    coupled, decoupled = (float(text) for text in returns.all_inner_texts())
    assert coupled <= 0.126
    assert decoupled > 0.95
    trap.get_by_label("At first").fill("0.5")
    trap.get_by_role("button", name="From the start").click()
    trap.get_by_role("button", name="Run the cycle").click()
    trap.get_by_role("status").filter(has_text="after 4000 updates").wait_for()
    assert min(float(text) for text in returns.all_inner_texts()) > 0.95
    assert said == []


def test_the_lessons_sum_telescopes_and_its_dial_shows_what_was_measured(browser):
    page, said = opened(browser, lesson.OUT.as_uri(), "DREAM in five minutes")
    data = lesson.data()
    [trial] = [t for t in data["trial"]["seed"]["trials"] if t["kind"] == "training"][:1]
    errors = trial["beliefs"]["errors"]
    for step in range(len(errors)):
        page.get_by_label("Step", exact=True).fill(str(step))
        text = page.get_by_text("What lies between").inner_text()
        assert float(text.split("add up to ")[1].split(":")[0]) == pytest.approx(
            (errors[0] - errors[step]) / errors[0], abs=2e-3
        )
    for place, run in enumerate(data["bottleneck"]["runs"]):
        page.get_by_label("λ", exact=True).fill(str(place))
        told = page.locator('[aria-label="Bits"] .value').all_inner_texts()
        assert told == [f"{bits:.2f}" for bits in run["bits"]]
    for place, result in enumerate(data["results"]):
        page.get_by_role("combobox", name="On", exact=True).select_option(str(place))
        names = page.locator(".results .name").all_inner_texts()
        assert names == [cell["agent"] for cell in result["cells"]]
    assert said == []
