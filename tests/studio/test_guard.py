"""Nobody gets out of the directories, in from another site, or anything run or read as HTML."""

import itertools
import json
import os
import socket
import urllib.parse

import pytest

from dreamrl.report.page import STUDIO, bundle
from dreamrl.runs import Run
from dreamrl.studio.shelf import Shelf
from tests.report.conftest import NAME
from tests.report.test_page import ELEMENTS, Page

SECRET = "a-secret-that-nobody-may-read"

UPS = ["..", "%2e%2e", "%2E.", "%252e%252e", "..%00", "%c0%ae%c0%ae", "．．", "..;"]
SLASHES = ["/", "%2f", "\\", "%5c", "%252f", "//", "%c0%af"]
TARGETS = ["secret.txt", "outside/run.json", "etc/passwd"]
TRAVERSALS = [
    slash.join([up] * depth + [target])
    for up, slash, target in itertools.product(UPS, SLASHES, TARGETS)
    for depth in (1, 6)
]
PLACES = ["/", "/trial/", "/live/", "/static/", "/runs/"]

FOREIGN = [
    "evil.example",
    "evil.example:8321",
    "127.0.0.1.evil.example:8321",
    "localhost.evil.example",
    "127.0.0.1@evil.example",
    "evil.example@127.0.0.1",
    "127.0.0.1:8321@evil.example",
    "127.0.0.1:8321, evil.example",
    "127.0.0.1:evil",
    "127.0.0.1:８３２１",
    "localhost.",
    "localhost:8321:1",
    "[::1]evil.example",
    "[::1",
    "::1]",
    "0.0.0.0:8321",
    "169.254.169.254",
    "2130706433",
    "0x7f.1",
    "127.1",
    "",
    " ",
    "null",
    "loc\u00e0lhost",
]
ORIGINS = [
    "http://evil.example",
    "http://evil.example:8321",
    "https://127.0.0.1:8321",
    "http://127.0.0.1",
    "http://127.0.0.1:83210",
    "http://127.0.0.1:8321.evil.example",
    "http://localhost:8321",
    "http://127.0.0.1:8321@evil.example",
    "null",
    "file://",
    "",
    "http://127.0.0.1:8321/",
]
SITES = ["cross-site", "same-site", "CROSS-SITE", "", "nonsense"]
ASKED = ["/", "/lesson", "/live", "/trial?key=x&seed=0&problem=0"]
PAGES = ("/", "/lesson")


@pytest.fixture
def secrets(trained, tmp_path):
    """A run, and beside the directory that is shown a secret, a run and a link to each."""
    out = trained("shown/run")
    trained("outside")
    (tmp_path / "secret.txt").write_text(SECRET)
    Run(tmp_path / "outside").update(error=SECRET)
    return tmp_path / "shown", out


def test_there_are_two_hundred_attempts_and_more():
    assert len(TRAVERSALS) * len(PLACES) > 200


@pytest.mark.parametrize("place", PLACES)
def test_no_path_leads_anywhere(secrets, studio, place):
    client, _, _ = studio(secrets[0])
    for path in TRAVERSALS:
        answer = client.get(place + path)
        assert answer.status == 404
        assert SECRET not in answer.text
        assert "root:" not in answer.text


def test_no_key_leads_anywhere(secrets, studio):
    client, shelf, keys = studio(secrets[0])
    outside = [str(secrets[0].parent / "outside"), *TRAVERSALS, *map(urllib.parse.unquote, UPS)]
    for key in [*outside, next(iter(keys.values())) + "/..", "", "\0"]:
        answer = client.get("/trial", {"key": key, "seed": 0, "problem": 3})
        assert (answer.status, SECRET in answer.text) == (404, False)
        assert shelf.group(key)["message"]
        assert shelf.group(key)["settings"] == {}


@pytest.mark.parametrize(
    "inner", ["run.json", "metrics.jsonl", "agent.json", "agent.safetensors", "checkpoints", "lock"]
)
@pytest.mark.parametrize("kind", ["file", "folder", "circle"])
def test_links_within_a_run_lead_nowhere(secrets, studio, inner, kind):
    shown, out = secrets
    target = {"file": "secret.txt", "folder": "outside", "circle": f"shown/run/{inner}"}[kind]
    if (out / inner).exists() and not (out / inner).is_dir():
        (out / inner).unlink()
    elif (out / inner).is_dir():
        (out / inner).rename(out / "before")
    (out / inner).symlink_to(shown.parent / target)
    client, shelf, _ = studio(shown)
    for row in shelf.rows():
        assert SECRET not in json.dumps([row, shelf.group(row["key"])])
        assert shelf.group(row["key"])["message"]
        answer = client.get("/trial", {"key": row["key"], "seed": 0, "problem": 3})
        assert answer.status in (404, 422)
        assert SECRET not in answer.text


def test_links_beside_runs_are_not_followed(secrets):
    shown, out = secrets
    (shown / "linked").symlink_to(shown.parent / "outside")
    (shown / "all").symlink_to(shown.parent)
    assert [row["name"] for row in Shelf([shown]).rows()] == [str(out)]
    # Whoever gives a link means what it leads to.
    assert len(Shelf([shown / "linked"]).rows()) == 1


def test_a_link_that_is_put_there_later_is_seen(secrets):
    shown, out = secrets
    shelf = Shelf([shown])
    [row] = shelf.rows()
    assert shelf.group(row["key"])["message"] is None
    (out / "metrics.jsonl").unlink()
    (out / "metrics.jsonl").symlink_to(shown.parent / "secret.txt")
    assert "outside the directories" in shelf.group(row["key"])["message"]


def test_tables_outside_are_not_read(secrets):
    shown, out = secrets
    tables = shown.parent / "tables"
    tables.mkdir()
    (tables / "faults.csv").write_text(SECRET)
    Run(out).update(family=f"diagnosis:path={tables}")
    shelf = Shelf([shown])
    [row] = shelf.rows()
    told = shelf.group(row["key"])["message"]
    assert "outside the directories" in told
    assert SECRET not in told


def test_pipes_keep_nobody_waiting(secrets):
    shown, out = secrets
    for name in ("metrics.jsonl", "lock"):
        (out / name).unlink(missing_ok=True)
        os.mkfifo(out / name)
    shelf = Shelf([shown])
    [row] = shelf.rows()
    assert "not a file" in row["message"]
    assert "not a file" in shelf.group(row["key"])["seeds"][0]["message"]


def test_nothing_in_a_run_is_executed(secrets, studio, monkeypatch):
    shown, out = secrets
    monkeypatch.chdir(shown)
    (out / "family.py").write_text("open('executed', 'w').close()\nfamily = None\n")
    Run(out).update(family=f"{out}/family.py:family")
    client, shelf, keys = studio(shown)
    [key] = keys.values()
    shelf.group(key)
    assert client.get("/trial", {"key": key, "seed": 0, "problem": 3}).status == 422
    assert not (shown / "executed").exists()


@pytest.mark.parametrize("path", ASKED)
def test_other_names_of_this_machine_are_refused(secrets, studio, path):
    client, _, _ = studio(secrets[0])
    for host in FOREIGN:
        headers = [("host", host.encode().decode("latin-1"))]
        assert client.get(path, headers=headers).status == 421, host
    for hosts in ([], ["127.0.0.1:8321", "evil.example"], ["evil.example", "127.0.0.1:8321"]):
        headers = [("Host", host) for host in hosts]
        answer = client.get(path, headers=[*headers, ("host", "evil.example")])
        assert answer.status == 421


@pytest.mark.parametrize("path", ASKED)
def test_other_sites_are_refused(secrets, studio, path):
    client, _, _ = studio(secrets[0])
    for origin in ORIGINS:
        assert client.get(path, headers=[("origin", origin)]).status == 403, origin
    for site in SITES:
        status = client.get(path, headers=[("sec-fetch-site", site)]).status
        assert (status == 403) == (path not in PAGES), site
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get"):
        assert client.get(path, method=method).status == 405


@pytest.mark.parametrize("host", ["127.0.0.1:8321", "localhost:9000", "LOCALHOST", "[::1]:8321"])
def test_the_page_itself_is_answered(secrets, studio, host):
    client, _, _ = studio(secrets[0])
    own = [("host", host), ("origin", f"http://{host}"), ("sec-fetch-site", "same-origin")]
    answer = client.get("/", headers=own)
    assert answer.status == 200
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"


def test_with_a_token_nothing_is_answered_without_it(secrets, studio):
    names = frozenset({"localhost", "0.0.0.0", "machine"})
    client, _, _ = studio(secrets[0], names=names, token="right")
    answer = client.get("/?token=right", headers=[("host", "192.168.3.4:8321")])
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    name = cookie.partition("=")[0]
    wrong = [
        "",
        "?token=",
        "?token=wrong",
        "?token=right%00",
        "?token=%E9",
        "?Token=right",
        "?right",
    ]
    for path in (*PAGES, "/trial", "/live"):
        for query in [*wrong, *(["?token=right"] if path not in PAGES else [])]:
            assert client.get(path + query).status == 401
        for held in ("", f"{name}=", f"{name}=wrong", "token=right", "\x7f=;;"):
            assert client.get(path, headers=[("cookie", held)]).status == 401
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    shown = [("cookie", cookie.partition(";")[0])]
    assert client.get("/", headers=shown).status == 200
    assert client.get("/trial", headers=shown).status == 422
    assert client.get("/", headers=[*shown, ("host", "evil.example")]).status == 421


def test_two_servers_of_one_machine_have_a_cookie_each(secrets, studio):
    shown = []
    clients = [studio(secrets[0], token=token)[0] for token in ("one", "two")]
    for client, token in zip(clients, ("one", "two"), strict=True):
        answer = client.get(f"/?token={token}")
        shown.append(answer.headers["set-cookie"].partition(";")[0])
    # A browser sends both to both, as ports do not matter; of one name it would keep the last.
    assert len({cookie.partition("=")[0] for cookie in shown}) == 2
    for client in clients:
        assert client.get("/", headers=[("cookie", "; ".join(shown))]).status == 200


def test_names_stay_data(trained, tmp_path, studio):
    trained(NAME)
    client, _, _ = studio(tmp_path)
    page = client.get("/").text
    assert NAME not in page
    assert {tag for tag, _ in Page(page).elements} == ELEMENTS
    answer = client.get("/trial", {"key": "<img src=x>", "seed": 0, "problem": 3})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    code = bundle(STUDIO)
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "href"):
        assert word not in code


def test_a_port_that_is_taken_is_told_of(capsys, tmp_path):
    from dreamrl.cli import main

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["studio", str(tmp_path), "--port", str(port)]) == 2
    assert f"port {port}" in capsys.readouterr().err
