"""The linter: each broken agent is diagnosed with exactly its rule, on virtual time and over sockets."""

import base64
import json
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _support.broken_agents import BROKEN
from _support.conversation import conversation
from _support.good_agents import GOOD, GoodAgent, InBursts, voice
from _support.one_stream import OneStream
from voiceband.dsp.sound_findings import KINDS
from voiceband.emulator import (
    RULES,
    CallLog,
    CarrierStream,
    Finding,
    Linter,
    Network,
    lint,
    measure,
)
from voiceband.emulator.judge.findings import quoted
from voiceband.emulator.judge.lint.watcher import Watcher
from voiceband.emulator.judge.replay import measure_log
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.protocol import Checkpoint, ClearAudio, PlayAudio
from voiceband.session import Session

ROOT = Path(__file__).parents[3]


AROUND = {"no-connection", "no-stream", "no-keep-call-alive"}
AROUND |= {
    "phone-call",
    "status-callback",
    "agent-error",
    "timed-out",
    "stopped-for-noise",
    "answer-xml",
    "repeated-answer",
}
"""Rules of what is around a stream and of the caller's script; other tests break them."""
SOUND = set(KINDS)
"""Rules of the guard; test_lint_sound breaks them."""


@pytest.mark.parametrize("kind", GOOD, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("network", [None, "jittery", "mobile"])
def test_a_good_agent_has_no_findings(kind, network):
    agent = kind()
    agent.network = network
    call = conversation(agent)
    assert lint(call.log) == []
    assert len(call.log.named("clearAudio")) == 1, "the caller did break in"


@pytest.mark.parametrize(("speaks", "rules"), [(False, []), (True, ["silent-agent"])])
def test_who_takes_back_its_one_utterance_is_silent_if_the_caller_waits_for_another(speaks, rules):
    call = CarrierStream(seed=1)
    call.start(0.0)
    call.receive(PlayAudio(PLIVO_MULAW_8K.encode(voice(1.0)), PLIVO_MULAW_8K).encode(), 0.0)
    call.receive(ClearAudio(call.stream_id).encode(), 0.1)
    if speaks:
        call.say(voice(1.0))
    for i in range(500):
        call.poll(i * 0.02)
    call.hang_up(10.0)
    assert [finding.rule for finding in lint(call.log)] == rules


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_broken_agent_is_diagnosed_with_its_rule_and_no_other(kind):
    call = conversation(kind())
    findings = lint(call.log)
    assert [finding.rule for finding in findings] == [kind.rule], findings
    assert findings[0].degree == kind.degree
    assert findings[0].hears == RULES[kind.rule].hears or kind.degree != RULES[kind.rule].degree
    assert 0 <= findings[0].at_ms <= (call.log.entries[-1].at_s + 1e-6) * 1000


def test_there_is_a_broken_agent_for_every_rule():
    assert {kind.rule for kind in BROKEN} | AROUND | SOUND == set(RULES)


def test_a_live_linter_says_what_one_of_a_stored_log_says(dose):
    for kind in (*BROKEN[: dose(5, 12)], GoodAgent):
        linter = Linter()
        call = conversation(kind(), log=CallLog(on_entry=linter.see))
        stored = CallLog.read(call.log.lines())
        assert linter.findings == linter.finish() == lint(stored) == lint(call.log)


def test_a_finding_is_made_when_the_message_comes():
    linter = Linter()
    call = CarrierStream(log=CallLog(on_entry=linter.see, keep=False), seed=1)
    call.start(5.0)
    call.receive('{"event":"media","media":{"payload":"AAAA"}}', 6.25)
    (finding,) = linter.findings
    assert (finding.rule, finding.at_ms, finding.count) == ("media-event", 1250.0, 1)
    assert finding.message == ('event \'media\': an agent cannot send it: {"event":"media","media":{"payload":"AAAA"}}')
    assert str(finding).startswith("1.25 s  media-event: event 'media'")


def test_repeated_findings_are_one_with_a_count():
    call = CarrierStream(seed=1)
    call.start(0.0)
    for i in range(10_000):
        call.receive("rubbish", i / 1000)
    (finding,) = lint(call.log)
    assert (finding.count, finding.at_ms) == (10_000, 0.0)
    assert "(10000 times)" in str(finding)


def test_each_stream_of_a_log_is_judged_alone():
    log = CallLog()
    for i, stream_id in enumerate(("one", "two", "three")):
        call = CarrierStream(stream_id=stream_id, log=log, seed=1)
        call.start(10.0 * i)
        if stream_id != "two":
            call.receive(Checkpoint("early", stream_id).encode(), 10.0 * i + 1)
        call.receive(PlayAudio(PLIVO_MULAW_8K.encode(voice(1)), PLIVO_MULAW_8K).encode(), 10.0 * i + 2)
        call.hang_up(10.0 * i + 8)
    assert [(f.rule, f.at_ms) for f in lint(log)] == [("early-checkpoint", 1000.0)] * 2


@pytest.mark.parametrize("silent_s", [4.9, 5.1])
def test_an_agent_is_silent_after_five_seconds(silent_s):
    call = CarrierStream(seed=1)
    call.start(0.0)
    call.poll(silent_s)
    call.hang_up(silent_s)
    assert [finding.rule for finding in lint(call.log)] == (["silent-agent"] if silent_s > 5 else [])


def test_a_log_that_breaks_off_is_judged_as_far_as_it_goes():
    call = CarrierStream(seed=1)
    call.start(0.0)
    call.poll(9.0)
    assert [finding.rule for finding in lint(call.log)] == ["silent-agent"]


def test_what_was_on_its_way_at_the_end_is_no_finding():
    call = CarrierStream(seed=1)
    call.start(0.0)
    text = PlayAudio(PLIVO_MULAW_8K.encode(voice(0.5)), PLIVO_MULAW_8K).encode()
    call.receive(text, 1.0)
    call.hang_up(2.0)
    call.receive(text, 2.9)
    assert lint(call.log) == []
    call.receive(text, 3.1)
    assert [(f.rule, f.at_ms) for f in lint(call.log)] == [("after-stop", 3100.0)]


def test_a_gap_in_streamed_silence_is_not_heard():
    def run(pcm):
        call = CarrierStream(seed=1)
        call.start(0.0)
        for at in (0.5, 1.5):  # 700 ms each: the second comes 50 ms too late
            call.receive(PlayAudio(PLIVO_MULAW_8K.encode(pcm), PLIVO_MULAW_8K).encode(), at)
        call.hang_up(4.0)
        assert len(call.player.gaps) == 1
        return lint(call.log)

    assert run(np.zeros(5600, np.int16)) == []
    (finding,) = run(voice(0.7))
    assert (finding.rule, finding.at_ms) == ("gap", 1500.0)
    assert "playAudio came 50 ms after the queue had run dry in speech" in finding.message
    assert "the caller heard 300 ms of nothing" in finding.message


def test_a_session_that_interrupts_has_no_findings():
    """Our own side is a good agent: it speaks in paced frames with checkpoints, and clears on barge-in."""
    session = Session()
    session.play(voice(4), 8000, end=True)
    stopped = False

    def on_tick(now, call):
        nonlocal stopped
        if 1.0 <= now < 1.02:
            call.say(voice(2))
        if now >= 1.3 and not stopped:
            stopped = True
            session.interrupt(now)
            session.play(voice(1), 8000, end=True)

    one = OneStream(session, Network("jittery", seed=2), on_tick=on_tick, seed=1)
    one.run(9.0)
    call = one.stream
    call.hang_up(9.0)
    assert stopped
    assert lint(call.log) == []


def test_a_finding_quotes_fields_without_audio():
    text = PlayAudio(bytes(160), PLIVO_MULAW_8K).encode()
    assert quoted(text) == '{"event":"playAudio","media":{"contentType":"audio/x-mulaw","sampleRate":8000,' + (
        '"payload":"AAAAAAAAAAAA…"}}'
    )
    assert quoted(None) == "a frame without text"
    assert len(quoted("x" * 70_000)) < 250


def test_any_log_can_be_linted():
    """Stored logs may come from elsewhere, or be damaged."""
    lines = [
        '{"at_s":0,"way":"sent","name":"start","text":"{}"}',
        '{"at_s":1,"way":"received","name":"playAudio","text":"{\\"media\\":{\\"payload\\":\\"!\\"}}"}',
        '{"at_s":2,"way":"received","name":"playAudio","text":null}',
        '{"at_s":3,"way":"received","name":"x","text":"y","detail":{"problem":"z"}}',
        '{"at_s":4,"way":"event","name":"speech ends","text":null,"detail":{"at_ms":"never"}}',
    ]
    assert [finding.rule for finding in lint(CallLog.read(lines))] == ["invalid-message"]
    assert lint(CallLog.read(lines[1:])) == []


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["stream", "AAAA"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["media", "payload", "streamId", "contentType", "name", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
MESSAGES = st.one_of(
    st.text(max_size=40),
    st.binary(max_size=8),
    st.builds(
        lambda event, fields: json.dumps({"event": event, **fields}),
        st.sampled_from(["playAudio", "checkpoint", "clearAudio", "sendDTMF", "media", "x"]),
        st.dictionaries(st.sampled_from(["media", "streamId", "name", "dtmf"]), JUNK, max_size=4),
    ),
    st.builds(
        lambda data, stream_id: json.dumps(
            {
                "event": "playAudio",
                "streamId": stream_id,
                "media": {
                    "contentType": "audio/x-mulaw",
                    "sampleRate": 8000,
                    "payload": base64.b64encode(data * 20).decode(),
                },
            }
        ),
        st.binary(max_size=50),
        JUNK,
    ),
    st.sampled_from(
        ['{"event":"checkpoint","streamId":"stream","name":"a"}', '{"event":"clearAudio","streamId":"stream"}']
    ),
)


@given(st.lists(st.tuples(st.floats(0, 2), MESSAGES), max_size=20))
def test_whatever_an_agent_sends_it_is_judged(messages):
    """A live linter, one of the log, and one of the stored log agree; whatever was refused is a finding."""
    linter = Linter()
    call = CarrierStream(stream_id="stream", log=CallLog(on_entry=linter.see), seed=1)
    call.start(0.0)
    now = 0.0
    for wait, message in messages:
        now += wait
        call.poll(now)
        call.receive(message, now)
    call.hang_up(now + 1)
    findings = linter.findings
    assert findings == lint(call.log) == lint(CallLog.read(call.log.lines()))
    refused = {entry.detail["rule"] for entry in call.log if "problem" in entry.detail}
    found = {finding.rule for finding in findings}
    assert refused - {"wrong-format"} <= found <= set(RULES)
    assert len({(finding.rule, finding.degree) for finding in findings}) == len(findings)
    json.dumps(measure(call).as_dict(), allow_nan=False)
    json.dumps(measure_log(CallLog.read(call.log.lines())).as_dict(), allow_nan=False)


def test_the_docs_explain_each_rule():
    page = (ROOT / "docs" / "lint.md").read_text(encoding="utf-8")
    plain = ("the sound at the caller's ear", "the bytes", "the samples", "the connection")  # said once, above them all
    parts = [
        f"### {name}\n\n{rule.degree.capitalize()}: {rule.meaning}. The caller hears {rule.hears}. "
        f"{rule.remedy[0].upper()}{rule.remedy[1:]}."
        + ("" if rule.evidence in plain else f" *Source: {rule.evidence}.*")
        + "\n"
        for name, rule in RULES.items()
    ]
    assert page[page.index("### ", page.index("## The rules")) :] == "\n".join(parts)


def test_a_hook_that_nobody_would_call_is_an_error_when_the_rule_is_made():
    with pytest.raises(TypeError, match=r"Rule\.plaid is no hook of the linter; the hooks are refused, doubted,"):

        class Rule(Watcher):
            def plaid(self, entry, piece):
                pass


@pytest.mark.untraced
def test_the_linter_costs_little():
    """Ten minutes of call, both speaking: far below the second that the call itself may take."""
    call = conversation(InBursts(), 20.0)
    entries = [entry for entry in call.log if entry.way != "event"] * 30

    def cost():
        begun = time.process_time()
        linter = Linter()
        for entry in entries:
            linter.see(entry)
        return time.process_time() - begun

    decode = json.JSONDecoder().decode

    def yardstick():
        begun = time.process_time()
        for entry in entries:
            decode(entry.text)
        return time.process_time() - begun

    # In units of this machine: no more than reading the messages five times with the standard library.
    assert min(cost() for _ in range(3)) < 5 * min(yardstick() for _ in range(3))


def test_findings_are_plain_data():
    finding = Finding("gap", "late", 12.5, "a hole", 3)
    assert msgspec.convert(msgspec.to_builtins(finding), Finding) == finding
