"""The files that are left of a call."""

from __future__ import annotations

import json
import wave
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband._whole_files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def write_sound_and_summary(
    folder: Path, sides: tuple[NDArray[np.int16], NDArray[np.int16], int], summary: dict[str, Any]
) -> None:
    """Write call.wav (left: the caller, right: what the caller heard; their rate is last) and summary.json."""
    left, right, rate = sides
    try:
        with replacing([folder / "call.wav", folder / "summary.json"]) as (sound, text):
            with wave.open(str(sound), "wb") as file:
                file.setnchannels(2)
                file.setsampwidth(2)
                file.setframerate(rate)
                file.writeframes(np.stack([left, right], axis=1).astype("<i2").tobytes())
            text.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        error.filename = str(folder)  # not the names that the files have meanwhile
        raise
