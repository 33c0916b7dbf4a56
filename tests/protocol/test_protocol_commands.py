"""Writing what goes to Plivo: exact texts, and nothing that it would refuse."""

import base64
import json

import pytest

from voiceband.formats import PLIVO_FORMATS, PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K, AudioFormat
from voiceband.protocol import Checkpoint, ClearAudio, PlayAudio, SendDtmf, play_audio_encoder


@pytest.mark.parametrize("audio_format", PLIVO_FORMATS)
@pytest.mark.parametrize("size", [0, 2, 4, 160, 640, 12_288])
def test_play_audio(audio_format, size):
    payload = bytes(i % 251 for i in range(size))
    text = PlayAudio(payload, audio_format).encode()
    media = {
        "contentType": audio_format.mime,
        "sampleRate": audio_format.sample_rate,
        "payload": base64.b64encode(payload).decode(),
    }
    assert text == json.dumps({"event": "playAudio", "media": media}, separators=(",", ":"))
    assert play_audio_encoder(audio_format)(bytearray(payload)) == text


def test_play_audio_with_a_stream_id():
    text = PlayAudio(b"\xff", PLIVO_MULAW_8K, stream_id='s"1').encode()
    assert json.loads(text)["streamId"] == 's"1'


def test_nothing_over_64_kb():
    encode = play_audio_encoder(PLIVO_MULAW_8K)
    largest = max(n for n in range(49_000, 49_152) if len(base64.b64encode(bytes(n))) <= 65_536 - len(encode(b"")))
    assert len(encode(bytes(largest))) <= 65_536
    with pytest.raises(
        ValueError, match=rf"payload must not be longer than {largest} bytes in one message, not {largest + 1}"
    ):
        encode(bytes(largest + 1))


def test_half_samples_are_refused():
    for kind in (bytes, bytearray, memoryview):
        with pytest.raises(ValueError, match="payload must hold whole samples of 2 bytes, not 3 bytes"):
            PlayAudio(kind(b"abc"), PLIVO_L16_8K).encode()


@pytest.mark.parametrize(
    "audio_format", [AudioFormat("mulaw", 16000), AudioFormat("alaw", 8000), AudioFormat("l16", 24000)]
)
def test_formats_that_no_wire_carries(audio_format):
    with pytest.raises(ValueError, match=f"format must be one of .*, not {audio_format}"):
        PlayAudio(b"", audio_format).encode()


def test_24_khz_only_on_request():
    text = PlayAudio(b"ab", AudioFormat("l16", 24000), allow_24k=True).encode()
    assert json.loads(text)["media"]["sampleRate"] == 24000
    with pytest.raises(ValueError, match="format must be one of"):
        PlayAudio(b"", AudioFormat("mulaw", 24000), allow_24k=True).encode()


def test_a_format_must_be_one():
    with pytest.raises(TypeError, match="format must be an AudioFormat, not 'mulaw'"):
        PlayAudio(b"", "mulaw").encode()


def test_checkpoint_and_clear_audio():
    assert (
        Checkpoint("greeting-complete", "s1").encode()
        == '{"event":"checkpoint","streamId":"s1","name":"greeting-complete"}'
    )
    assert ClearAudio("s1").encode() == '{"event":"clearAudio","streamId":"s1"}'
    tricky = 'a"b\\c\n\x00\u20ac\ud83d\ude00\x7f'
    assert json.loads(Checkpoint(tricky, "s").encode())["name"] == json.loads(json.dumps(tricky))
    assert Checkpoint(tricky, "s").encode().isascii()


@pytest.mark.parametrize("bad", ["", None, 5])
def test_names_and_ids_must_be_texts(bad):
    for command in (Checkpoint(bad, "s"), Checkpoint("n", bad), ClearAudio(bad)):
        with pytest.raises(ValueError if bad == "" else TypeError, match="must be a text, not"):
            command.encode()


def test_nothing_else_over_64_kb_either():
    for command in (Checkpoint("x" * 70_000, "s"), ClearAudio("x" * 70_000), SendDtmf("1" * 70_000)):
        with pytest.raises(ValueError, match="must fit into a message of 65536 bytes, not make one of 70"):
            command.encode()


def test_what_is_no_stream_id_and_what_a_command_shows():
    with pytest.raises(TypeError, match=r"stream_id must be a text, not \[\]"):
        PlayAudio(b"", PLIVO_MULAW_8K, stream_id=[]).encode()
    assert repr(PlayAudio(bytes(160), PLIVO_MULAW_8K)).startswith("PlayAudio(payload=<160 bytes>, format=audio/x-mulaw")


def test_send_dtmf():
    assert SendDtmf("1234#*ABCD").encode() == '{"event":"sendDTMF","dtmf":"1234#*ABCD"}'
    for bad in ("", "12 3", "e", "a", "1\n", None, 5, '1"'):
        with pytest.raises(
            ValueError if isinstance(bad, str) else TypeError, match=r"digits must be a text of 0-9\*#A-D"
        ):
            SendDtmf(bad).encode()
    assert json.loads(play_audio_encoder(PLIVO_L16_16K)(b""))["media"]["payload"] == ""
