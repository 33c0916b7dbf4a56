"""Recordings to put through a batch, and what comes out of it."""

from pathlib import Path

import numpy as np
import soundfile

from _support.denoise_signals import as_int16, voice, white
from voiceband import alaw_encode, l16_encode, ulaw_encode
from voiceband.batch import Batch, Denoise, Pipeline, Resample

RATE = 8000
SPEECH = as_int16(voice(20, RATE) + white(20, RATE))  # several blocks


def write(path: Path, x=SPEECH, rate=RATE, subtype=None) -> Path:
    encoders = {".ulaw": ulaw_encode, ".al": alaw_encode, ".sln": l16_encode}
    if path.suffix in encoders:
        path.write_bytes(encoders[path.suffix](x))
    else:
        soundfile.write(path, x, rate, subtype)
    return path


CLEAN = Pipeline(Denoise(85), Resample(16000))
OPTIONS = ("--denoise", "85", "--rate", "16000")
JOURNAL = ".voiceband-batch.jsonl"


def bad_files(folder: Path) -> dict[str, str]:
    """Make one file of every bad kind; return what must be said of each."""
    whole_wav = write(folder / "whole.wav").read_bytes()
    whole_flac = write(folder / "whole.flac").read_bytes()
    (folder / "whole.wav").unlink()
    (folder / "whole.flac").unlink()
    (folder / "empty.wav").touch()
    (folder / "empty.ulaw").touch()
    (folder / "cut.wav").write_bytes(whole_wav[:-1001])
    (folder / "headless.wav").write_bytes(whole_wav[:30])
    (folder / "cut.flac").write_bytes(whole_flac[: len(whole_flac) // 2])
    (folder / "text.wav").write_text("no sound at all")
    (folder / "odd.sln").write_bytes(bytes(8001))
    soundfile.write(folder / "frames.wav", SPEECH[:0], RATE)
    soundfile.write(folder / "nan.wav", np.full(800, np.nan, np.float32), RATE, "FLOAT")
    soundfile.write(folder / "slow.wav", SPEECH[:100], 1000)
    return {
        "empty.wav": "empty",
        "empty.ulaw": "empty",
        "cut.wav": "cut short: it holds 19.94 s of sound and should hold 20.00 s",
        "headless.wav": "cut short",
        "cut.flac": "cut short: it holds",
        "text.wav": "it is not a sound file that can be read: it begins with b'no sound'",
        "odd.sln": "ends inside a frame: 1 byte",
        "frames.wav": "holds no sound",
        "nan.wav": "finite",
        "slow.wav": "1000",
    }


def many(folder: Path, n: int, seconds: int) -> None:
    folder.mkdir()
    rng = np.random.default_rng(1)
    for i in range(n):
        (folder / f"{i}.ulaw").write_bytes(rng.integers(0, 256, 8000 * seconds, np.uint8).tobytes())


def run(source, target, pipeline=CLEAN, workers=1, **options) -> dict[str, str]:
    with Batch(source, target, pipeline, **options) as batch:
        return {outcome.job.name: outcome.state for outcome in batch.run(workers=workers)}


def tree(folder: Path) -> dict[str, bytes]:
    """Read all outputs; nothing but them and the journal may be there."""
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    files.pop(JOURNAL, None)
    return files
