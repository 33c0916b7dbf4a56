"""The options of `voiceband load`: durations, rates, and what is said; bad ones are named."""

import pytest

from voiceband.formats import PLIVO_MULAW_8K
from voiceband.load.options import LoadOptions, per_second, seconds


@pytest.mark.parametrize(("text", "value"), [("60s", 60), ("250ms", 0.25), ("1.5m", 90), ("2h", 7200), (" 3 ", 3)])
def test_durations(text, value):
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "s", "-1s", "nan", "inf", "1 day", "1e3s"])
def test_bad_durations(text):
    with pytest.raises(ValueError, match=r"a duration must be like 60s.*not '"):
        seconds(text)


def test_rates():
    assert [per_second(text) for text in ("20/s", "300/m", "7", "0.5/ms")] == [20, 5, 7, 500]
    for text in ("", "x", "0/s", "5/x", "-1/s", "nan", "inf", "20 per s"):
        with pytest.raises(ValueError, match=r"a rate must be like 20/s.*not '"):
            per_second(text)
    for rate in (text.replace("s", "/s") or "x", "0/s", "5/x", "-1/s", "nan"):
        with pytest.raises(ValueError, match=r"a rate must be like 20/s.*not '"):
            per_second(rate)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("url", "http://127.0.0.1/"),
        ("url", "ws:///x"),
        ("url", "ws://h/#f"),
        ("calls", 0),
        ("calls", 10**6),
        ("hold_s", 0.0),
        ("ramp_per_s", 0.0),
        ("playout_delay_ms", 6000.0),
        ("processes", 0),
        ("format", "mulaw"),
    ],
)
def test_bad_options_are_named(option, value):
    with pytest.raises(ValueError, match=rf"^{option.removesuffix('_s').removesuffix('_ms').removesuffix('_per')}"):
        LoadOptions(**{"url": "ws://127.0.0.1/", option: value})


def test_the_utterance_is_a_beep_a_file_or_the_shipped_clip(tmp_path):
    assert len(LoadOptions(url="ws://h", echo=True).utterance()) == 1600
    assert len(LoadOptions(url="ws://h").utterance()) > 8000
    for echo in (True, False):
        with pytest.raises(ValueError, match="cannot read"):
            LoadOptions(url="ws://h", echo=echo, say=str(tmp_path / "none.wav")).utterance()
    assert LoadOptions(url="ws://h").format is PLIVO_MULAW_8K
