"""What the sound guard can name, and the sentence that says it: what was heard, how much of it, and what to do."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

SoundKind = Literal[
    "wrong-codec",
    "swapped-bytes",
    "float-samples",
    "file-bytes",
    "encoded-twice",
    "zero-silence",
    "clipped",
    "wrapped",
    "dc-offset",
    "wrong-rate",
    "stereo",
    "holes",
    "repeated-frames",
    "missing-frames",
    "too-quiet",
    "no-speech",
]
KINDS: tuple[SoundKind, ...] = get_args(SoundKind)
"""All kinds, in the order of the kernel."""

_TAKEN = {"mulaw": "mu-law", "alaw": "A-law", "l16": "L16", "int16": "int16", "float32": "float32"}
_CODECS = ("mu-law", "A-law", "16-bit samples, little-endian", "16-bit samples, big-endian")
_FILES = ("a WAV file", "an MP3 file", "an Ogg file", "a FLAC file", "AAC in ADTS", "a sound file")
_TEXTS = ("base64", "hexadecimal text", "text")
_CHANNELS = ("the samples of two channels seem to alternate", "every other sample is silent", "each sample comes twice")
_RATIOS = (
    (1 / 3, "a third"),
    (1 / 2, "half"),
    (2 / 3, "two thirds"),
    (1.5, "1.5 times"),
    (2, "twice"),
    (3, "three times"),
)


class SoundFinding(msgspec.Struct, frozen=True):
    """What is wrong with the sound of a stream.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    reason : str
        A sentence: what was heard, the measured value, and what to do about it.
    value : float
        The measured value; what it measures depends on the kind.
    at_ms : float
        How much of the stream had been heard when it was named.
    """

    kind: SoundKind
    reason: str
    value: float
    at_ms: float


def finding(encoding: str, rate: int, kind: int, detail: int, value: float, more: float, at: int) -> SoundFinding:
    """Put a finding of the kernel into words; what `detail`, `value` and `more` are is in vb_sound.h."""
    name = KINDS[kind]
    choices = _CHOICES.get(name, ())
    fields = {
        "taken": f"{_TAKEN[encoding]} at {rate} Hz",
        "what": choices[detail] if choices else "",
        "value": value,
        "more": more,
        "percent": 100 * value,
        "more_percent": 100 * more,
        "seconds": value / 1000,
        "bits": 8 * detail,
        "silence": "0xFF" if encoding == "mulaw" else "0xD5",
        "zero": "full scale" if encoding == "mulaw" else "a loud step",
        "hz": value * rate,
        "rate": rate,
        "times": min(_RATIOS, key=lambda known: abs(known[0] - value))[1],
        "speed": "slow and deep" if value > 1 else "fast and high",
    }
    sentences = _SENTENCES[name]
    return SoundFinding(name, sentences[min(detail, len(sentences) - 1)].format(**fields), value, at * 1000 / rate)


_CHOICES: dict[SoundKind, tuple[str, ...]] = {
    "wrong-codec": _CODECS,
    "file-bytes": _FILES,
    "encoded-twice": _TEXTS,
    "stereo": _CHANNELS,
}
"""What the kernel's `detail` chooses from."""

_SENTENCES: dict[SoundKind, tuple[str, ...]] = {
    "wrong-codec": (
        "this seems to be {what}, taken for {taken}: read as what it seems to be it needs {value:.1f} bits a byte "
        "less; decoded as it is it sounds like noise. Give the format that the audio is in",
    ),
    "swapped-bytes": (
        "the two bytes of each sample seem to be swapped: in the other order the audio, taken for {taken}, needs "
        "{value:.1f} bits a byte less; as it is it sounds like loud noise. Give the other order, or swap the bytes",
    ),
    "float-samples": (
        "the float samples seem to be in the scale of int16: the largest is {value:.0f}, and full scale is 1.0, so "
        "that nearly all of them clip. Divide them by 32768, or pass them as int16",
        "these seem to be the bytes of float{bits} samples, taken for {taken}; decoded as they are they sound like "
        "noise. Convert them to 16-bit samples: multiply by 32767 and round",
    ),
    "file-bytes": (
        "these seem to be the bytes of {what} (its mark is at byte {value:.0f}), taken for {taken}. Decode the file, "
        "and send its samples without a header",
    ),
    "encoded-twice": (
        "this seems to be {what}, taken for {taken}: nothing but its characters for {seconds:.1f} s. Encode the audio "
        "once only",
    ),
    "zero-silence": (
        "there are {value:.0f} ms of zero bytes at a stretch in what is {taken}, where zero is no silence but {zero}. "
        "Fill pauses with {silence}",
    ),
    "clipped": (
        "the audio is clipped: {percent:.1f} % of its samples lie in flat runs at full scale. Lower the gain before "
        "the samples become integers",
    ),
    "wrapped": (
        "the samples wrap around: {value:.0f} times a second they jump from one end of the range to the other. Clip to "
        "-32768..32767 before the conversion to 16 bits, and lower the gain",
    ),
    "dc-offset": (
        "the audio is off zero by {percent:.1f} % of full scale. Subtract the mean; samples of unsigned type need half "
        "of their range subtracted",
    ),
    "wrong-rate": (
        "the voice seems to be sampled at {times} the rate it is taken for, about {hz:.0f} Hz and not {rate} Hz, so "
        "that it runs {speed}. Give the true rate, or resample",
    ),
    "stereo": (
        "{what} in what is taken for one channel of {taken}; it runs at half speed. Mix the two channels to one, or "
        "take one of them",
    ),
    "holes": (
        "there is a hole of {more:.1f} ms in the audio every {value:.1f} ms. Do not pad or flush pieces that follow "
        "one another; play them as one utterance",
    ),
    "repeated-frames": (
        "{more_percent:.0f} % of the audio is what was heard {value:.1f} ms before: each piece seems to be sent more "
        "than once. Send each once",
    ),
    "missing-frames": (
        "many frames seem to be missing: the speech jumps, with a click, where frames of 20 ms meet (score "
        "{value:.1f}, at most 0.6 in whole speech). Send every frame",
        "about {percent:.0f} % of the frames are missing: whole frames of silence are cut out of running speech. Send "
        "every frame, and in time",
    ),
    "too-quiet": ("the speech is too quiet: {value:.0f} dBov, and below -50 dBov it is hardly heard. Raise the gain",),
    "no-speech": (
        "this is steady noise at {value:.0f} dBov, without speech in it. If it should be speech, check the format, the "
        "source and the microphone",
    ),
}
"""One sentence a kind, or one for each `detail` of the kernel."""
