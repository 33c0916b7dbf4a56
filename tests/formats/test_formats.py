"""Audio formats: names, sizes, codecs."""

import numpy as np
import pytest

from voiceband.formats import PLIVO_FORMATS, PLIVO_L16_16K, PLIVO_MULAW_8K, AudioFormat, Encoding


@pytest.mark.parametrize(
    ("text", "rate", "encoding", "sample_rate"),
    [
        ("audio/x-l16;rate=16000", None, Encoding.L16, 16000),
        ("audio/x-l16;rate=8000", None, Encoding.L16, 8000),
        ("AUDIO/X-MULAW;RATE=8000", None, Encoding.MULAW, 8000),
        (" audio/x-l16 ; rate = 16000 ", None, Encoding.L16, 16000),
        ('audio/x-l16;rate="16000"', None, Encoding.L16, 16000),
        ("audio/x-l16", 8000, Encoding.L16, 8000),
        ("audio/x-l16;rate=16000", 8000, Encoding.L16, 8000),
        ("audio/x-l16;channels=1;rate=24000", None, Encoding.L16, 24000),
        ("l16", 16000, Encoding.L16, 16000),
        ("raw", 8000, Encoding.L16, 8000),
        ("pcm", 24000, Encoding.L16, 24000),
        ("mulaw", None, Encoding.MULAW, 8000),
        ("ulaw", None, Encoding.MULAW, 8000),
        ("audio/PCMU", None, Encoding.MULAW, 8000),
        ("audio/basic", None, Encoding.MULAW, 8000),
        ("audio/PCMA", None, Encoding.ALAW, 8000),
        ("alaw", None, Encoding.ALAW, 8000),
    ],
)
def test_parses_names_and_aliases(text, rate, encoding, sample_rate):
    assert AudioFormat.parse(text, rate) == AudioFormat(encoding, sample_rate)


@pytest.mark.parametrize("audio_format", [*PLIVO_FORMATS, AudioFormat(Encoding.ALAW, 8000)])
def test_prints_what_it_parses(audio_format):
    assert AudioFormat.parse(str(audio_format)) == audio_format
    assert AudioFormat.parse(audio_format.mime, audio_format.sample_rate) == audio_format


@pytest.mark.parametrize(
    ("text", "rate", "complaint"),
    [
        (
            "audio/opus",
            None,
            "encoding must be one of audio/x-l16, audio/x-mulaw, audio/x-alaw or an alias, not 'audio/opus'",
        ),
        ("", None, "not ''"),
        ("audio/x-l16", None, "an L16 type needs a rate"),
        ("audio/x-l16;rate=fast", None, "rate must be a positive integer in Hz, not 'fast'"),
        ("audio/x-l16;rate=-8000", None, "not '-8000'"),
        ("audio/x-l16;rate=99999999999", None, "not '99999999999'"),
        ("audio/x-l16", 0, "sample_rate must be at least 1 Hz, not 0"),
    ],
)
def test_refuses_what_it_cannot_read(text, rate, complaint):
    with pytest.raises(ValueError, match=complaint):
        AudioFormat.parse(text, rate)


def test_a_wrong_type_is_a_type_error():
    with pytest.raises(TypeError, match="text must be a MIME type, not 5"):
        AudioFormat.parse(5)
    with pytest.raises(TypeError, match="encoding must be an Encoding or its name, not None"):
        AudioFormat(None, 8000)
    for rate in (8000.0, True, "8000"):
        with pytest.raises(TypeError, match=f"sample_rate must be an integer in Hz, not {rate!r}"):
            AudioFormat.parse("audio/x-l16", rate)
    assert AudioFormat("l16", np.int32(8000)) == AudioFormat("l16", 8000)


def test_sizes_of_a_frame():
    assert [f.frame_bytes() for f in PLIVO_FORMATS] == [160, 320, 640]
    assert PLIVO_L16_16K.frame_samples(10) == 160
    with pytest.raises(ValueError, match=r"20 ms at 11025 Hz is 220\.5 samples"):
        AudioFormat("l16", 11025).frame_bytes()
    for bad in (-20, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=f"ms must be at least 0, not {bad}"):
            PLIVO_L16_16K.frame_samples(bad)
    for bad in ("20", None, True):
        with pytest.raises(TypeError, match=f"ms must be a number, not {bad!r}"):
            PLIVO_L16_16K.frame_samples(bad)


@pytest.mark.parametrize("encoding", Encoding)
def test_codecs_and_silence(encoding):
    audio_format = AudioFormat(encoding, 8000)
    pcm = np.array([0, 1000, -1000, 32767, -32768], np.int16)
    data = audio_format.encode(pcm)
    assert len(data) == 5 * audio_format.sample_bytes
    np.testing.assert_allclose(audio_format.decode(data), pcm, rtol=0.04, atol=8)
    assert abs(int(audio_format.decode(audio_format.silence)[0])) <= 8


def test_byte_order_is_passed_on():
    for call in (PLIVO_MULAW_8K.decode, PLIVO_MULAW_8K.encode):
        with pytest.raises(ValueError, match='byteorder must be "little" or "big", not'):
            call(b"", "middle")
    assert PLIVO_L16_16K.decode(b"\x01\x02", "big").tolist() == [0x0102]
    assert PLIVO_L16_16K.encode(np.array([0x0102], np.int16), "big") == b"\x01\x02"


def test_a_format_is_a_value():
    assert hash(AudioFormat("mulaw", 8000)) == hash(PLIVO_MULAW_8K)
    with pytest.raises(AttributeError):
        PLIVO_MULAW_8K.sample_rate = 16000
