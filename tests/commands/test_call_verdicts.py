"""What `voiceband call` says of a call in the end: the verdict, the baseline, and what it keeps."""

import json
import re
from xml.etree import ElementTree as ET

import pytest

from _support import broken_servers as servers
from _support.call_command import Greeter, greeting
from _support.web import Web
from voiceband.emulator import CallLog, Finding
from voiceband.emulator.judge.findings import verdict
from voiceband.markup import Hangup, Response, Stream


def test_a_web_server_is_asked_as_its_owner_says(run, quick, tmp_path):
    with greeting(auth_token="secret", public_base_url="https://voice.example.com/x") as url, Web() as web:
        # The XML names the public address; the agent listens somewhere else on this machine.
        stream = Stream("wss://voice.example.com/x/ws", bidirectional=True, keep_call_alive=True)
        web.answer = (200, Response(stream, Hangup()).to_xml().encode(), {"Content-Type": "text/html"})
        options = ["--method", "GET", "--auth-token", "secret", "--script", quick]
        options += ["--hangup-url", web.url + "/over#rc=0"]
        code, _, err = run(web.url + "/answer", "--url", "https://voice.example.com/x", "--stream-url", url, *options)
    assert code == 0, err
    assert "answer-xml (note): XML was answered as text/html" in " ".join(err.split())
    assert [(asked.method, asked.path.partition("?")[0]) for asked in web.requests] == [
        ("GET", "/answer"),
        ("POST", "/over"),
    ]


def test_a_bad_answer_is_shown(run, tmp_path):
    with Web(403, b"<h1>Forbidden</h1>", {"Content-Type": "text/html"}) as web:
        code, _, err = run(web.url + "/answer")
    assert code == 2
    assert f"HTTP 403, text/html: '<h1>Forbidden</h1>'; signed was POST {web.url}/answer and 6 fields" in err
    with (tmp_path / "call" / "wire.jsonl").open() as file:
        assert any(json.loads(line)["detail"].get("body") == "<h1>Forbidden</h1>" for line in file)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--url", "voice.example.com"),
        ("--stream-url", "http://a.b"),
        ("--hangup-url", "x"),
        ("--keys", "a"),
        ("--method", "PUT"),
    ],
)
def test_addresses_that_are_none(run, option, value):
    code, _, err = run("http://127.0.0.1:9/answer", option, value)
    assert (code, option.strip("-") in err, value in err) == (2, True, True)


def test_a_call_that_did_not_come_about_keeps_the_last_recording(run, quick, tmp_path):
    with greeting() as url:
        assert run(url, "--script", quick)[0] == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "call").iterdir()}
    assert set(before) == {"call.wav", "wire.jsonl", "summary.json"}
    code, _, err = run(url, "--script", quick)  # nobody is there any more
    assert code == 2
    assert "the recording of an earlier call" in " ".join(err.split())
    after = {path.name: path.read_bytes() for path in (tmp_path / "call").iterdir()}
    with (tmp_path / "call" / "attempt.jsonl").open() as file:
        assert CallLog.read(file).named("refused")
    del after["attempt.jsonl"]
    assert after == before


def test_the_verdict_comes_first(run, hasty, tmp_path):
    with servers.served(servers.clears_nothing_by_name) as url:
        _, _, err = run(url, "--script", hasty)
    lines = [line for line in err.splitlines() if not re.match(r" *\d+\.\d s  ", line)]
    assert lines[0] == "no errors, 1 doubtful"
    assert any(line.startswith("doubtful ") for line in lines)


@pytest.mark.parametrize(
    ("degrees", "text"),
    [
        ([], "good: nothing is wrong"),
        (["error", "doubtful", "error"], "2 errors, 1 doubtful"),
        (["note", "note"], "no errors, 2 notes"),
        (["doubtful", "doubtful"], "no errors, 2 doubtful"),
    ],
)
def test_verdicts(degrees, text):
    assert verdict([Finding("gap", "late", 0.0, "a hole", degree=degree) for degree in degrees]) == text


@pytest.mark.waits
def test_many_calls_are_a_baseline_to_compare_with(run, hasty, tmp_path):
    base, junit = tmp_path / "base.json", tmp_path / "junit.xml"
    with greeting() as url:
        code, _, err = run(url, "--script", hasty, "-n", "2", "--save-baseline", base)
        assert code == 0, err
        assert {path.name for path in (tmp_path / "call").iterdir()} == {"1", "2"}
        assert "call 2: good: nothing is wrong" in err
        saved = json.loads(base.read_text())
        assert [call["gap_ms"] for call in saved["calls"]] == [0, 0]

        code, _, err = run(url, "--script", hasty, "--baseline", base)
        assert code == 2
        assert "the baseline has 2 calls, and a comparison needs 10" in err

        base.write_text(json.dumps({**saved, "calls": [{"answer_ms": 400.0, "silence_ms": None, "gap_ms": 0.0}] * 10}))
        code, out, err = run(url, "--script", hasty, "-n", "10", "--baseline", base, "--json", "--junit", junit)
        assert code == 1
        assert "answer time: worse, 400 ms before and none now" in err
        assert [one["worse"] for one in json.loads(out)["baseline"]] == [True, False, False]
        last = ET.parse(junit).getroot()[-1]
        assert (last.get("name"), last.get("failures")) == ("voiceband call, compared", "1")

        code, _, err = run(url, "--script", hasty, "-n", "10", "--network", "jittery", "--baseline", base)
        assert code == 2
        assert "the runs are unlike: network was none, and is jittery" in err


@pytest.mark.parametrize("option", ["--save-baseline", "--junit"])
def test_a_file_that_cannot_be_written_is_refused_before_any_call(run, hasty, tmp_path, option):
    greeter = Greeter()
    with greeting(greeter) as url:
        for path in (tmp_path, tmp_path / "file" / "below.json"):
            (tmp_path / "file").touch()
            code, out, err = run(url, "--script", hasty, option, path, "--json")
            assert (code, out) == (2, "")
            assert str(path if path == tmp_path else path.parent) in err
    assert greeter.calls == 0
