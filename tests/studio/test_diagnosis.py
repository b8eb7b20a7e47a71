"""A diagnosis on a page: the same as at the terminal, and nothing else can be made of it."""

import html.parser
import io
import json
import re
import signal
import subprocess
import sys
import urllib.parse
import urllib.request

import pytest

from dreamrl.cli import main
from dreamrl.deploy import load
from dreamrl.deploy.consultation import Consultation
from dreamrl.deploy.wording import likeliest, wording
from dreamrl.families.diagnosis import from_columns
from dreamrl.studio.diagnosis import LONGEST, application
from tests.browser import faults_of_access, needs_chromium, opened
from tests.diagnoses import untrained
from tests.report.test_page import NASTY, Page
from tests.studio.conftest import Client
from tests.studio.test_guard import FOREIGN, ORIGINS, SITES
from tools.browser import answering

HEAD = {"html", "head", "meta", "link", "title", "style"}
BODY = {"body", "main", "div", "section", "h1", "h2", "p", "span", "ol", "ul", "li", "svg", "rect"}
ASKING = {"form", "input", "button", "table", "caption", "tr", "th", "td"}
ELEMENTS = HEAD | BODY | ASKING


class Forms(html.parser.HTMLParser):
    """What a browser would send for each button, by what the button says."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.sent, self._button = {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        has = dict(attrs)
        if tag == "form":
            assert has.keys() == {"action"}
            self._action, self._held = has["action"], []
        elif tag == "input":
            assert has["type"] == "hidden"
            self._held.append((has["name"], has["value"]))
        elif tag == "button":
            own = [(has["name"], has["value"])] if has else []
            # Browsers send any end of a line as this.
            sent = [tuple(re.sub("\r?\n", "\r\n", x) for x in pair) for pair in self._held + own]
            self._button = f"{self._action}?{urllib.parse.urlencode(sent)}"

    def handle_data(self, data):
        if self._button is not None:
            self.sent[data] = self._button
            self._button = None


@pytest.fixture(scope="module")
def agent(pump_run):
    return load(pump_run)


@pytest.fixture
def client(agent):
    return Client(application(agent, "runs/pump"))


def words(page):
    """All that a page says to who reads it, without the ends of lines."""
    return " ".join(re.sub("<[^>]+>", " ", page.partition("<main>")[2]).split()).lower()


def test_what_the_terminal_says_is_on_the_page(pump_run, agent, client, capsys, monkeypatch):
    consultation, outcomes = Consultation(agent), []
    while consultation.proposal is not None:
        prospects = consultation.proposal.prospects
        outcomes.append(max(prospects, key=lambda each: each.probability).outcome)
        consultation.tell(outcomes[-1])
    assert len(outcomes) == agent.family.horizon
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(outcomes) + "\n"))
    assert main(["diagnose", str(pump_run)]) == 0
    steps = capsys.readouterr().out.split("outcome: ")
    answer = client.get("/")
    for number, step in enumerate(steps):
        shown = words(answer.text)
        lines = [line.strip() for line in step.splitlines() if line.strip()]
        assert len(lines) > 5
        for line in lines:
            for piece in re.split(r"  +| \((?=worth)|\)$|, (?=expected)", line):
                assert piece.lower() in shown
        for test, outcome in consultation.told[:number]:
            assert f"{test}: {outcome}" in shown
        if number < len(outcomes):
            answer = client.get(Forms(answer.text).sent[outcomes[number]])
            assert answer.status == 200
    assert f"repair: {consultation.advice.repair}" in shown
    assert "no test is left" in shown
    assert Forms(answer.text).sent.keys() == {"Undo the last answer", "Start over"}


def test_bars_are_as_long_as_things_are_likely(agent, client):
    said = wording(Consultation(agent))
    bars = [has for tag, has in Page(client.get("/").text).elements if tag == "rect"]
    shares = [*said.repairs, *said.faults]
    assert [float(bar["width"]) for bar in bars] == pytest.approx(
        [100 * share.value for share in shares], abs=0.006
    )
    assert sum(share.value for share in said.faults) == pytest.approx(1)
    chosen = {name: value for name, value, _ in said.repairs}[said.advice.repair]
    assert chosen == pytest.approx(1 - said.advice.risk)


def test_an_answer_is_taken_back_and_all_of_them(agent, client):
    first = client.get("/").text
    outcome = wording(Consultation(agent)).outcomes[0][0]
    second = client.get(Forms(first).sent[outcome]).text
    third = client.get(next(iter(Forms(second).sent.values()))).text
    assert len({first, second, third}) == 3
    assert client.get(Forms(third).sent["Undo the last answer"]).text == second
    assert client.get(Forms(second).sent["Undo the last answer"]).text == first
    assert client.get(Forms(third).sent["Start over"]).text == first
    # Nothing is kept: another window is where it was, and one that is loaded anew.
    assert client.get(Forms(first).sent[outcome]).text == second


@pytest.mark.parametrize(
    ("test", "outcome", "says"),
    [
        (None, "maybe", "unknown outcome of {test!r} 'maybe'"),
        (None, "", "unknown outcome of {test!r} ''"),
        (None, "x" * 10_000, "unknown outcome of {test!r} 'xxx"),
        ("dance", "positive", "the outcome is of 'dance', and the agent asked for {test!r}"),
        ("", "", "the outcome is of '', and"),
        ("%FF%00<b>", "%FF", "the outcome is of"),
        ("d" * 10_000, "positive", "the outcome is of 'ddd"),
    ],
)
def test_what_cannot_be_taken_is_told_and_the_rest_goes_on(agent, client, test, outcome, says):
    consultation = Consultation(agent)
    before = f"{consultation.proposal.test}={consultation.proposal.prospects[0].outcome}"
    consultation.tell(consultation.proposal.prospects[0].outcome)
    proposed = consultation.proposal.test
    asked = f"{urllib.parse.quote(proposed) if test is None else test}={outcome}"
    answer = client.get(f"/told?{before.replace(' ', '+')}&{asked}&{asked}")
    assert answer.status == 422
    told = Page(answer.text).text("p", role="alert")
    assert told.startswith(says.format(test=proposed))
    assert len(told) <= LONGEST
    assert wording(consultation).test in words(answer.text)
    again = client.get(Forms(answer.text).sent["Undo the last answer"])
    assert again.text == client.get("/").text


def test_more_answers_than_tests_and_impossible_ones_are_refused():
    family = from_columns(
        {"fault": ["a", "b"], "prior": [0.6, 0.4]},
        {"test": ["x"], "cost": [0.25], "a": [1], "b": [1]},
        {"repair": ["for a", "for b"], "a": [1, 0], "b": [0, 1]},
        budget=2,
    )
    client = Client(application(untrained(family, stop="never"), "runs/x"))
    first = client.get("/").text
    assert "impossible by the table" in first
    assert "worth 0.00, costs 0.25" in first
    answer = client.get(Forms(first).sent["negative"])
    assert answer.status == 422
    assert "by the table 'x' cannot be 'negative'" in Page(answer.text).text("p", role="alert")
    assert client.get("/told?x=positive&x=pos").status == 200
    answer = client.get("/told?" + "&".join(["x=positive"] * 3))
    assert answer.status == 422
    assert "the diagnosis has ended" in answer.text


NAMES = [*NASTY, '"><b onclick="x">', "'", "&amp;", "one\ntwo", "é=1&x+y"]


def test_names_stay_text_and_can_be_pressed():
    family = from_columns(
        {"fault": NAMES, "prior": [1 / len(NAMES)] * len(NAMES)},
        {
            "test": [name for name in NAMES for _ in range(2)],
            "cost": [0.1] * 2 * len(NAMES),
            "outcome": [name + ending for name in NAMES for ending in ("", "!")],
            **{name: [0.3, 0.7] * len(NAMES) for name in NAMES},
        },
        {"repair": NAMES, **{name: [int(name == each) for each in NAMES] for name in NAMES}},
        budget=4,
    )
    agent = untrained(family, stop="never")
    client = Client(application(agent, "<script>\udc80"))
    consultation, text = Consultation(agent), client.get("/").text
    while True:
        page = Page(text)
        assert {tag for tag, _ in page.elements} <= ELEMENTS
        assert not [name for _, has in page.elements for name in has if name.startswith("on")]
        shown = [share.name for share in likeliest(wording(consultation).faults)]
        names = [
            each
            for (tag, has), each in zip(page.elements, page.texts, strict=True)
            if has.get("class") == "name"
        ]
        assert names[-9:] == shown
        if consultation.proposal is None:
            break
        outcome = consultation.proposal.prospects[0].outcome
        answer = client.get(Forms(text).sent[outcome])
        assert answer.status == 200
        text = answer.text
        consultation.tell(outcome)
    assert len(consultation.told) == 4


def test_the_page_begins_after_what_was_told_at_the_terminal(agent):
    consultation = Consultation(agent)
    for _ in range(2):
        consultation.tell(consultation.proposal.prospects[0].outcome)
    client = Client(application(agent, "runs/pump", told=consultation.told))
    answer = client.get("/")
    assert f"test 3: {consultation.proposal.test}".lower() in words(answer.text)
    sent = Forms(answer.text).sent
    assert sent["Start over"].partition("?")[0] == "/"
    again = client.get(sent["Undo the last answer"])
    assert f"test 2: {consultation.told[1][0]}".lower() in words(again.text)


def test_the_page_can_run_nothing_and_ask_nobody_else(client):
    page = Page(client.get("/").text)
    assert {tag for tag, _ in page.elements} <= ELEMENTS
    [policy] = [has["content"] for tag, has in page.elements if "http-equiv" in has]
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    assert allowed.pop("style-src").startswith("'sha256-")
    assert allowed == {
        "default-src": "'none'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'self'",
    }


@pytest.mark.parametrize("path", ["/", "/told", "/told?x=positive"])
def test_it_is_guarded_as_the_studio_is(client, path):
    for host in FOREIGN:
        headers = [("host", host.encode().decode("latin-1"))]
        assert client.get(path, headers=headers).status == 421, host
    for origin in ORIGINS:
        assert client.get(path, headers=[("origin", origin)]).status == 403, origin
    for site in SITES:
        status = client.get(path, headers=[("sec-fetch-site", site)]).status
        assert (status == 403) == (path != "/"), site
    assert client.get(path, method="POST").status == 405
    answer = client.get(path, headers=[("sec-fetch-site", "same-origin")])
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert client.get("/lesson").status == client.get("/told/more").status == 404


def test_from_elsewhere_it_needs_the_token(agent):
    names = frozenset({"machine"})
    client = Client(application(agent, "runs/pump", names, "right"))
    here = ("host", "machine:8322")
    for path in ("/", "/told", "/told?token=right", "/?token=wrong"):
        assert client.get(path, headers=[here]).status == 401
    answer = client.get("/?token=right", headers=[here])
    assert (answer.status, answer.headers["location"]) == (303, "/")
    shown = [here, ("cookie", answer.headers["set-cookie"].partition(";")[0])]
    assert client.get("/", headers=shown).status == 200
    assert client.get("/told", headers=shown).status == 200


def test_it_is_served_until_it_is_interrupted(pump_run):
    command = [sys.executable, "-m", "dreamrl", "diagnose", str(pump_run), "--serve", "--port", "0"]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as process:
        lines = []
        while lines[-1:] != ["}\n"]:
            lines.append(process.stdout.readline())
            assert lines[-1], "it ended"
        address = json.loads("".join(lines))["address"]
        with urllib.request.urlopen(address, timeout=60) as found:
            forms = Forms(found.read().decode())
        place = next(iter(forms.sent.values()))
        with urllib.request.urlopen(address.rstrip("/") + place, timeout=60) as found:
            assert "Told so far" in found.read().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


def test_mistakes_are_told_in_a_line(pump_run, capsys, monkeypatch):
    serve = ["diagnose", str(pump_run), "--serve"]
    assert main([*serve, "--outcome", "odd"]) == 2
    assert "unknown outcome of" in capsys.readouterr().err
    assert main([*serve, "--port", "70000"]) == 2
    assert "port must be at most" in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(serve) == 2
    told = capsys.readouterr().err
    assert "is not installed: pip install 'dreamrl[studio]'" in told
    assert len(told.splitlines()) == 1


@needs_chromium
@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser_it_fits_keeps_nobody_out_and_goes_back(browser, agent, width, scheme):
    with answering(application(agent, "runs/pump")) as address:
        page, said = opened(
            browser, address, "Diagnosis", offline=False, width=width, scheme=scheme
        )
        heads = [page.title()]
        while page.locator("table button").count():
            assert faults_of_access(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            # The outcomes come first, whoever has no mouse.
            page.keyboard.press("Tab")
            label = page.evaluate("document.activeElement.textContent")
            page.keyboard.press("Enter")
            page.get_by_text(f": {label}").nth(len(heads) - 1).wait_for()
            heads.append(page.title())
        assert len(heads) == 1 + agent.family.horizon
        assert "repair: " in heads[-1]
        assert faults_of_access(page) == []
        page.reload()
        assert page.title() == heads[-1]
        page.go_back()
        assert page.title() == heads[-2]
        page.get_by_role("button", name="Undo the last answer").click()
        page.get_by_role("heading", name=re.compile("^Test 5")).wait_for()
        page.get_by_role("button", name="Start over").click()
        page.get_by_role("heading", name=re.compile("^Test 1")).wait_for()
        page.context.close()
    assert said == []


@needs_chromium
def test_names_of_any_length_fit(browser):
    long = "no_space_in_this_name_" * 9
    family = from_columns(
        {"fault": [long, "b"], "prior": [0.6, 0.4]},
        {"test": [long] * 2, "cost": [0] * 2, "outcome": [long, "no"], long: [0, 1], "b": [1, 0]},
        {"repair": [long, "for b"], long: [1, 0], "b": [0, 1]},
        budget=2,
    )
    with answering(application(untrained(family, stop="never"), "runs/long")) as address:
        page, said = opened(browser, address, "Diagnosis", offline=False, width=390)
        for _ in range(2):
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            page.locator("table button").first.click()
            page.get_by_role("heading", name="Told so far").wait_for()
        page.context.close()
    assert said == []
