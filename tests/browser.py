"""A real browser, where there is one."""

import pytest

from tools.browser import ARGUMENTS, CHROMIUM

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is on the PATH")


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def opened(browser, address, heading, width=1400, scheme="light", offline=True):
    """Open a page; gives it, and all that it complains of, or asks another machine for."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=offline
    )
    page, said = context.new_page(), []
    page.set_default_timeout(60_000)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith(address) else said.append(request.url),
    )
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(address)
    page.get_by_role("heading", name=heading).wait_for()
    return page, said


def faults_of_access(page):
    """What axe-core finds that keeps people out."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    return [
        (each["id"], each["nodes"][0]["html"])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
