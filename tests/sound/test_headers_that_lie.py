"""A length that a header states is not believed: too little, too much, nothing, or more than there can be."""

import io
import random
import struct

import numpy as np
import pytest

from _support.sound_files import PCM, data, form, made, riff
from voiceband.sound import CutError, FileError, SoundSource, layout, sink
from voiceband.sound.mono import read_mono

SOUND = np.tile(PCM, 12)
MP3 = made("MP3", "MPEG_LAYER_III", pcm=SOUND)
FLAC = made("FLAC", "PCM_16", pcm=SOUND)
XING = MP3.find(b"Xing")
BARE_MP3 = MP3[MP3.find(MP3[:2], XING) :]  # without its header
DELAY = 2 * 1152
"""Samples of a frame or two that decoders drop, or that encoders add."""


def mp3(frames):
    return MP3[: XING + 8] + struct.pack(">I", frames) + MP3[XING + 12 :]


def flac(frames):
    numbers = int.from_bytes(FLAC[18:26], "big")
    return FLAC[:18] + (numbers >> 36 << 36 | frames).to_bytes(8, "big") + FLAC[26:]


def read(whole, **options):
    with SoundSource(io.BytesIO(whole), **options) as file:
        samples = file.read()[0]
    assert file.frames == len(samples)
    return (samples / 32768 if samples.dtype == np.int16 else samples), file.notes


def is_all(samples):
    """Whether it is all of the sound, from the frame on that it begins with."""
    shift = int(np.argmax(np.correlate(samples[: 4 * DELAY].astype(float), SOUND[:DELAY] / 32768.0)))
    n = min(len(samples) - shift, len(SOUND))
    return n >= len(SOUND) - DELAY and np.corrcoef(samples[shift : shift + n], SOUND[:n])[0, 1] > 0.99


@pytest.mark.parametrize(
    ("whole", "note"),
    [
        (flac(8000), "the header states 1.00 s of sound, and 12.00 s are there: all of it is taken"),
        (flac(0), "the FLAC file does not state its length: 12.00 s could be decoded"),
        (mp3(20), "the header states 1.44 s of sound, and 12."),
        (BARE_MP3, "the MP3 file does not state its length: 12."),
        (b"ID3\4\0\0\0\0\1\0" + bytes(128) + BARE_MP3, "the MP3 file does not state its length: 12."),
    ],
    ids=["flac", "flac-0", "mp3", "mp3-none", "mp3-none-tagged"],
)
def test_all_is_read_however_little_is_stated(whole, note):
    samples, notes = read(whole)
    assert is_all(samples)
    assert len(notes) == 1
    assert notes[0].startswith(note)


def test_files_in_a_row_are_read_as_one():
    (samples, notes), once = read(MP3 + MP3), len(SOUND)
    assert abs(len(samples) - 2 * once) <= 2 * DELAY
    assert notes[0].startswith("the header states 12.")
    tag, junk = b"ID3\3\0\0\0\0\0\x64" + bytes(100), random.Random(1).randbytes(3000)
    samples, _ = read(BARE_MP3 + tag + junk[:500] + BARE_MP3)
    assert abs(len(samples) - 2 * once) <= 3 * DELAY
    with pytest.raises(CutError, match=r"the file is cut short: it holds 12\..* s of sound and should hold 24"):
        read(BARE_MP3 + tag + junk + BARE_MP3)  # the decoder gives up sooner


@pytest.mark.parametrize("whole", [FLAC, MP3], ids=["flac", "mp3"])
@pytest.mark.parametrize("behind", [b"TAG" + bytes(125), random.Random(2).randbytes(5000)], ids=["tag", "noise"])
def test_what_lies_behind_the_sound_takes_nothing_of_it_along(whole, behind):
    samples, notes = read(whole + behind)
    assert len(samples) == len(SOUND)
    assert notes == []


@pytest.mark.parametrize("whole", [flac(0), flac(8000), BARE_MP3, mp3(20)], ids=["flac-0", "flac", "mp3-none", "mp3"])
def test_the_longest_that_is_read_is_kept_to(whole):
    assert len(read_mono(io.BytesIO(whole), max_s=13)[0]) > 0.9 * len(SOUND)
    with pytest.raises(FileError, match=r"must not be longer than 10 s, (not 12 s|and it does not end there)"):
        read_mono(io.BytesIO(whole), max_s=10)


def caf(length):
    described = struct.pack(">q", 32) + struct.pack(">d4s5I", 8000.0, b"lpcm", 2, 2, 1, 1, 16)
    return b"caff\0\1\0\0desc" + described + b"junk" + struct.pack(">q", length) + bytes(100)


def rf64(length):
    wide = struct.pack("<IQQQI", 28, 0, length, 0, 0)
    return b"RF64\xff\xff\xff\xffWAVEds64" + wide + form(1, 16) + b"data\xff\xff\xff\xff" + bytes(1000)


HUGE = (2**62, 2**63 - 100, 2**63 - 1)
TAGS = (b"ID3", b"ID3\4\0\0\x7f\x7f\x7f\x7f", b"ID3\4\0\0\0\0\0\0" * 1000)
SHREDS = (MP3[:5], FLAC[:20], MP3[:1000] + b"\xff" * 10_000)


@pytest.mark.parametrize("whole", [*TAGS, *map(caf, HUGE), *map(rf64, (*HUGE, 2**64 - 1)), *SHREDS])
def test_lengths_that_cannot_be_are_errors_of_the_file(whole):
    with pytest.raises(FileError, match=r"damaged|cut short"):
        read(whole)


def test_a_wav_of_more_than_4_gib_is_read_whole(monkeypatch):
    """Its size of 32 bits says only that there are more. No disk is needed: the file's size is made up."""
    size = 5 << 30
    monkeypatch.setattr(layout, "size_of", lambda _: size)
    whole = riff(form(1, 16), data(bytes(100), 0xFFFFFFFF), size=0xFFFFFFFF)
    with SoundSource(io.BytesIO(whole)) as file:
        assert (file.frames, file.notes) == ((size - len(whole) + 100) // 2, [])


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_wav_of_more_than_4_gib_is_not_written(tmp_path, monkeypatch, suffix):
    monkeypatch.setitem(sink.MOST_BYTES, ".wav", 100_000)
    file = sink.Sink(tmp_path / "x", suffix, 8000, 1)
    for _ in range(6):
        file.write([PCM])
    if suffix == ".wav":
        with pytest.raises(FileError, match=r"\.wav cannot hold more than 4 GiB: write \.flac"):
            file.write([PCM])
    else:
        file.write([PCM])
    file.close()
