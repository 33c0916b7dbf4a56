"""What a scripted caller can do: one struct for each step, checked when it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from voiceband._checks import check_choice, check_flag, check_integer, check_number, check_text
from voiceband.emulator.caller.key_tones import FREQUENCIES
from voiceband.emulator.caller.sentences import split_at_pauses
from voiceband.emulator.caller.sounds import Clip, clip_of


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step; the first field of each kind is also its name in a YAML file."""


class Say(Step, frozen=True):
    """Say a clip.

    Attributes
    ----------
    say : str, path-like, Clip or ndarray
        A sound file, a clip that ships with the package (``@caller``, ``@cough``, ``@mhm``), or samples at the call's
        rate.
    sentence : int or None
        Say only this one of the sentences between pauses, from 1 on.
    wait : bool
        Whether the next step waits until it has been said.
    backchannel : bool
        Whether it is a cough or an "mhm": nothing that an agent should stop for, or answer.
    channel : int or None
        Which channel of a file, from 1 on; None for the mean of all.
    """

    say: Any
    sentence: int | None = None
    wait: bool = True
    backchannel: bool = False
    channel: int | None = None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "say", _clip("say", self.say, self.sentence, self.channel))


class BargeIn(Step, frozen=True):
    """Speak while the agent does, and go on when it has been said.

    Attributes
    ----------
    barge_in : str, path-like, Clip or ndarray
        As `Say.say`.
    after_ms : float
        How much of the agent's answer to listen to first, 0 to 60,000.
    sentence : int or None
        As `Say.sentence`.
    timeout_s : float
        How long to wait for that much, 0 to 3600; then the caller speaks anyway.
    channel : int or None
        As `Say.channel`.
    """

    barge_in: Any
    after_ms: float = 500
    sentence: int | None = None
    timeout_s: float = 10
    channel: int | None = None

    def __post_init__(self) -> None:
        check_number("after_ms", self.after_ms, 0, 60_000)
        check_number("timeout_s", self.timeout_s, 0, 3600)
        msgspec.structs.force_setattr(self, "barge_in", _clip("barge_in", self.barge_in, self.sentence, self.channel))


class Pause(Step, frozen=True):
    """Do nothing for `wait_s` seconds, 0 to 3600."""

    wait_s: float

    def __post_init__(self) -> None:
        check_number("wait_s", self.wait_s, 0, 3600)


class WaitFor(Step, frozen=True):
    """Wait until the agent starts or stops speaking.

    Attributes
    ----------
    wait_for : {"start", "stop", "greeting"}
        "start": the agent has said something since the caller's turn, perhaps already. "stop": it has, and is silent.
        "greeting": the same, or it has not begun in time, which is no failure: the caller speaks first then.
    silence_ms : float
        How much silence means that it has stopped, 20 to 60,000.
    timeout_s : float, optional
        How long to wait in silence, 0 to 3600; 2 for a greeting, else 10.
    longest_s : float
        How long to listen to an agent that does not stop, 0 to 3600.
    """

    wait_for: Literal["start", "stop", "greeting"]
    silence_ms: float = 400
    timeout_s: float | None = None
    longest_s: float = 120

    def __post_init__(self) -> None:
        check_choice("wait_for", self.wait_for, ("start", "stop", "greeting"))
        if self.timeout_s is None:
            msgspec.structs.force_setattr(self, "timeout_s", 2.0 if self.wait_for == "greeting" else 10.0)
        check_number("silence_ms", self.silence_ms, 20, 60_000)
        check_number("timeout_s", self.timeout_s, 0, 3600)
        check_number("longest_s", self.longest_s, 0, 3600)


class WaitForSpeech(Step, frozen=True):
    """Wait until the agent has spoken for so long since the caller's turn, pauses not counted.

    Attributes
    ----------
    wait_for_speech_ms : float
        20 to 600,000.
    timeout_s : float
        How long to wait, 0 to 3600.
    """

    wait_for_speech_ms: float
    timeout_s: float = 10

    def __post_init__(self) -> None:
        check_number("wait_for_speech_ms", self.wait_for_speech_ms, 20, 600_000)
        check_number("timeout_s", self.timeout_s, 0, 3600)


class Press(Step, frozen=True):
    """Press keys, one after the other.

    Attributes
    ----------
    press : str
        Of ``0-9*#A-D``, at most 100.
    every_ms : float
        From one key to the next, 100 to 10,000; half of it is the tone.
    tones : bool
        Whether the tones are heard too.
    message : bool
        Whether the carrier tells of the keys, as carriers do; without it there are only the tones.
    """

    press: str
    every_ms: float = 250
    tones: bool = False
    message: bool = True

    def __post_init__(self) -> None:
        rule = "a text of 0-9*#A-D, in quotes"
        if not 0 < len(check_text("press", self.press, rule)) <= 100 or set(self.press) - set(FREQUENCIES):
            raise ValueError(f"press must be {rule}, not {self.press!r}")
        check_number("every_ms", self.every_ms, 100, 10_000)
        tones, message = check_flag("tones", self.tones), check_flag("message", self.message)
        if not tones and not message:
            raise ValueError("press must have tones or a message: without either, nobody learns of the keys")


class HangUp(Step, frozen=True):
    """End the call; a script does so at its end anyway."""

    hang_up: Literal[True] = True


KINDS: dict[str, type[Step]] = {kind.__struct_fields__[0]: kind for kind in Step.__subclasses__()}
"""Kinds of steps by the names that YAML files use."""


def _clip(name: str, sound: Any, sentence: int | None, channel: int | None) -> Clip:
    """Load at once, so that what is wrong shows before the call."""
    if isinstance(sound, (np.ndarray, Clip)) and channel is not None:
        raise ValueError(f"channel must not be given beside samples, but is {channel!r}")
    if isinstance(sound, np.ndarray):
        clip = Clip(sound, None)
    elif isinstance(sound, Clip):
        clip = sound
    elif isinstance(sound, (str, Path)) and str(sound):
        clip = clip_of(sound, channel=channel)
    else:
        wrong = ValueError if isinstance(sound, (str, Path)) else TypeError
        raise wrong(f"{name} must be a sound file, a shipped clip or samples, not {sound!r}")
    if clip.pcm.dtype != np.int16 or clip.pcm.ndim != 1:
        raise ValueError(f"{name} must be a 1-D array of int16, not {clip.pcm.ndim}-D of {clip.pcm.dtype}")
    if sentence is None:
        return clip
    if clip.rate is None:
        raise ValueError(f"sentence must not be given beside samples, but is {sentence!r}")
    sentences = split_at_pauses(clip.pcm, clip.rate)
    check_integer("sentence", sentence, 1, len(sentences))
    return Clip(sentences[sentence - 1], clip.rate)
