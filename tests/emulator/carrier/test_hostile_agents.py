"""Whatever an agent may send to a stream: it is refused, told, or obeyed, and never breaks the carrier."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _support.carrier_streams import media, play, started
from voiceband.emulator.carrier.agent_commands import MAX_CHECKPOINTS
from voiceband.emulator.carrier.carrier_stream import MAX_PROBLEMS
from voiceband.formats import PLIVO_L16_8K
from voiceband.protocol import Checkpoint


class TestHostileAgents:
    @given(
        st.one_of(
            st.text(),
            st.binary(),
            st.recursive(
                st.none() | st.booleans() | st.floats() | st.text(),
                lambda inner: (
                    st.lists(inner)
                    | st.dictionaries(
                        st.sampled_from(
                            ["event", "media", "payload", "name", "dtmf", "streamId", "contentType", "sampleRate"]
                        ),
                        inner
                        | st.sampled_from(["playAudio", "checkpoint", "clearAudio", "sendDTMF", "s", "audio/x-l16"]),
                    )
                ),
            ).map(json.dumps),
        )
    )
    def test_nothing_that_an_agent_sends_raises_or_ends_the_call(self, message):
        call = started(PLIVO_L16_8K, stream_id="s")
        call.receive(message, 0.01)
        assert call.end_reason == ""
        call.receive(play(20), 0.01)
        assert call.player.runs
        assert len(media(call, 0.1)) == 5
        assert all(json.loads(line) for line in call.log.lines())

    def test_64_kb_are_bytes_not_characters(self):
        text = json.dumps({"event": "checkpoint", "streamId": "s", "name": "é" * 40_000}, ensure_ascii=False)
        call = started(stream_id="s", profile="documented")
        call.receive(text, 0.0)
        (problem,) = call.problems
        assert problem.startswith(f"a message of {len(text.encode())} bytes: one table of Plivo's has a limit of 65536")
        call = started(stream_id="s")
        call.receive(text, 0.0)
        assert call.problems == []
        assert list(call.log.named("checkpoint")[0].detail["doubts"].values()) == [problem]

    def test_a_binary_message_is_a_problem_and_its_length_is_in_the_log(self):
        call = started()
        call.receive(b"\x00" * 320, 0.0)
        assert call.problems == ["a message of bytes: only texts are understood"]
        assert call.log.named("invalid")[0].detail == {
            "binary_bytes": 320,
            "problem": call.problems[0],
            "rule": "binary-frame",
        }

    def test_half_a_surrogate_pair_can_be_logged(self):
        call = started()
        call.receive('{"event":"\ud800"}', 0.0)
        (line,) = [line for line in call.log.lines() if json.loads(line)["name"] == "?"]
        assert json.loads(line)["text"] == '{"event":"?"}'

    def test_checkpoints_and_problems_are_bounded(self):
        call = started(PLIVO_L16_8K, stream_id="s")
        call.receive(play(100), 0.0)
        text = Checkpoint("n", "s").encode()
        for _ in range(MAX_CHECKPOINTS + MAX_PROBLEMS + 5):
            call.receive(text, 0.0)
        assert call.player.waiting_marks == MAX_CHECKPOINTS
        assert len(call.problems) == MAX_PROBLEMS
        assert f"{MAX_CHECKPOINTS} are waiting already" in call.problems[0]

    @pytest.mark.parametrize("name", [None, 5, ["n"]])
    def test_a_checkpoint_needs_a_text_as_name(self, name):
        call = started(stream_id="s")
        call.receive(json.dumps({"event": "checkpoint", "streamId": "s", "name": name}), 0.0)
        assert "its name is" in call.problems[0]
        assert call.player.waiting_marks == 0

    @pytest.mark.parametrize("rate", ["fast", True, 8000.5, 0, [8000]])
    def test_a_rate_must_be_a_number(self, rate):
        call = started()
        body = {"contentType": "audio/x-mulaw", "sampleRate": rate, "payload": "/w=="}
        call.receive(json.dumps({"event": "playAudio", "media": body}), 0.0)
        assert "sampleRate must be a number of Hz, not" in call.problems[0]
