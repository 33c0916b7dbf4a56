"""`voiceband call` as a person runs it: what it prints, leaves and exits with, whatever the agent does."""

import json
import re
import shutil
import ssl
import subprocess
import sys
import time
import wave
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from _support import broken_servers as servers
from _support.call_command import Greeter, greeting, rules, summary
from _support.commands import PROGRAM
from _support.dose import dose
from _support.programs import ENDINGS
from _support.web import Web
from voiceband.emulator import CallLog, lint
from voiceband.emulator.judge.rules import RULES
from voiceband.markup import Hangup, Response, Stream


def test_a_good_agent_is_clean(run, quick, tmp_path):
    with greeting() as url:
        code, out, err = run(url, "--script", quick, "--json", "--junit", tmp_path / "junit.xml")
    assert code == 0, err
    (call,) = json.loads(out)["calls"]
    assert call == {"caller": "", "folder": str(tmp_path / "call"), **summary(tmp_path / "call")}
    assert call["connected"] is True
    assert call["findings"] == call["timed_out"] == []
    assert 0.9e3 < call["measures"]["agent"]["speech_ms"] < 1.1e3
    assert call["measures"]["first_audio_ms"] > 250  # the player's delay
    for line in ("the agent has accepted the stream", "the call is over", "gaps heard      0"):
        assert line in err
    with wave.open(str(tmp_path / "call" / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        stereo = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(float)
    power = np.square(stereo).sum(axis=0) / 8000
    assert power[1] == pytest.approx(8000**2 / 2, rel=0.05)  # a second of a sine
    with (tmp_path / "call" / "wire.jsonl").open() as file:
        log = CallLog.read(file)
    assert lint(log) == []
    wire = [entry for entry in log if entry.way != "event"]
    assert len(wire) == call["to_agent"]["messages"] + call["from_agent"]["messages"]
    (suite,) = ET.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == (str(len(RULES)), "0")
    assert [case.get("name") for case in suite] == list(RULES)
    assert not list(suite.iter("failure"))


def test_findings_give_code_1_and_a_failed_test_each(run, hasty, tmp_path):
    with servers.served(servers.speaks_media) as url:
        code, out, err = run(url, "--script", hasty, "--junit", tmp_path / "junit.xml")
    assert (code, out) == (1, "")
    assert rules(tmp_path / "call") == ["media-event"]
    (finding,) = summary(tmp_path / "call")["findings"]
    assert finding["count"] == 5
    assert {"rule", "message", "at_ms"} <= set(finding)
    assert "media-event: " in err
    assert RULES["media-event"].remedy in err
    (suite,) = ET.parse(tmp_path / "junit.xml").getroot()
    assert [case.get("name") for case in suite if case.find("failure") is not None] == ["media-event"]
    assert suite.get("failures") == "1"


@pytest.mark.parametrize(("strict", "code"), [([], 0), (["--strict"], 1), (["--profile", "documented"], 1)])
def test_what_is_doubtful_is_told_and_fails_only_if_asked_to(run, hasty, tmp_path, strict, code):
    junit = tmp_path / "junit.xml"
    with servers.served(servers.clears_nothing_by_name) as url:
        ended, _, err = run(url, "--script", hasty, "--junit", junit, *strict)
    assert ended == code, err
    assert rules(tmp_path / "call") == ["wrong-stream-id"]
    (suite,) = ET.parse(junit).getroot()
    assert suite.get("failures") == str(code)
    (case,) = (case for case in suite if len(case))
    assert (case.get("name"), case[0].tag) == ("wrong-stream-id", "failure" if code else "system-out")
    assert "official samples leave it out" in " ".join(err.split())  # it is wrapped


@pytest.mark.waits
@pytest.mark.parametrize(
    ("handler", "rule", "code"),
    [
        (servers.crashes, "agent-error", 1),
        (servers.breaks_off, "broken-off", 1),
        (servers.silent, "silent-agent", 1),
        (servers.never_reads, "silent-agent", 1),
    ],
)
def test_dead_agents_give_a_finding_in_bounded_time(run, quick, tmp_path, handler, rule, code):
    with servers.served(handler) as url:
        result = run(url, "--script", quick, "--timeout", 10)
    assert result[0] == code, result[2]
    assert rule in rules(tmp_path / "call")
    assert "Traceback" not in result[2]


@pytest.mark.parametrize(
    ("handler", "rule"),
    [(servers.sends_a_megabyte, "too-large"), (servers.breaks_the_protocol, "invalid-message")],
)
def test_what_makes_the_carrier_close_has_one_finding(run, quick, tmp_path, handler, rule):
    with servers.served(handler) as url:
        code, _, err = run(url, "--script", quick, "--timeout", 10)
    assert (code, set(rules(tmp_path / "call"))) == (1, {rule}), err


def test_nobody_there(run, tmp_path):
    code, _, err = run("ws://127.0.0.1:1/", "--junit", tmp_path / "junit.xml")
    assert code == 2
    assert "no call: no agent at ws://127.0.0.1:1/: connection refused: nothing listens there\n" in err
    assert rules(tmp_path / "call") == ["no-connection"]
    assert summary(tmp_path / "call")["connected"] is False
    assert summary(tmp_path / "call")["measures"] is None
    (suite,) = ET.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("failures"), suite.get("skipped")) == ("1", str(len(RULES) - 1))


def test_an_agent_without_tls_and_one_that_is_deaf(run, tmp_path):
    with servers.served(servers.silent) as url:
        code, _, err = run(url.replace("ws:", "wss:"))
    assert (code, rules(tmp_path / "call")) == (2, ["no-connection"]), err
    with servers.deaf_port() as port:
        code, _, err = run(f"ws://127.0.0.1:{port}/", "--timeout", 1)
    assert (code, rules(tmp_path / "call")) == (2, ["no-connection"]), err
    assert "no call: the agent had not accepted the stream in 1.0 s" in err


def test_a_refused_upgrade_and_a_signed_one(run, quick, tmp_path):
    with greeting(auth_token="secret") as url:
        code, _, err = run(url, "--script", quick, "--auth-token", "other")
        assert (code, rules(tmp_path / "call")) == (2, ["no-connection"])
        assert "HTTP 403" in err
        assert run(url, "--script", quick, "--auth-token", "secret")[0] == 0


def test_from_an_answer_url(run, quick, tmp_path):
    with greeting() as url:
        stream = Stream(url, bidirectional=True, keep_call_alive=True, content_type="audio/x-l16;rate=16000")
        with Web(200, Response(stream, Hangup()).to_xml().encode()) as web:
            assert run(web.url + "/answer", "--script", quick)[0] == 0
            code, _, err = run(web.url + "/answer", "--stream", "audioTrack=both")
    assert summary(tmp_path / "call")["format"] == "audio/x-l16;rate=16000"
    assert code == 2
    assert "stream must not be given for http" in err


@pytest.mark.parametrize(
    ("status", "body", "rule"),
    [(404, b"", "phone-call"), (200, b"<Response>", "phone-call"), (200, b"<Response/>", "no-stream")],
)
def test_answers_that_lead_to_no_stream(run, tmp_path, status, body, rule):
    with Web(status, body) as web:
        code, _, err = run(web.url + "/answer")
    assert (code, rules(tmp_path / "call")) == (2, [rule]), err
    assert ("something is wrong: the answer URL gave no XML" in err) == (rule == "phone-call")


def test_a_doubt_about_the_xml_is_told(run, quick):
    with greeting() as url:
        xml = f'<Response><Stream bidirectional="true" keepCallAlive="true">{url}</Stream></Response>'
        with Web(200, xml.encode()) as web:
            code, _, err = run(web.url + "/answer", "--script", quick)
    assert code == 0, err
    assert "answer-xml (doubtful): line 1: <Stream> without contentType" in " ".join(err.split())


def test_noise_network_and_attributes(run, quick, tmp_path):
    greeter = Greeter()
    with greeting(greeter) as url:
        attributes = "contentType=audio/x-l16;rate=8000 audioTrack=inbound extraHeaders='a=b'"
        line = ("--noise", "white", "--snr", 10, "--network", "jittery", "--stream", attributes)
        code, _, err = run(url, "--script", quick, *line)
        loud = greeter.heard
        assert code == 0, err
    assert summary(tmp_path / "call")["format"] == "audio/x-l16;rate=8000"
    # 10 dB below -26 dBFS, of which all that is said is noise.
    n = summary(tmp_path / "call")["measures"]["duration_ms"] * 8
    assert 10 * np.log10(loud / n) == pytest.approx(-36, abs=1)
    with (tmp_path / "call" / "wire.jsonl").open() as file:
        (start,) = CallLog.read(file).named("start")
    assert json.loads(start.text)["extra_headers"] == "a=b"


def test_several_callers_have_a_folder_each(run, quick, tmp_path):
    path = tmp_path / "two.yaml"
    steps = "".join("    " + line + "\n" for line in quick.read_text().splitlines())
    path.write_text(f"callers:\n  - name: first\n{steps}  - name: se/cond\n    start_s: 0.2\n{steps}")
    with greeting() as url:
        code, out, err = run(url, "--script", path, "--json", "--junit", tmp_path / "deep" / "junit.xml")
    assert code == 0, err
    calls = json.loads(out)["calls"]
    assert [(c["caller"], c["folder"]) for c in calls] == [
        ("first", str(tmp_path / "call" / "1-first")),
        ("se/cond", str(tmp_path / "call" / "2-se-cond")),
    ]
    assert len({c["call_id"] for c in calls}) == 2
    assert len(ET.parse(tmp_path / "deep" / "junit.xml").getroot()) == 2


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["ftp://a/b"], "must begin with ws://"),
        (["ws://a/b", "--stream", "noise=1"], "unknown attribute noise"),
        (["ws://a/b", "--stream", "audioTrack"], "attributes such as audioTrack=both, once each, not 'audioTrack'"),
        (["ws://a/b", "--stream", "a='"], "No closing quotation"),
        (["ws://a/b", "--network", "slow"], "network must be one of clean"),
        (["ws://a/b", "--noise", "pink"], "pink"),
        (["ws://a/b", "--snr", "nan"], "--snr must be a number, not nan"),
        (["ws://a/b", "--timeout", "0"], "--timeout must be more than 0"),
        (["ws://a/b", "--say", "absent.wav"], "absent.wav: cannot read: No such file"),
        (["ws://a/b", "--say", "@nobody"], "'@nobody' is no shipped clip"),
        (["ws://a/b", "--script", "absent.yaml"], "absent.yaml: it cannot be read"),
        (["ws://a/b", "--script", "a.yaml", "--say", "b.wav"], "exclude each other"),
        (["ws://a/b", "--ca-file", "absent.pem"], "absent.pem cannot be used"),
    ],
)
def test_what_cannot_be_done_gives_one_line_and_no_files(run, tmp_path, options, complaint):
    code, out, err = run(*options)
    assert (code, out) == (2, "")
    assert complaint in err
    assert len(err.strip().splitlines()) == 1, err
    assert not (tmp_path / "call").exists()


def test_a_folder_that_cannot_be_made_gives_one_line(run, tmp_path):
    (tmp_path / "call").write_text("in the way")
    code, _, err = run("ws://127.0.0.1:1/")
    assert code == 2
    assert "File exists" in err
    assert len(err.strip().splitlines()) == 1


def test_both_tracks_without_an_agent_that_speaks(run, hasty, tmp_path):
    with servers.served(servers.silent) as url:
        code, _, err = run(url, "--script", hasty, "--stream", "audioTrack=both")
    assert code == 0, err  # it could not be heard if it spoke
    with (tmp_path / "call" / "wire.jsonl").open() as file:
        tracks = [json.loads(entry.text)["media"]["track"] for entry in CallLog.read(file).named("media")]
    assert tracks.count("inbound") == tracks.count("outbound") > 20


def test_tls_with_a_certificate_of_one_s_own(run, hasty, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
               "-addext", "subjectAltName=IP:127.0.0.1"]  # fmt: skip
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with servers.served(servers.speaks_media, ssl=context) as url:
        url = url.replace("ws:", "wss:")
        code, _, err = run(url, "--script", hasty)
        assert (code, rules(tmp_path / "call")) == (2, ["no-connection"])
        assert "CERTIFICATE_VERIFY_FAILED" in err
        assert run(url, "--script", hasty, "--ca-file", certificate)[0] == 1
    assert rules(tmp_path / "call") == ["media-event"]


def test_meters_on_a_terminal(run, quick, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with greeting() as url:
        code, _, err = run(url, "--script", quick)
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", err)
    assert re.search(r"agent .*-(8|9|1\d)\.\d dBFS .*s queued", plain), plain[-2000:]
    assert "ringing" in plain
    assert "the phone rings" not in plain


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("number", "code"),
    dose([ENDINGS["SIGINT"]], list(ENDINGS.values())),
)
def test_signals_leave_whole_files(tmp_path, number, code):
    folder = tmp_path / "call"
    with servers.served(servers.silent) as url:
        command = [*PROGRAM, "call", url, "--out", str(folder)]
        command += ["--json", "--junit", str(tmp_path / "junit.xml")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if (folder / "wire.jsonl").exists() and (folder / "wire.jsonl").read_text().count("\n") > 30:
                break
            time.sleep(0.05)
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert summary(folder)["connected"] is True
    assert json.loads(output) == {
        "exit_code": code,
        "calls": [{"caller": "", "folder": str(folder), **summary(folder)}],
    }
    assert ET.parse(tmp_path / "junit.xml").getroot()[0].get("tests") == str(len(RULES))
    with (folder / "wire.jsonl").open() as file:
        assert len(CallLog.read(file)) > 30
    with wave.open(str(folder / "call.wav")) as file:
        assert file.getnframes() > 2000
