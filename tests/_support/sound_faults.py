"""Speech, and what can go wrong with it on its way: each fault as bytes, and what they are taken for."""

import base64
import wave
from importlib.resources import files

import numpy as np

import voiceband

RATE = 8000


def caller(dbov: float | None = None) -> np.ndarray:
    """Return the recorded caller of the package, as floats at 8 kHz; at `dbov` while speaking, if given."""
    with wave.open(str(files("voiceband") / "data" / "caller.wav")) as file:
        x = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    return x if dbov is None else at_level(x, dbov)


def at_level(x: np.ndarray, dbov: float) -> np.ndarray:
    """Scale speech so that its louder frames have this mean power; 0 dBov is a square of full scale."""
    return x * 10 ** (dbov / 20) / speaking(x)


def speaking(x: np.ndarray) -> float:
    """Root mean square of the frames within 16 dB of the loudest."""
    power = np.square(x[: len(x) // 160 * 160].reshape(-1, 160)).mean(axis=1)
    return float(np.sqrt(power[power > 0.025 * np.percentile(power, 95)].mean()))


def pcm(x: np.ndarray) -> np.ndarray:
    """Round floats to int16, and clip."""
    return np.clip(np.round(x * 32768), -32768, 32767).astype(np.int16)


ENCODE = {
    "mulaw": lambda x: voiceband.ulaw_encode(pcm(x)),
    "alaw": lambda x: voiceband.alaw_encode(pcm(x)),
    "l16": lambda x: pcm(x).astype("<i2").tobytes(),
    "l16 big": lambda x: pcm(x).astype(">i2").tobytes(),
}


def heard(data: bytes, encoding: str = "l16", rate: int = RATE, pieces: int = 160) -> list:
    """Return what a guard finds in a stream that comes in pieces."""
    guard = voiceband.SoundGuard(encoding, rate)
    return [found for at in range(0, len(data), pieces) for found in guard.process(data[at : at + pieces])]


def kinds(data: bytes, encoding: str = "l16", rate: int = RATE) -> set[str]:
    """Return the names of what is found."""
    return {found.kind for found in heard(data, encoding, rate)}


def frames(x: np.ndarray, ms: float = 20) -> np.ndarray:
    """Cut into whole frames."""
    n = round(ms * RATE / 1000)
    return x[: len(x) // n * n].reshape(-1, n)


def comb(x: np.ndarray, on_ms: float, off_ms: float) -> np.ndarray:
    """Put a hole after each piece."""
    whole = frames(x, on_ms)
    return np.pad(whole, ((0, 0), (0, round(off_ms * RATE / 1000)))).ravel()


def lost(x: np.ndarray, share: float, seed: int = 1) -> np.ndarray:
    """Put silence in place of frames."""
    whole = frames(x).copy()
    whole[np.random.default_rng(seed).random(len(whole)) < share] = 0
    return whole.ravel()


def interleaved(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Put two channels into one."""
    return np.stack([left, right], axis=1).ravel()


def faster(x: np.ndarray, ratio: float) -> np.ndarray:
    """Resample, so that speech at 8 kHz plays `ratio` times as slowly when it is taken for 8 kHz."""
    return voiceband.resample(x.astype(np.float32), 8000, round(8000 * ratio)).astype(float)


def wav_file(x: np.ndarray) -> bytes:
    """Return a WAV file of 16-bit samples."""
    data = ENCODE["l16"](x)
    head = b"RIFF" + (len(data) + 36).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\1\0\1\0"
    head += RATE.to_bytes(4, "little") + (2 * RATE).to_bytes(4, "little") + b"\2\0\x10\0data"
    return head + len(data).to_bytes(4, "little") + data


def zero_filled(x: np.ndarray) -> bytes:
    """Encode as mu-law, with zero bytes for its pauses."""
    codes = np.frombuffer(ENCODE["mulaw"](x), np.uint8).reshape(-1, 1)[: len(x) // 160 * 160].reshape(-1, 160).copy()
    quiet = np.square(frames(x)).mean(axis=1) < (0.1 * speaking(x)) ** 2
    codes[quiet] = 0
    return codes.tobytes()


def faults(x: np.ndarray) -> list[tuple[str, str, bytes, str]]:
    """Return name, kind, bytes, and what they are taken for."""
    repeat = np.repeat(frames(x), 2, axis=0).ravel()
    loud = at_level(x, 0)
    wrapped = ((np.round(loud * 32768).astype(int) + 32768 & 65535) - 32768) / 32768
    made = [
        (f"{a} as {b}", "wrong-codec", ENCODE[a](x), b)
        for a in ("mulaw", "alaw", "l16")
        for b in ("mulaw", "alaw", "l16")
        if a != b
    ]
    return [
        *made,
        ("big-endian", "swapped-bytes", ENCODE["l16 big"](x), "l16"),
        ("float32 as L16", "float-samples", x.astype("<f4").tobytes(), "l16"),
        ("float64 as L16", "float-samples", x.astype("<f8").tobytes(), "l16"),
        ("float32 as mu-law", "float-samples", x.astype("<f4").tobytes(), "mulaw"),
        ("floats in int16 scale", "float-samples", (x * 32768).astype("<f4").tobytes(), "l16"),
        ("a WAV file", "file-bytes", wav_file(x), "l16"),
        ("a WAV file as mu-law", "file-bytes", wav_file(x), "mulaw"),
        ("an Ogg page", "file-bytes", b"OggS\0\2" + bytes(8) + ENCODE["l16"](x), "l16"),
        ("a FLAC file", "file-bytes", b"fLaC\0\0\0\x22" + bytes(34) + ENCODE["l16"](x), "l16"),
        ("an MP3 file", "file-bytes", b"ID3\4\0\0" + bytes(34) + ENCODE["l16"](x), "l16"),
        ("an MP3 file of a later revision", "file-bytes", b"ID3\3\1\0" + bytes(34) + ENCODE["l16"](x), "l16"),
        ("base64", "encoded-twice", base64.b64encode(ENCODE["mulaw"](x)), "mulaw"),
        ("base64 of L16", "encoded-twice", base64.b64encode(ENCODE["l16"](x)), "l16"),
        ("hexadecimal", "encoded-twice", ENCODE["mulaw"](x).hex().encode(), "mulaw"),
        ("zeros for silence", "zero-silence", zero_filled(x), "mulaw"),
        ("clipped", "clipped", ENCODE["l16"](loud), "l16"),
        ("clipped mu-law", "clipped", ENCODE["mulaw"](loud), "mulaw"),
        ("a square", "clipped", ENCODE["l16"](np.where(x >= 0, 1.0, -1.0)), "l16"),
        ("wrapped", "wrapped", ENCODE["l16"](wrapped), "l16"),
        ("off zero", "dc-offset", ENCODE["l16"](x + 0.2), "l16"),
        ("both channels", "stereo", ENCODE["l16"](interleaved(x, x)), "l16"),
        ("one channel", "stereo", ENCODE["mulaw"](interleaved(x, 0 * x)), "mulaw"),
        ("two voices", "stereo", ENCODE["l16"](interleaved(x, np.roll(x, len(x) // 2))), "l16"),
        ("a comb", "holes", ENCODE["l16"](comb(x, 50, 10)), "l16"),
        ("padded pieces", "holes", ENCODE["mulaw"](comb(x, 12.5, 7.5)), "mulaw"),
        ("each frame twice", "repeated-frames", ENCODE["l16"](repeat), "l16"),
        ("frames lost", "missing-frames", ENCODE["mulaw"](lost(x, 0.15)), "mulaw"),
        ("twice the rate", "wrong-rate", ENCODE["l16"](faster(x, 2)), "l16"),
        ("three times the rate", "wrong-rate", ENCODE["mulaw"](faster(x, 3)), "mulaw"),
    ]
