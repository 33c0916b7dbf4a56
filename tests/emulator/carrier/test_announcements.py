"""What the carrier plays by itself: texts read or stood in for, and sound files."""

import io
import shutil
import wave

import numpy as np
import pytest
import soundfile

from voiceband.emulator.carrier.announcements import RATE, espeak, murmur, read_sound

CAT = shutil.which("cat")
TONE = (8000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)).astype(np.int16)


def wav(pcm, rate=8000, channels=1, width=2):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(pcm.tobytes())
    return file.getvalue()


def encoded(kind, subtype=None):
    file = io.BytesIO()
    soundfile.write(file, TONE, 8000, format=kind, subtype=subtype)
    return file.getvalue()


def is_tone(pcm):
    middle = pcm[2000:12000].astype(float)
    return np.argmax(np.abs(np.fft.rfft(middle))) * RATE / 10000 == pytest.approx(440, abs=2) and np.std(middle) > 4000


@pytest.mark.parametrize(
    "data",
    [
        wav(TONE),
        wav(np.repeat(TONE, 2), channels=2),
        wav((TONE // 256 + 128).astype(np.uint8), width=1),
        encoded("FLAC"),
        encoded("MP3"),
        encoded("WAV", "FLOAT"),
        wav(TONE)[:-3001],
    ],
)
def test_sound_files_become_16_khz(data):
    pcm = read_sound(data)
    assert pcm.dtype == np.int16
    assert len(pcm) == pytest.approx(16_000, rel=0.2)
    assert is_tone(pcm)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "a sound file that cannot be read"),
        (b"<html>", "a sound file that cannot be read"),
        (wav(TONE)[:20], "a sound file that cannot be read"),
        (wav(TONE, rate=100), "a sound file of 100 Hz cannot be played"),
        (wav(np.zeros(1000 * 601, np.int16), rate=1000), "must not be longer than 600 s, not 601 s"),
    ],
)
def test_what_cannot_be_played(data, error):
    with pytest.raises(ValueError, match=error):
        read_sound(data)


def test_a_murmur_lasts_as_long_as_reading_and_stays_soft():
    short, long = murmur("hello"), murmur("hello, " * 30)
    assert len(short) / RATE == pytest.approx(5 / 15, abs=0.01)
    assert len(long) / RATE == pytest.approx(14, abs=0.01)
    assert 300 < np.std(long) < np.abs(long).max() < 10_000
    np.testing.assert_array_equal(short, murmur("hello"))
    assert not np.array_equal(short, murmur("hallo"))


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Install a program for the shell, in a folder that is all of PATH: no other one is found."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def program(name, body):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\ncd '{tmp_path}'\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    return program


def reader(name):
    """Return what a program does that reads: it notes what it was given, and answers with a tone."""
    return f'echo {name} "$@" >args; {CAT} >text; {CAT} tone.wav'


def test_a_program_that_reads_is_given_the_text_and_the_language(tmp_path, program):
    (tmp_path / "tone.wav").write_bytes(wav(TONE))
    program("espeak", reader("espeak"))
    assert is_tone(espeak("Grüße; rm -rf", "en-GB"))
    assert (tmp_path / "text").read_text(encoding="utf-8") == "Grüße; rm -rf"
    assert (tmp_path / "args").read_text().split() == ["espeak", "--stdout", "--stdin", "-v", "en-gb"]


def test_the_newer_program_comes_first_unless_one_is_named(tmp_path, program):
    (tmp_path / "tone.wav").write_bytes(wav(TONE))
    for name in ("espeak", "espeak-ng", "other"):
        program(name, reader(name))
    for chosen, runs in ((None, "espeak-ng"), ("espeak", "espeak"), (str(tmp_path / "other"), "other")):
        assert is_tone(espeak("hello", program=chosen))
        assert (tmp_path / "args").read_text().split()[0] == runs


def test_without_a_program_or_with_one_that_fails(program):
    with pytest.raises(RuntimeError, match="neither espeak-ng nor espeak is installed"):
        espeak("hello")
    with pytest.raises(RuntimeError, match=r"^espeak is not installed"):
        espeak("hello", program="espeak")
    program("espeak-ng", "exit 1")
    with pytest.raises(RuntimeError, match="cannot read the text"):
        espeak("hello")
    program("espeak-ng", "echo nothing")
    with pytest.raises(RuntimeError, match="cannot read the text"):
        espeak("hello")
