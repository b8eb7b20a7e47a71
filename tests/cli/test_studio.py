"""`dreamrl studio` as a person starts and ends it."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from dreamrl.cli import main


def answer(address, **headers):
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize(
    ("more", "place"), [([], ""), (["--lesson"], "lesson"), (["--host", "0.0.0.0"], "?token=")]
)
def test_it_serves_until_it_is_interrupted(tmp_path, more, place):
    command = [
        sys.executable,
        "-m",
        "dreamrl",
        "studio",
        str(tmp_path),
        "--port",
        "0",
        "--json",
    ]
    with subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True) as process:
        told = ""
        while not told.endswith("}\n"):
            line = process.stdout.readline()
            assert line, "it ended"
            told += line
        address = json.loads(told)["address"]
        assert place in address
        token = address.partition("?")[2]
        if token:
            here = address.replace("0.0.0.0", "127.0.0.1")
            assert answer(here.partition("?")[0])[0] == 401
            opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            assert "dreamrl studio" in opener.open(here, timeout=60).read().decode()
        else:
            status, page = answer(address)
            assert (status, "<title>" in page) == (200, True)
        assert answer(address.partition("?")[0], Host="evil.example")[0] == 421
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


def test_mistakes_are_told_in_a_line(tmp_path, capsys):
    assert main(["studio", str(tmp_path / "nowhere")]) == 2
    assert "is not a directory" in capsys.readouterr().err
    assert main(["studio", str(tmp_path), "--port", "70000"]) == 2
    assert "port must be at most" in capsys.readouterr().err
