"""Truncation after a barge-in: what the caller heard of an utterance, in the terms of the service that made its audio.

All functions take the `Heard` of `Session.interrupt`, or the settled one of the `Cleared` event that follows. They are
arithmetic only, without sockets.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voiceband.session import Heard, Utterance, UtteranceHeard

__all__ = ["FluxPlayback", "livekit_playback_position", "openai_truncate"]


def openai_truncate(
    item_id: str, heard: UtteranceHeard, *, content_index: int = 0, event_id: str | None = None
) -> dict[str, Any]:
    """Return OpenAI Realtime's ``conversation.item.truncate`` for an item that was interrupted.

    Parameters
    ----------
    item_id : str
        Id of the assistant's message item.
    heard : UtteranceHeard
        What was heard of the utterance that all of the item's audio went to.
    content_index : int, optional
        Index of the part with the audio.
    event_id : str, optional
        Included in OpenAI's error messages.

    Returns
    -------
    event : dict
        For JSON. ``audio_end_ms`` is never more than the audio that was given and sent, which would be an error there.

    Raises
    ------
    ValueError
        If `item_id` is empty or `content_index` negative.

    Examples
    --------
    >>> from voiceband.session import UtteranceHeard
    >>> openai_truncate("item_1", UtteranceHeard("u", 900.0, 600.0, 0.0, 412.5, 10.0, 187.5, 300.0, 412))
    {'type': 'conversation.item.truncate', 'item_id': 'item_1', 'content_index': 0, 'audio_end_ms': 412}
    """
    if not isinstance(item_id, str) or not item_id:
        raise ValueError(f"item_id must be a text, not {item_id!r}")
    if isinstance(content_index, bool) or not isinstance(content_index, int) or content_index < 0:
        raise ValueError(f"content_index must be an integer from 0 on, not {content_index!r}")
    event = {
        "type": "conversation.item.truncate",
        "item_id": item_id,
        "content_index": content_index,
        "audio_end_ms": heard.audio_end_ms,
    }
    return event if event_id is None else {"event_id": event_id, **event}


def livekit_playback_position(heard: UtteranceHeard) -> float:
    """Return LiveKit's ``playback_position``, in seconds of the audio as it was given.

    Examples
    --------
    >>> from voiceband.session import UtteranceHeard
    >>> livekit_playback_position(UtteranceHeard("u", 900.0, 600.0, 0.0, 412.5, 10.0, 187.5, 300.0, 412))
    0.412
    """
    return heard.audio_end_ms / 1000


class FluxPlayback:
    """Counts what was heard of one Deepgram Flux speech session (``/v2/speak``), for its ``Interrupt`` messages.

    Their ``playback_offset`` counts from the start of that session, over all its turns, and each must be beyond the one
    before. Audio that was dropped by an interruption does not count, nor do utterances that came from elsewhere.

    Examples
    --------
    >>> from voiceband.session import Session
    >>> call, flux = Session(rate=8000), FluxPlayback()
    >>> flux.add(call.play(np.zeros(800, np.int16)))
    >>> flux.interrupt(call.interrupt(now=0.0))
    {'type': 'Interrupt', 'playback_offset': {'type': 'time_ms', 'value': 0}}
    """

    def __init__(self) -> None:
        self._utterances: list[Utterance] = []
        self._before_ms = 0.0  # of those that are settled
        self._last = -1

    def add(self, utterance: Utterance) -> None:
        """Count an utterance that speaks audio of the session; pieces of it may follow."""
        waiting = self._utterances
        while waiting and waiting[0].ended and waiting[0].acknowledged >= waiting[0].queued:
            self._before_ms += waiting.pop(0).content_ms
        if utterance not in waiting and not utterance.interrupted:  # what comes late of one of these is not played
            waiting.append(utterance)

    def interrupt(self, heard: Heard) -> dict[str, Any]:
        """Return the ``Interrupt`` message, and settle all utterances so far.

        Parameters
        ----------
        heard : Heard
            What `Session.interrupt` has returned.

        Returns
        -------
        message : dict
            For JSON. If nothing was heard since the last one, it is 1 ms beyond it: Flux would ignore it otherwise.
        """
        for utterance in self._utterances:
            try:
                ms = heard[utterance.name].heard_ms
            except KeyError:  # interrupted before, or heard so long ago that the record has no room for it
                ms = utterance.heard_ms if utterance.interrupted else utterance.sent_ms
            self._before_ms += min(ms, utterance.content_ms)
        self._utterances.clear()
        # A hair more, so that a whole number of milliseconds is not rounded down to one less.
        self._last = max(math.floor(self._before_ms + 1e-6), self._last + 1)
        return {"type": "Interrupt", "playback_offset": {"type": "time_ms", "value": self._last}}
