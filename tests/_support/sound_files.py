"""Sound files of every kind, byte by byte: one second of 440 Hz at 8000 Hz, whole, strange or broken."""

import io
import struct
from typing import NamedTuple

import numpy as np
import soundfile

from voiceband import alaw_encode, ulaw_encode

N = 8000
PCM = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(N) / 8000)).astype(np.int16)
PCM16 = PCM.astype("<i2").tobytes()
MULAW, ALAW = ulaw_encode(PCM), alaw_encode(PCM)
GUID = bytes.fromhex("000000001000800000AA00389B71")
CUT = "the file is cut short: it holds 0.81 s of sound and should hold 1.00 s"
UNSAID = "does not say what it holds: name its format with --format, as audio/x-mulaw;rate=8000"
DAMAGED = "the WAV file is damaged: it states"
NO_SOUND = "it is not a sound file that can be read: it begins with b'<!DOCTYP'"
ELSEWHERE = "cannot be decoded here: convert it to PCM with another program first"


class Case(NamedTuple):
    """A file: its bytes, and either how many samples it gives or what is said of it."""

    data: bytes
    frames: int = 0
    error: str = ""


def chunk(name, data, size=None, pad=True):
    head = name + struct.pack("<I", len(data) if size is None else size)
    return head + data + (b"\0" if pad and len(data) % 2 else b"")


def form(tag, bits, channels=1, rate=8000, more=b"", align=None):
    align = channels * bits // 8 if align is None else align
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * align, align, bits) + more)


def riff(*chunks, size=None, magic=b"RIFF"):
    body = b"WAVE" + b"".join(chunks)
    return magic + struct.pack("<I", len(body) if size is None else size) + body


def data(samples=PCM16, size=None):
    return chunk(b"data", samples, size)


def extensible(tag, bits):
    return form(0xFFFE, bits, more=struct.pack("<HHIH", 22, bits, 4, tag) + GUID)


def rifx():
    body = b"WAVEfmt " + struct.pack(">IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    body += b"data" + struct.pack(">I", len(PCM16)) + PCM.astype(">i2").tobytes()
    return b"RIFX" + struct.pack(">I", len(body)) + body


def wide(magic):
    sizes = chunk(b"ds64", struct.pack("<QQQI", 4 + 36 + 24 + 8 + len(PCM16), len(PCM16), N, 0))
    return riff(sizes, form(1, 16), data(size=0xFFFFFFFF), size=0xFFFFFFFF, magic=magic)


def au(samples, encoding, size=None):
    return b".snd" + struct.pack(">5I", 24, len(samples) if size is None else size, encoding, 8000, 1) + samples


def made(kind, subtype, share=1.0, pcm=PCM):
    """Return what libsndfile writes, or the first part of it."""
    file = io.BytesIO()
    soundfile.write(file, pcm, 8000, subtype, format=kind)
    whole = file.getvalue()
    return whole[: round(len(whole) * share)]


def said_to_be(kind, share=0.6):
    return Case(made(kind, "PCM_16", share), error="the file is cut short: it holds 0.")


PLAIN = riff(form(1, 16), data())
S24 = b"".join((x << 8).to_bytes(3, "little", signed=True) for x in PCM.tolist())
SPHERE = b"NIST_1A\n   1024\nchannel_count -i 1\nsample_rate -i 8000\nsample_count -i 8000\nsample_n_bytes -i 1\n"
SPHERE = (SPHERE + b"sample_byte_format -s1 1\nsample_coding -s4 ulaw\nend_head\n").ljust(1024) + MULAW
LIST = b"INFOICMT\x05\0\0\0abcde"

KINDS = {
    # WAV as it should be
    "pcm16.wav": Case(PLAIN, N),
    "u8.wav": Case(riff(form(1, 8), data(bytes(((PCM >> 8) + 128).tolist()))), N),
    "s24.wav": Case(riff(form(1, 24), data(S24)), N),
    "s32.wav": Case(riff(form(1, 32), data((PCM.astype("<i4") << 16).tobytes())), N),
    "f32.wav": Case(riff(form(3, 32), data((PCM / 32768).astype("<f4").tobytes())), N),
    "f64.wav": Case(riff(form(3, 64), data((PCM / 32768).astype("<f8").tobytes())), N),
    "mulaw.wav": Case(riff(form(7, 8, more=b"\0\0"), chunk(b"fact", struct.pack("<I", N)), data(MULAW)), N),
    "alaw.wav": Case(riff(form(6, 8, more=b"\0\0"), data(ALAW)), N),
    "ext_pcm16.wav": Case(riff(extensible(1, 16), data()), N),
    "ext_mulaw.wav": Case(riff(extensible(7, 8), data(MULAW)), N),
    "rifx.wav": Case(rifx(), N),
    "rf64.wav": Case(wide(b"RF64"), N),
    "bw64.wav": Case(wide(b"BW64"), N),
    "gsm.wav": Case(made("WAV", "GSM610"), 8320),
    # what killed recorders and pipes leave
    "size_0.wav": Case(riff(form(1, 16), data(size=0), size=0), N),
    "size_7fffffff.wav": Case(riff(form(1, 16), data(size=0x7FFFFFFF), size=0x7FFFFFFF), N),
    "size_7ffff000.wav": Case(riff(form(1, 16), data(size=0x7FFFF000), size=0x7FFFF024), N),
    "size_ffffffff.wav": Case(riff(form(7, 8), data(MULAW, size=0xFFFFFFFF), size=0xFFFFFFFF), N),
    # chunks and headers that are not as they should be
    "junk.wav": Case(riff(chunk(b"JUNK", b"x" * 27), form(1, 16), data()), N),
    "list_unpadded.wav": Case(riff(form(1, 16), chunk(b"LIST", LIST, pad=False), data()), N),
    "list_large.wav": Case(riff(chunk(b"LIST", bytes(70_000)), form(1, 16), data()), N),
    "list_behind.wav": Case(riff(form(7, 8), data(MULAW[:-1]), chunk(b"LIST", LIST)), N - 1),
    "fmt_twice.wav": Case(riff(form(1, 16), form(1, 16), data()), N),
    "data_twice.wav": Case(riff(form(1, 16), data(PCM16[:8000]), data(PCM16[8000:])), N),
    "riff_short.wav": Case(riff(form(1, 16), data(), size=36), N),
    "bad_align.wav": Case(riff(form(1, 16, align=1), data()), N),
    "bits_0.wav": Case(riff(form(1, 0, align=2), data()), N),
    "mulaw_16.wav": Case(riff(form(7, 16, align=1), data(MULAW)), N),
    "rate_0.wav": Case(riff(form(1, 16, rate=0), data()), error=f"{DAMAGED} a sample rate of 0 Hz"),
    "channels_0.wav": Case(riff(form(1, 16, 0), data()), error=f"{DAMAGED} 0 channels"),
    "nan.wav": Case(riff(form(3, 32), data(struct.pack("<2f", 0, float("nan")))), error="sample 2 of channel 1 is nan"),
    # codecs that nothing here decodes
    "g729.wav": Case(riff(form(0x83, 0, align=10), data(bytes(1000))), error=f"WAV with the codec G.729 {ELSEWHERE}"),
    "mp3.wav": Case(riff(form(0x55, 0, align=1), data(bytes(999))), error=f"WAV with the codec MP3 {ELSEWHERE}"),
    "other.wav": Case(riff(form(0x1234, 0, align=1), data(bytes(99))), error=f"a codec of number 0x1234 {ELSEWHERE}"),
    # cut short
    "cut.wav": Case(PLAIN[:-3001], error=CUT),
    "cut.rf64": Case(wide(b"RF64")[:-3001], error=CUT),
    "cut.au": Case(au(PCM.astype(">i2").tobytes(), 3)[:-3001], error=CUT),
    "cut.aiff": said_to_be("AIFF"),
    "cut.w64": said_to_be("W64"),
    "cut.flac": said_to_be("FLAC", 0.7),
    "cut.voc": said_to_be("VOC"),
    "cut.sph": Case(SPHERE[:-1500], error=CUT),
    "cut.caf": said_to_be("CAF"),
    "cut.mp3": Case(made("MP3", "MPEG_LAYER_III", 0.6), error="the file is cut short: it holds 0."),
    "headless.wav": Case(PLAIN[:30], error="the file is cut short: it ends before its samples"),
    "half.sln": Case(PCM16[:-1], error="the file ends inside a frame: 1 byte is left over, and a frame has 2"),
    # other containers, under their names and others
    "whole.flac": Case(made("FLAC", "PCM_16"), N),
    "whole.mp3": Case(made("MP3", "MPEG_LAYER_III"), N),
    "whole.ogg": Case(made("OGG", "VORBIS"), N),
    "whole.opus": Case(made("OGG", "OPUS"), N),
    "whole.au": Case(au(MULAW, 1), N),
    "stream.au": Case(au(MULAW, 1, size=0xFFFFFFFF), N),
    "whole.aiff": Case(made("AIFF", "PCM_16"), N),
    "whole.w64": Case(made("W64", "PCM_16"), N),
    "whole.caf": Case(made("CAF", "PCM_16"), N),
    "whole.voc": Case(made("VOC", "PCM_16"), N),
    "whole.sph": Case(SPHERE, N),
    "flac_named.wav": Case(made("FLAC", "PCM_16"), N),
    "au_named.wav": Case(au(MULAW, 1), N),
    "wav_named.ulaw": Case(PLAIN, N),
    # raw audio by its name
    **{f"raw.{suffix}": Case(MULAW, N) for suffix in ("ulaw", "ul", "mu", "mulaw", "pcmu", "PCMU")},
    **{f"raw.{suffix}": Case(ALAW, N) for suffix in ("alaw", "al", "pcma")},
    **{f"raw.{suffix}": Case(PCM16, N) for suffix in ("sln", "slin", "l16", "sln16")},
    **{f"raw.{suffix}": Case(PCM16, error=f".{suffix} {UNSAID}") for suffix in ("raw", "pcm", "s16")},
    # no sound
    "empty.wav": Case(b"", error="the file is empty"),
    "header.wav": Case(riff(form(1, 16), data(b"")), error="holds no"),
    "page.wav": Case(b"<!DOCTYPE html><html></html>", error=NO_SOUND),
    "raw_named.wav": Case(MULAW, error="if it is raw audio, name its format with --format"),
    "before.wav": Case(b"\r\n" + PLAIN, error="there are 2 bytes before its header: remove them"),
    "mp3_named.mp3": Case(b"ID3\x03" + bytes(200), error="the MP3 file is damaged"),
}  # fmt: skip
"""Files by their names."""
EXACT = {
    name
    for name, case in KINDS.items()
    if case.frames == N and not name.startswith(("u8", "gsm", "whole.mp3", "whole.o"))
}
"""Those that give the very samples, or what G.711 makes of them."""
