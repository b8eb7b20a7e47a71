"""The page in a real browser, from the disk and without a network, where there is one."""

import pytest

from dreamrl.report import collect, html
from tests.browser import faults_of_access, needs_chromium, opened
from tests.report.conftest import NAME

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
