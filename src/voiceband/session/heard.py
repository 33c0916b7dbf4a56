"""What the caller has heard: records that a session gives out."""

from __future__ import annotations

import msgspec


class UtteranceHeard(msgspec.Struct, frozen=True):
    """What became of one utterance, in milliseconds of audio.

    Attributes
    ----------
    name : str
        The utterance.
    queued_ms, sent_ms, acknowledged_ms, heard_ms, cleared_ms, unsent_ms : float
        Given to `play` (padding included); sent; confirmed as played; heard by estimate; sent but dropped by an
        interruption; never sent. After an interruption heard + cleared + unsent is queued.
    heard_error_ms : float
        How far off `heard_ms` can be.
    audio_end_ms : int
        For OpenAI's ``conversation.item.truncate``: what was heard of the audio as it was given, rounded down, never
        more than there was.
    """

    name: str
    queued_ms: float
    sent_ms: float
    acknowledged_ms: float
    heard_ms: float
    heard_error_ms: float
    cleared_ms: float
    unsent_ms: float
    audio_end_ms: int


class Heard(msgspec.Struct, frozen=True):
    """How much of what was said the caller has heard.

    Attributes
    ----------
    heard_ms : float
        Of everything said since the previous interruption or the start, finished utterances included.
    heard_error_ms : float
        How far off it can be.
    utterances : tuple of UtteranceHeard
        One for each of the latest utterances, in order.
    """

    heard_ms: float
    heard_error_ms: float = 0.0
    utterances: tuple[UtteranceHeard, ...] = ()

    def __contains__(self, name: object) -> bool:
        """Whether there is a record of an utterance of that name."""
        return any(utterance.name == name for utterance in self.utterances)

    def __getitem__(self, name: str) -> UtteranceHeard:
        """Return the record of an utterance by its name.

        Raises
        ------
        KeyError
            If there is none.
        """
        for utterance in reversed(self.utterances):
            if utterance.name == name:
                return utterance
        raise KeyError(name)
