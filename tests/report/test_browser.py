"""The page in a real browser, from the disk and without a network, where there is one."""

import os
import shutil

import pytest

from dreamrl.report import collect, html
from tests.report.conftest import NAME

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
NAMES = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is on the PATH")


@pytest.fixture(scope="module")
def browser():
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def shown(trained, tmp_path):
    """A report of two runs, one of them with a name to fear."""
    report = collect([trained(NAME), trained("two", 2)], [3, 5])
    path = tmp_path / "page.html"
    path.write_text(html(report))
    return report, path.as_uri()


def opened(browser, address, width=1400, scheme="light"):
    """Open the page; gives it, and all that it complains of or asks for."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if request.url != address else None)
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(address)
    page.get_by_role("heading", name="A trial, step by step").wait_for()
    return page, said


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_says_nothing_asks_for_nothing_and_fits(browser, shown, width, scheme):
    report, address = shown
    page, said = opened(browser, address, width, scheme)
    for details in page.locator("details").all():
        details.evaluate("details => (details.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("img").count() == 0
    assert report["groups"][0]["name"] in page.locator("main").inner_text().replace("\n", " ")
    for button in ("Forward", "Last", "Back", "First"):
        page.get_by_role("button", name=button, exact=True).click()
    assert said == []


def test_every_moment_is_that_of_the_trial(browser, shown):
    report, address = shown
    page, said = opened(browser, address)
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
    page, said = opened(browser, address)
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
    page, said = opened(browser, address)
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_role("status").filter(has_text="step 1 of").wait_for()
    page.keyboard.press("End")
    page.get_by_role("button", name="Play").wait_for()
    assert said == []
