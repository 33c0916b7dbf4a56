"""The options of a session, as a type, for functions that pass them on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal, SupportsFloat, SupportsIndex, TypedDict

import numpy as np

from voiceband.formats import AudioFormat, ByteOrder
from voiceband.session.capture import Capture
from voiceband.session.inbound.barge_in import BargeInSettings
from voiceband.session.recorder import Recorder

Dtype = Literal["int16", "float32"] | type[np.int16] | type[np.float32]
Buffer = Literal["timeline", "jitter"]
ByteOrderIn = Literal["little", "big", "auto"]
Metrics = Callable[[str, float], object]


class SessionOptions(TypedDict, total=False):
    """The parameters of `Session`, for signatures such as ``def serve(**options: Unpack[SessionOptions])``.

    Parameters
    ----------
    rate : int, optional
        Sampling rate in Hz that the agent hears at, and speaks at unless `play` says otherwise; the wire's own by
        default.
    dtype : {"int16", "float32"}, optional
        Of the samples that the agent hears.
    denoise : float, optional
        Level of the noise suppressor for the caller's audio, 60 to 100; None leaves it out.
    buffer : {"timeline", "jitter", None}, optional
        What puts the caller's messages in order: without delay and loss, at an even pace for playing live, or nothing.
    tracks : tuple of str, optional
        The tracks to hear; others are ignored.
    lead_ms : float or None, optional
        How far ahead of playout to send at least, 0 to 5000; None sends at once. More lead covers longer stalls of the
        agent, and costs nothing at an interruption, for the far end is cleared.
    byteorder_in : {"little", "big", "auto"}, optional
    byteorder_out : {"little", "big"}, optional
        Order of the two bytes of L16 samples; "auto" listens, and holds audible messages until it is sure.
    fallback_format : AudioFormat, optional
        What the wire carries when the start message does not say; L16 at 8000 by default, as the documents have it.
    gain_in_db, gain_out_db : float, optional
        Gain with a limiter, on what is heard and what is spoken.
    checkpoint_every_ms : float, optional
        Send a checkpoint each time an utterance has brought this much audio, 1000 to 600000, not only at its end.
    max_queued_ms : float, optional
        How much may wait here before `play` refuses.
    message_ms : float, optional
        The most audio that one message holds, 20 to 1000, and never more than `lead_ms`; playout may be led by this
        much more. The first message after silence holds 20 ms.
    join_ms : float, optional
        How long the player may be dry before an utterance that was not ended counts as ended; 100 to 60000.
    guard : bool, optional
        Whether a `SoundGuard` hears the caller and what is played, and `Warned` events name what is wrong with it.
    barge_in : bool or BargeInSettings, optional
        Whether an `EchoGuard` tells the caller's voice from the agent's own coming back: `Audio.echo` says so of all
        that the caller sends, and `CallerSpoke` comes when the caller speaks up while the agent does.
    tones : bool, optional
        Whether a `ToneDetector` hears the caller: `Tone` events name call progress, fax and beeps, and a key that is
        heard is a `Dtmf` with `in_band`, reported once if the carrier reports it too.
    far : bool, optional
        Whether what sounds at the caller's ear is kept for 2 s, for `Session.far`; with `barge_in` it always is. It
        takes up to 30 KB a call at 8 bits a sample.
    audio_ms : float, optional
        How much of the caller's audio an `Audio` event is to hold, a multiple of 20 up to 1000, where messages hold 20
        each: the first of it is given out with the last, so up to ``audio_ms - 20`` ms late. What comes before any
        other event is given out before it. None gives out what comes with each message.
    recorder : Recorder, optional
        Writes both sides of the call to a WAV file.
    capture : Capture, optional
        Writes the messages of both directions to a file, for `replay`.
    metrics : callable, optional
        Called with (name, value); `METRICS` has the names, and what each stands for.
    """

    rate: SupportsIndex | None
    dtype: Dtype
    denoise: SupportsFloat | None
    buffer: Buffer | None
    tracks: Collection[str]
    lead_ms: SupportsFloat | None
    byteorder_in: ByteOrderIn
    byteorder_out: ByteOrder
    fallback_format: AudioFormat
    gain_in_db: SupportsFloat
    gain_out_db: SupportsFloat
    checkpoint_every_ms: SupportsFloat | None
    max_queued_ms: SupportsFloat
    message_ms: SupportsFloat
    join_ms: SupportsFloat
    guard: bool
    barge_in: bool | BargeInSettings
    tones: bool
    far: bool
    audio_ms: SupportsFloat | None
    recorder: Recorder | None
    capture: Capture | None
    metrics: Metrics | None
