"""A diagnosis as a page: the test that is proposed, and a button for each of its outcomes.

All that was told stands in the page's address, test by test: nothing is kept here between two
requests, so going back, reloading and several windows are what they are on any other page.
"""

import threading
from collections.abc import Sequence
from html import escape

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from dreamrl.deploy import TrainedAgent
from dreamrl.deploy.consultation import Consultation
from dreamrl.deploy.wording import SHOWN, Share, Wording, likeliest, wording
from dreamrl.errors import UserError
from dreamrl.families.diagnosis import Diagnosis
from dreamrl.report.page import diagnosis_html
from dreamrl.studio.guard import LOOPBACK, Guard

TOLD = "/told"
"""The address of answers. Unlike the beginning, at `/`, no other site may link to it."""
LONGEST = 400
"""Letters of an error that are shown."""

WORTH = "Worth: how much more the best repair is expected to pay, once the outcome is known."
KEPT = "This page's address holds all that was told: as a bookmark, it can be kept."

Told = Sequence[tuple[str, str]]
"""Tests, and their outcomes."""


def application(
    agent: TrainedAgent,
    name: str,
    names: frozenset[str] = LOOPBACK,
    token: str | None = None,
    told: Told = (),
    machine: Diagnosis | None = None,
) -> Guard:
    """Return the page as an ASGI application.

    Args:
        agent: Proposes the tests.
        name: Its run's, for whoever reads.
        names: As in `Guard`.
        token: As in `Guard`.
        told: What is known when the page is opened, in the agent's order of tests.
        machine: As in `Consultation`.
    """
    lock = threading.Lock()

    def answer(answers: Told) -> Response:
        fault = ""
        with lock:
            consultation = Consultation(agent, machine=machine)
            try:
                for test, outcome in answers:
                    consultation.tell(outcome, test)
            except UserError as error:
                fault = str(error)
            text = page(consultation, name, fault)
        return HTMLResponse(text, 422 if fault else 200)

    async def begin(request: Request) -> Response:
        return await run_in_threadpool(answer, tuple(told))

    async def go_on(request: Request) -> Response:
        return await run_in_threadpool(answer, request.query_params.multi_items())

    return Guard(Starlette(routes=[Route("/", begin), Route(TOLD, go_on)]), names, token)


def page(consultation: Consultation, name: str, fault: str = "") -> str:
    """Return what is known and asked as HTML; `fault` is what was wrong with the last answer."""
    phrases, answers = wording(consultation), consultation.told
    head = f'<h1>Diagnosis</h1><p class="path">{escape(name)}</p>'
    if fault:
        head += f'<p class="alarm" role="alert">{escape(fault[:LONGEST])}</p>'
    if phrases.proposal is None:
        title = f"repair: {phrases.advice.repair}"
        first = [_card(title, f"<p>{phrases.pays}</p><p>{phrases.test}</p>")]
    else:
        title = phrases.test
        advice = _card(f"now: {phrases.advice.repair}", f"<p>{phrases.pays}</p>")
        first = [_card(title, _question(phrases, phrases.proposal.test, answers)), advice]
    if answers:
        first.append(_card("told so far", _history(answers)))
    best = phrases.repairs[:SHOWN]
    repairs = _bars("How likely no other would pay more", best, phrases.advice.repair)
    if len(phrases.repairs) > SHOWN:
        repairs += f"<p>and {len(phrases.repairs) - SHOWN} more</p>"
    faults = _bars("How likely each is", likeliest(phrases.faults))
    rows = ("".join(first), _card("repairs", repairs) + _card("faults", faults))
    body = "".join(f'<div class="columns">{row}</div>' for row in rows)
    return diagnosis_html(f"{title} · dreamrl diagnose", f"<main>{head}{body}</main>")


def _card(heading: str, content: str) -> str:
    heading = escape(heading[:1].upper() + heading[1:])
    return f'<section class="card"><h2>{heading}</h2>{content}</section>'


def _question(phrases: Wording, test: str, answers: Told) -> str:
    rows = "".join(
        f'<tr><th scope="row"><button name="{escape(test)}" value="{escape(outcome)}">'
        f"{escape(outcome)}</button></th><td>{likely}</td><td>{escape(repair)}</td></tr>"
        for outcome, likely, repair in phrases.outcomes
    )
    titles = ("outcome", "likely", "best repair then")
    heads = "".join(f'<th scope="col">{title}</th>' for title in titles)
    caption = "<caption>What is its outcome?</caption>"
    table = f'<table class="outcomes">{caption}<tr>{heads}</tr>{rows}</table>'
    return f'<p>{phrases.worth}</p>{_form(TOLD, answers, table)}<p class="aside">{WORTH}</p>'


def _bars(label: str, shares: Sequence[Share], choice: str = "") -> str:
    """Return bars of the likeliest; the one that is chosen is marked, to readers aloud too."""
    rows = []
    for name, value, words in shares:
        kind, mark = "", ""
        if name == choice:
            kind, mark = ' class="chosen"', '<span class="hidden">, the agent\'s</span>'
        rows.append(
            f'<li{kind}><span class="name">{escape(name)}</span>'
            '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
            f'<rect width="{100 * value:.2f}" height="10"/></svg>'
            f'<span class="value">{words}{mark}</span></li>'
        )
    wide = " results" if choice else ""
    bars = f'<ul class="bars{wide}">{"".join(rows)}</ul>'
    return f'<p class="aside">{label}</p>{bars}'


def _history(answers: Told) -> str:
    rows = "".join(f"<li>{escape(test)}: {escape(outcome)}</li>" for test, outcome in answers)
    undo = _form(TOLD, answers[:-1], "<button>Undo the last answer</button>")
    restart = _form("/", (), "<button>Start over</button>")
    return f'<ol>{rows}</ol><div class="controls">{undo}{restart}</div><p class="aside">{KEPT}</p>'


def _form(place: str, answers: Told, content: str) -> str:
    """Return a form that says again what was told; a button in it may add an outcome."""
    inputs = "".join(
        f'<input type="hidden" name="{escape(test)}" value="{escape(outcome)}">'
        for test, outcome in answers
    )
    return f'<form action="{place}">{inputs}{content}</form>'
