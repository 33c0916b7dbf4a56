"""What a report marks on its timeline, and what each mark means, in words for someone who has never seen a call."""

from __future__ import annotations

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """One kind of mark: what it is called, and what it means."""

    name: str
    meaning: str


class PageMark(msgspec.Struct, frozen=True):
    """Something that happened.

    Attributes
    ----------
    kind : str
        A key of `KINDS`.
    at_s, end_s : float
        From when to when, on the timeline; the same for what takes no time.
    text : str
        A sentence about this one.
    advice : str
        What to do about it; empty for nothing.
    sign : str
        What its mark shows: a key.
    """

    kind: str
    at_s: float
    end_s: float
    text: str
    advice: str = ""
    sign: str = ""


KINDS = {
    "finding": Kind(
        "Finding",
        "Something that the agent does wrong, by the rules of the carrier or by what its caller hears of it. Each "
        "comes with what to do about it.",
    ),
    "gap": Kind(
        "Gap",
        "A hole in the agent's speech. The carrier plays what it is sent, one piece after the other; when the next "
        "piece comes after the last one has ended, there is nothing to play, and the caller hears silence in the "
        "middle of a word or a sentence. Sending earlier helps: see the send lead.",
    ),
    "clear": Kind(
        "Clear",
        "The agent told the carrier to drop what it had sent and the caller had not heard yet (clearAudio). That is "
        "how an agent falls silent at once when its caller speaks. What was dropped was never heard, so a language "
        "model must not be told that it was said.",
    ),
    "checkpoint": Kind(
        "Checkpoint",
        "A mark that the agent put behind its audio. The carrier answers when the caller has heard everything before "
        "it. It is how an agent knows that it has been heard; one that a clear dropped is never answered.",
    ),
    "dtmf": Kind("DTMF", "A key of the telephone: pressed by the caller, or sent by the agent."),
    "barge-in": Kind(
        "Barge-in",
        "The caller began to speak while the agent did. The agent should fall silent; the longer it is still heard, "
        "the ruder it seems to the caller.",
    ),
    "talk-over": Kind(
        "Talk-over",
        "Both spoke at once, and neither heard the other well.",
    ),
    "concealment": Kind(
        "Concealment",
        "A piece of the caller's audio never reached the agent. The decoder fills the hole with sound like that before "
        "it, so that speech recognition does not stumble over a click; in a longer one the filling fades away.",
    ),
    "clipped": Kind(
        "Clipped word",
        "The agent was cut off in the middle of a word, by its own clear or by the end of the stream.",
    ),
    "tone": Kind(
        "Tone",
        "A tone that machines make: the carrier's (dial, ringing, busy), a fax, or the beep after which an answering "
        "machine records.",
    ),
    "echo": Kind(
        "Echo",
        "The agent's own voice came back from the caller's loudspeaker, and nothing else. An agent that takes it for "
        "the caller interrupts itself: see barge_in of Session.",
    ),
    "connection": Kind(
        "Connection",
        "Where a stream between carrier and agent began or ended, and what else happened to the phone call.",
    ),
}
"""Every kind by its key, in the order in which they are explained."""
