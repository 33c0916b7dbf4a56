"""`Finding`: one thing that is wrong with an agent, and `RULES`: all that can be."""

from __future__ import annotations

import re

import msgspec

QUOTED_CHARS = 200
_PAYLOAD = re.compile(r'("payload"\s*:\s*"[^"]{0,12})([^"]*)')


class Finding(msgspec.Struct, frozen=True):
    """Something that an agent did wrong on a call.

    Attributes
    ----------
    rule : str
        A key of `RULES`.
    message : str
        What was wrong, with the fields of the message that was; the first one, if there were several.
    at_ms : float
        When, in ms from the start of the stream, which is that of its first connection; from that of the log where
        there was no stream yet.
    hears : str
        What the caller hears of it.
    count : int
        How often it happened on this stream.
    stream : int
        Which of the call's streams, from 1 on; 0 where there was none yet. A connection that is made again after one
        that broke off belongs to the same stream.
    """

    rule: str
    message: str
    at_ms: float
    hears: str
    count: int = 1
    stream: int = 1

    def __str__(self) -> str:
        times = f" ({self.count} times)" if self.count > 1 else ""
        which = f" of stream {self.stream}" if self.stream > 1 else ""
        return f"{self.at_ms / 1000:.2f} s{which}  {self.rule}: {self.message}{times}. The caller hears {self.hears}."


class Rule(msgspec.Struct, frozen=True):
    """One kind of finding: what it means, what the caller hears, and what to do instead."""

    meaning: str
    hears: str
    remedy: str


RULES = {
    "no-connection": Rule(
        "the agent could not be reached, or refused the WebSocket",
        "silence, and then the end of the call",
        "check the address (ws:// or wss:// for an agent, http:// or https:// for an answer URL), the certificate,"
        " the token that signs, and that the upgrade is accepted",
    ),
    "no-stream": Rule(
        "the phone call ended before a stream began",
        "what else the XML has, and then the end of the call",
        "let the answer's XML have a Stream element",
    ),
    "no-keep-call-alive": Rule(
        "the XML ended while the agent was connected, and without keepCallAlive the call ended with it",
        "the end of the call after about a second",
        'set keepCallAlive="true" on the Stream element',
    ),
    "phone-call": Rule(
        "something failed around the stream: the answer URL, its XML, a file to play",
        "the end of the call, or an announcement missing",
        "look at what the web server answered",
    ),
    "status-callback": Rule(
        "a status callback was not answered, or not with a 2xx",
        "nothing unusual; the web server does not learn what becomes of the stream",
        "answer requests to the statusCallbackUrl with 200 within ten seconds",
    ),
    "agent-error": Rule(
        "the agent closed the connection with a code that tells of an error, such as 1011",
        "the agent falling silent in the middle of the call",
        "look into the agent's own log",
    ),
    "broken-off": Rule(
        "the connection broke off without a closing handshake",
        "the agent falling silent in the middle of the call",
        "look for a crash; close the socket when the call is over",
    ),
    "slow-reader": Rule(
        "the agent did not read its messages, until the carrier gave up",
        "answers that come later and later, then the end of the stream",
        "read in a task of its own that does nothing slow",
    ),
    "silent-agent": Rule(
        "the agent was connected, and nothing of it was ever heard",
        "nothing at all",
        "send playAudio; see the other findings for why it may not have been played",
    ),
    "cut-off": Rule(
        "the agent closed the stream while some of its speech was unheard",
        "the last words missing",
        "wait until all has been played, with drain() or a checkpoint at its end, before closing",
    ),
    "unanswered-turn": Rule(
        "the caller spoke, and heard nothing of the agent for 5 s, though it had spoken before",
        "silence instead of an answer",
        "look into the agent's own log: it may hear nothing, or wait for something",
    ),
    "timed-out": Rule(
        "a step of the caller's script waited for something that did not come, and no other finding says why",
        "something else than the script expects, or nothing",
        "see what the agent did instead, or give the step more time",
    ),
    "binary-frame": Rule(
        "a binary WebSocket frame",
        "nothing of it",
        "send JSON in text frames, audio as base64 in playAudio",
    ),
    "invalid-message": Rule(
        "a text that is no JSON object, or a frame that breaks the WebSocket protocol",
        "nothing of it",
        "send one JSON object a frame",
    ),
    "bad-field": Rule(
        "a message that lacks a field, or has one of the wrong type",
        "nothing of it",
        "send the field that is named",
    ),
    "unknown-event": Rule(
        "an event that the carrier does not know",
        "nothing of it",
        "send playAudio, checkpoint, clearAudio or sendDTMF",
    ),
    "media-event": Rule(
        "`media`, which is what the carrier sends, instead of playAudio",
        "nothing of it",
        "send playAudio with contentType, sampleRate and payload",
    ),
    "wrong-stream-id": Rule(
        "a streamId that is not this stream's, or none where it is needed",
        "audio that should have been cleared, or nothing unusual",
        "send the streamId of the start message",
    ),
    "one-way": Rule(
        "a message on a stream that is not bidirectional",
        "nothing of it",
        'set bidirectional="true" on the Stream element',
    ),
    "too-large": Rule(
        "a message of more than 64 KB",
        "nothing of it: words are missing",
        "send pieces of 20 ms to 1 s",
    ),
    "wrong-format": Rule(
        "audio of another type or rate than the stream's",
        "nothing of it, or noise",
        "send the mediaFormat of the start message",
    ),
    "format-switch": Rule(
        "audio of another type or rate than the agent's own before it",
        "nothing of it, or noise",
        "keep to one format for the whole stream",
    ),
    "odd-bytes": Rule(
        "16-bit audio with an odd number of bytes",
        "nothing of it, or noise from there on",
        "cut audio between samples",
    ),
    "swapped-bytes": Rule(
        "16-bit samples whose two bytes seem to be swapped",
        "loud noise instead of speech",
        "send L16 in little-endian order",
    ),
    "wrong-codec": Rule(
        "bytes that seem to be of the other codec than the message says",
        "noise instead of speech",
        "encode what is sent in the stream's contentType",
    ),
    "wav-header": Rule(
        "a WAV file, not samples",
        "a click, and noise if the samples do not fit",
        "send the samples without the file's header",
    ),
    "too-far-ahead": Rule(
        "audio that did not fit into the player's queue of 60 s",
        "words missing",
        "pace what is sent: a second ahead is plenty",
    ),
    "gap": Rule(
        "audio that came after the player had run dry in the middle of speech",
        "a hole in a word or a sentence",
        "send ahead of real time, from a loop that nothing blocks",
    ),
    "early-checkpoint": Rule(
        "a checkpoint before any audio, which is answered at once",
        "nothing unusual; the agent believes that speech was heard that was not",
        "send the checkpoint after the audio that it marks",
    ),
    "unanswered-checkpoint": Rule(
        "a checkpoint that can never be answered, and the agent acted as if it had been, or waited for it for ever",
        "speech cut off by the end of the stream, or no answer any more",
        "close after the last playedStream; a clear drops the checkpoints before it",
    ),
    "too-many-checkpoints": Rule(
        "more than 10,000 checkpoints waiting",
        "nothing unusual",
        "send one checkpoint for each piece of speech",
    ),
    "no-clear": Rule(
        "the caller spoke into the agent's speech, and the agent went on without clearAudio",
        "the agent talking over the caller",
        "send clearAudio as soon as the caller speaks",
    ),
    "after-stop": Rule(
        "a message more than a second after the end of the stream",
        "nothing of it",
        "stop sending at stop, or when the socket closes",
    ),
}
"""Every rule by its name."""


def quoted(text: str | None) -> str:
    """Return a message as a finding shows it: its audio left out, and no longer than a few lines."""
    if text is None:
        return "a frame without text"
    short = _PAYLOAD.sub(lambda m: f"{m[1]}…" if m[2] else m[1], text[:1000])
    return short if len(short) <= QUOTED_CHARS else short[:QUOTED_CHARS] + "…"
