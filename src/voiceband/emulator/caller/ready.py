"""Callers that are ready to be used: what they say is a sound's sentences, what they do has a name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from voiceband.emulator.caller.script import Script
from voiceband.emulator.caller.sentences import split_at_pauses
from voiceband.emulator.caller.sounds import Clip, clip_of
from voiceband.emulator.caller.steps import BargeIn, Pause, Press, Say, Step, WaitFor, WaitForSpeech

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

Sound = str | Path | Clip
RATE = 16000
"""Of what is said, in Hz, before it comes to the call's."""
PATIENCE_S = 6.0
"""How long a caller waits for an answer: longer than the linter does before it calls an agent silent."""
PAUSE_MS = 700
"""How much silence is the end of what an agent says; within an answer there may be less."""
BARGE_IN_MS = 700
SILENT_S, HOLD_S = 20.0, 60.0
RECORD_SILENCE_MS = 3000
"""Silence at which an answering machine ends its record."""


class ReadyScript(NamedTuple):
    """A caller with a name: what it does, in words and as steps made of sentences and patience."""

    about: str
    steps: Callable[[Sequence[Clip], float], list[Step]]


def _talk(sentences: Sequence[Clip], patience_s: float) -> list[Step]:
    steps: list[Step] = [WaitFor("greeting", silence_ms=PAUSE_MS)]
    for sentence in sentences:
        steps += [Say(sentence), _answer(patience_s)]
    return steps


def _barge_in(sentences: Sequence[Clip], patience_s: float) -> list[Step]:
    return [
        *_talk(sentences[:1], patience_s)[:-1],
        BargeIn(sentences[-1], after_ms=BARGE_IN_MS, timeout_s=patience_s),
        _answer(patience_s),
    ]


def _keys(_: Sequence[Clip], patience_s: float) -> list[Step]:
    return [*_talk((), patience_s), Press("1"), _answer(patience_s), Press("42#"), _answer(patience_s)]


def _keys_in_band(_: Sequence[Clip], patience_s: float) -> list[Step]:
    steps = _keys(_, patience_s)
    return [msgspec.structs.replace(s, tones=True, message=False) if isinstance(s, Press) else s for s in steps]


def _voicemail(sentences: Sequence[Clip], patience_s: float) -> list[Step]:
    greeting: list[Step] = [Pause(0.5)]
    for sentence in sentences[:2]:
        greeting += [Say(sentence), Pause(0.4)]
    return [*greeting, Say("@beep"), WaitFor("stop", silence_ms=RECORD_SILENCE_MS, timeout_s=patience_s)]


def _silent(_: Sequence[Clip], patience_s: float) -> list[Step]:
    return [*_talk((), patience_s), Pause(SILENT_S)]


def _impatient(sentences: Sequence[Clip], patience_s: float) -> list[Step]:
    return [
        Say(sentences[0]),
        Pause(1.0),
        Say(sentences[-1]),
        BargeIn(sentences[0], after_ms=300, timeout_s=patience_s),
        Pause(2.0),
    ]


def _backchannel(sentences: Sequence[Clip], patience_s: float) -> list[Step]:
    return [
        *_talk(sentences[:1], patience_s)[:-1],
        WaitForSpeech(600, timeout_s=patience_s),
        Say("@mhm", backchannel=True),
        Pause(1.0),
        Say("@cough", backchannel=True),
        _answer(patience_s),
    ]


def _long_hold(sentences: Sequence[Clip], patience_s: float) -> list[Step]:
    return [*_talk(sentences[:1], patience_s), Pause(HOLD_S), Say(sentences[-1]), _answer(patience_s)]


def _answer(patience_s: float) -> WaitFor:
    return WaitFor("stop", silence_ms=PAUSE_MS, timeout_s=patience_s)


READY = {
    "@talk": ReadyScript("waits 2 s for a greeting, then says its sentences in turn, and hears each answer out", _talk),
    "@barge-in": ReadyScript("says a sentence, and interrupts the answer once it has heard 0.7 s of it", _barge_in),
    "@keys": ReadyScript("presses 1, hears the answer out, and presses 42#", _keys),
    "@keys-in-band": ReadyScript("presses the same keys, which only their tones tell of", _keys_in_band),
    "@voicemail": ReadyScript("an answering machine: greets, beeps, and records until 3 s of silence", _voicemail),
    "@silent": ReadyScript("hears the greeting out, and then says nothing for 20 s", _silent),
    "@impatient": ReadyScript("speaks first, again before the answer, and into it", _impatient),
    "@backchannel": ReadyScript("says mhm and coughs into an answer, which should go on", _backchannel),
    "@long-hold": ReadyScript("says a sentence, hears the answer out, and says the next after a minute", _long_hold),
}
"""Callers by the names that stand for them."""


def ready_script(
    name: str = "@talk",
    sound: Sound | NDArray[np.int16] | None = None,
    *,
    channel: int | None = None,
    patience_s: float = PATIENCE_S,
) -> Script:
    """Return a caller that is ready to be used.

    Parameters
    ----------
    name : str, optional
        One of `READY`.
    sound : str, path-like, Clip, ndarray or None, optional
        What is said, sentence by sentence: a sound file, ``@caller``, or int16 samples at 8000 Hz; None for
        ``@caller``.
    channel : int or None, optional
        Which channel of a file, from 1 on; None for the mean of all.
    patience_s : float, optional
        How long to wait for an answer that does not come.

    Raises
    ------
    ValueError
        If there is no such caller, or the sound cannot be read or holds no speech.
    """
    if name not in READY:
        raise ValueError(f"{name!r} is no ready script: there are {', '.join(READY)}")
    ready = READY[name]
    return Script(ready.steps(_sentences(sound, channel), patience_s), about=f"{name}: {ready.about}")


def turns_of(sound: Sound | NDArray[np.int16] | None, *, patience_s: float = 3.0) -> list[Step]:
    """Return the steps of ``@talk``: a caller who waits for a greeting, and for an answer to each sentence of a sound.

    The parameters and errors are those of `ready_script`.
    """
    return ready_script("@talk", sound, patience_s=patience_s).steps


def _sentences(sound: Sound | NDArray[np.int16] | None, channel: int | None) -> list[Clip]:
    if sound is None:
        sound = "@caller"
    if isinstance(sound, np.ndarray):
        clip = Clip(sound, 8000)
    elif isinstance(sound, Clip):
        clip = sound
    elif not isinstance(sound, (str, os.PathLike)):
        raise TypeError(f"what is said must be a sound file or an array of int16, not {sound!r:.60}")
    else:
        clip = clip_of(sound, channel=channel)
    if clip.rate is None or clip.pcm.dtype != np.int16 or clip.pcm.ndim != 1:
        raise ValueError(f"what is said must be a 1-D array of int16, not {clip.pcm.ndim}-D of {clip.pcm.dtype}")
    sentences = split_at_pauses(clip.at(RATE), RATE)
    if not sentences:
        raise ValueError(f"{'what is said' if isinstance(sound, np.ndarray) else sound} holds no speech above -45 dBFS")
    return [Clip(sentence, RATE) for sentence in sentences]
