"""`SoundSource`: every kind of file, by content and by name; what is cut, odd or damaged; pipes and blocks."""

import contextlib
import io
import os
import struct
import sys

import numpy as np
import pytest
import soundfile

from _support.sound_files import ALAW, CUT, EXACT, KINDS, MULAW, PCM, PCM16, chunk, data, form, made, riff
from voiceband import alaw_decode, ulaw_decode, ulaw_encode
from voiceband.sound import CutError, FileError, SoundSource
from voiceband.sound.mono import read_mono


@pytest.fixture
def write(tmp_path):
    def write(name):
        (tmp_path / name).write_bytes(KINDS[name].data)
        return tmp_path / name

    return write


def samples(file):
    """Return int16 samples of all of it."""
    pcm = file.read()
    return pcm if pcm.dtype == np.int16 else np.rint(pcm * 32768).astype(np.int16)


@pytest.mark.parametrize("name", [name for name, case in KINDS.items() if case.frames])
def test_what_can_be_read_is_read_right(name, write):
    with SoundSource(write(name)) as file:
        assert file.frames == KINDS[name].frames
        assert (file.rate, file.channels) == (16000 if name.endswith("sln16") else 8000, 1)
        pcm = samples(file)[0]
        assert file.notes == []
    assert len(pcm) == KINDS[name].frames
    spectrum = np.abs(np.fft.rfft(pcm[:7900] * np.hanning(7900)))
    assert abs(np.argmax(spectrum) * 8000 / 7900 - 440) < 2
    if name in EXACT:
        expected = {"ULAW": ulaw_decode(MULAW), "ALAW": alaw_decode(ALAW)}.get(file.subtype, PCM)
        np.testing.assert_array_equal(pcm, expected)


@pytest.mark.parametrize("name", [name for name, case in KINDS.items() if case.error])
def test_what_cannot_be_read_says_why(name, write, capfd):
    if name == "header.wav":
        with SoundSource(write(name)) as file:
            assert file.read().shape == (1, 0)
        return
    with pytest.raises(FileError) as raised, SoundSource(write(name)) as file:
        list(file.blocks())
    assert KINDS[name].error in str(raised.value)
    assert "rror :" not in str(raised.value)
    assert capfd.readouterr().err == ""  # decoders write past Python


@pytest.mark.parametrize("name", [name for name, case in KINDS.items() if "cut short: it holds" in case.error])
def test_what_there_is_of_a_file_that_was_cut_can_be_taken(name, write, capfd):
    with pytest.raises(CutError), SoundSource(write(name)) as file:
        file.read()
    with SoundSource(write(name), allow_cut=True) as file:
        pcm = samples(file)[0]
    assert [note[:32] for note in file.notes] == [CUT[:32]]
    assert "should hold 1.00 s" in file.notes[0]
    assert 2000 < len(pcm) < 8000
    if not name.endswith((".mp3", ".sph")):
        np.testing.assert_array_equal(pcm, PCM[: len(pcm)])
    assert capfd.readouterr().err == ""


def test_half_a_sample_at_the_end_of_raw_audio_is_dropped_where_that_is_allowed(write):
    with SoundSource(write("half.sln"), allow_cut=True) as file:
        assert file.read().shape == (1, 7999)
    assert file.notes == ["the file ends inside a frame: 1 byte is left over, and a frame has 2"]


def test_streams_that_do_not_state_their_length_say_what_could_be_decoded(tmp_path):
    (tmp_path / "x.opus").write_bytes(made("OGG", "OPUS", 0.7, np.tile(PCM, 10)))
    mp3 = bytearray(made("MP3", "MPEG_LAYER_III"))
    for name in (b"Xing", b"Info"):
        mp3 = mp3.replace(name, b"\0\0\0\0")
    (tmp_path / "x.mp3").write_bytes(mp3)
    for name, words in (
        ("x.opus", "the Ogg file has lost its end: "),
        ("x.mp3", "the MP3 file does not state its length: "),
    ):
        with SoundSource(tmp_path / name) as file:
            pcm = file.read()
        (note,) = file.notes
        assert note.startswith(words)
        assert note.endswith(f"{pcm.shape[1] / file.rate:.2f} s could be decoded")


def test_a_format_that_is_given_is_that_of_any_name(tmp_path):
    path = tmp_path / "call.xyz"
    path.write_bytes(PCM16)
    with SoundSource(path, format="audio/x-l16;rate=16000") as file:
        assert (file.rate, file.frames, file.kind) == (16000, 8000, "raw audio/x-l16")
        np.testing.assert_array_equal(file.read()[0], PCM)
    with SoundSource(path, format="l16;rate=8000", channels=2, byteorder="big") as file:
        np.testing.assert_array_equal(file.read(), np.frombuffer(PCM16, ">i2").reshape(-1, 2).T)
    path.write_bytes(KINDS["pcm16.wav"].data)
    with pytest.raises(FileError, match="the file is WAV, not raw audio: leave its format out"):
        SoundSource(path, format="pcmu")


def test_another_rate_for_what_is_raw_by_its_name(write):
    with SoundSource(write("raw.ulaw"), rate=16000) as file:
        assert (file.rate, file.duration_s) == (16000, 0.5)
    with SoundSource(write("pcm16.wav"), rate=16000) as file:
        assert file.rate == 8000


def test_mulaw_that_looks_like_mp3_is_mulaw(tmp_path):
    (tmp_path / "x.ulaw").write_bytes(b"\xff\xfb\x90\x44" * 100)
    with SoundSource(tmp_path / "x.ulaw") as file:
        assert file.kind == "raw audio/x-mulaw"


def test_standard_input_and_open_files_are_read_too(write, monkeypatch):
    class Input:
        buffer = io.BytesIO(KINDS["size_ffffffff.wav"].data)

    monkeypatch.setattr(sys, "stdin", Input)
    with SoundSource("-") as file:
        assert file.read().shape == (1, 8000)
    with SoundSource(io.BytesIO(KINDS["whole.flac"].data)) as file:
        np.testing.assert_array_equal(file.read()[0], PCM)


def test_blocks_are_all_of_it_however_long_it_is(tmp_path):
    x = np.random.default_rng(1).integers(-9000, 9000, (200_001, 3), np.int16)
    (tmp_path / "x.wav").write_bytes(riff(form(1, 16, 3), data(x.tobytes()[:600_000]), data(x.tobytes()[600_000:])))
    with SoundSource(tmp_path / "x.wav") as file:
        blocks = list(file.blocks())
    assert len(blocks) > 3
    np.testing.assert_array_equal(np.concatenate([np.stack(block) for block in blocks], axis=1), x.T)


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", "PCM_16"), ("AIFF", "ULAW")],
)
def test_decoders_go_on_from_block_to_block(tmp_path, kind, subtype):
    x = np.rint(9000 * np.sin(np.arange(200_000) * 0.2)).astype(np.int16)
    (tmp_path / "x").write_bytes(made(kind, subtype, pcm=x))
    whole, _ = soundfile.read(tmp_path / "x", dtype="float32")
    with SoundSource(tmp_path / "x") as file:
        y = file.read()[0]
    np.testing.assert_allclose(y if y.dtype == np.float32 else y / np.float32(32768), whole, rtol=0, atol=1e-6)


def test_float_samples_of_another_scale_are_noted(tmp_path):
    (tmp_path / "x.wav").write_bytes(riff(form(3, 32), data(PCM.astype("<f4").tobytes())))
    with SoundSource(tmp_path / "x.wav") as file:
        file.read()
    assert file.notes == ["float samples reach 8000, but full scale is 1: it seems that they were not scaled"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="one of them is a pipe")
def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for name, words in (
        ("none.wav", "cannot read: No such file"),
        ("", "it is a folder"),
        ("pipe.wav", "no regular file"),
    ):
        with pytest.raises(FileError, match=words):
            SoundSource(tmp_path / name)


def test_channels_are_mixed_into_one(tmp_path):
    stereo = np.stack([PCM, -PCM // 2], axis=1).astype("<i2")
    (tmp_path / "x.wav").write_bytes(riff(form(1, 16, 2), data(stereo.tobytes())))
    pcm, rate = read_mono(tmp_path / "x.wav", max_s=2)
    assert rate == 8000
    np.testing.assert_allclose(pcm, stereo.mean(axis=1), atol=0.51)
    with pytest.raises(FileError, match=r"it must not be longer than 0\.5 s, not 1 s"):
        read_mono(tmp_path / "x.wav", max_s=0.5)


def test_soundfile_is_needed_for_what_it_decodes_only(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    for name in ("pcm16.wav", "bw64.wav", "whole.au", "raw.pcma"):
        with SoundSource(write(name)) as file:
            assert file.read().shape == (1, 8000)
    with pytest.raises(FileError, match=r"FLAC needs soundfile; pip install 'voiceband\[batch\]' brings it"):
        SoundSource(write("whole.flac"))


@pytest.mark.parametrize("seed", range(30))
def test_headers_of_any_bytes_give_sound_or_an_error(tmp_path, seed):
    rng = np.random.default_rng(seed)
    for name in ("pcm16.wav", "ext_mulaw.wav", "bw64.wav", "whole.au", "whole.aiff", "whole.w64", "whole.caf"):
        broken = bytearray(KINDS[name].data[:2000])
        for at in rng.integers(0, 80, 3):
            broken[at] = rng.integers(0, 256)
        (tmp_path / "x.wav").write_bytes(broken)
        with contextlib.suppress(FileError), SoundSource(tmp_path / "x.wav", allow_cut=True) as file:
            assert all(len(block[0]) for block in file.blocks())


def test_sizes_that_lie_are_told_from_sizes_that_are_unknown(tmp_path):
    """An empty file has a size of 0 too, and what follows may be a chunk."""
    path = tmp_path / "x.wav"
    path.write_bytes(riff(form(1, 16), data(b"", 0), b"LIST" + struct.pack("<I", 4) + b"INFO"))
    with SoundSource(path) as file:
        assert file.frames == 0
    path.write_bytes(riff(form(7, 8), data(ulaw_encode(PCM), 0)))
    with SoundSource(path) as file:
        assert file.frames == 8000


COMPRESSED = [("AU", "G721_32"), ("AIFF", "IMA_ADPCM"), ("W64", "GSM610"), ("W64", "IMA_ADPCM"), ("CAF", "ALAC_16"),
              ("MP3", "MPEG_LAYER_III")]  # fmt: skip


@pytest.mark.parametrize("lost", [1, 100])
@pytest.mark.parametrize(("kind", "subtype"), COMPRESSED)
def test_a_few_bytes_that_a_codec_lacks_are_a_cut(tmp_path, kind, subtype, lost):
    path = tmp_path / "x.wav"
    whole = made(kind, subtype)
    path.write_bytes(whole)
    with SoundSource(path) as file:
        full = file.read().shape[1]
        assert file.notes == []
    path.write_bytes(whole[:-lost])
    with pytest.raises(CutError, match="the file is cut short: it holds "), SoundSource(path) as file:
        file.read()
    with SoundSource(path, allow_cut=True) as file:
        assert 0 < file.read().shape[1] <= full
    assert len(file.notes) == 1


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_half_of_the_last_page_is_no_end_of_an_ogg_file(tmp_path, subtype):
    (tmp_path / "x.ogg").write_bytes(made("OGG", subtype, pcm=np.tile(PCM, 10))[:-1])
    with SoundSource(tmp_path / "x.ogg") as file:
        file.read()
    assert [note.partition(":")[0] for note in file.notes] == ["the Ogg file has lost its end"]


def test_two_channels_in_a_voice_file_are_whole(tmp_path):
    soundfile.write(tmp_path / "x.voc", np.stack([PCM, PCM], axis=1), 8000, "PCM_U8", format="VOC")
    with SoundSource(tmp_path / "x.voc") as file:
        assert file.read().shape == (2, 8000)
    assert file.notes == []


def test_a_size_that_is_too_small_is_noted(tmp_path):
    """An unpadded chunk behind an odd number of samples is no sound."""
    path = tmp_path / "x.wav"
    path.write_bytes(riff(form(1, 16), data(size=1000)))
    with SoundSource(path) as file:
        assert file.read().shape == (1, 500)
    assert file.notes == [
        "the header states 1000 bytes of sound, and 15000 bytes that are no chunk follow: they are left out"
    ]
    path.write_bytes(riff(form(7, 8), chunk(b"data", MULAW[:-1], pad=False), chunk(b"LIST", b"INFO")))
    with SoundSource(path) as file:
        assert file.read().shape == (1, 7999)
    assert file.notes == []
