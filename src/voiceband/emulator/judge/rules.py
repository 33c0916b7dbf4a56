"""`RULES`: everything that a finding can be about, what the caller hears of it, what to do, and how it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from voiceband.emulator.judge.findings import Degree

REFERENCE = "Plivo's Audio Streaming reference"
HEARD = "the sound at the caller's ear"
BYTES = "the bytes"
SAMPLES = "the samples"


class Rule(msgspec.Struct, frozen=True):
    """One kind of finding.

    Attributes
    ----------
    meaning : str
        What the agent does.
    hears : str
        What the caller hears of it.
    remedy : str
        What to do instead.
    evidence : str
        How it is known to be wrong: documented, observed, or measured in this call.
    degree : {"error", "doubtful", "note"}
        What a finding of this rule is, unless the linter says otherwise of a message; see `Finding`.
    """

    meaning: str
    hears: str
    remedy: str
    evidence: str
    degree: Degree = "error"


RULES = {
    "no-connection": Rule(
        "the agent could not be reached, or refused the WebSocket",
        "silence, and then the end of the call",
        "check the address (ws:// or wss:// for an agent, http:// or https:// for an answer URL), the certificate,"
        " the token that signs, and that the upgrade is accepted",
        "the connection, as the message says",
    ),
    "no-stream": Rule(
        "the phone call ended before a stream began",
        "what else the XML has, and then the end of the call",
        "let the answer's XML have a Stream element",
        "the XML that the answer URL gave",
    ),
    "no-keep-call-alive": Rule(
        "the XML ended while the agent was connected, and without keepCallAlive the call ended with it",
        "the end of the call after about a second",
        'set keepCallAlive="true" on the Stream element',
        "Plivo's page of the Stream element",
    ),
    "phone-call": Rule(
        "something failed around the stream: the answer URL, its XML, a file to play",
        "the end of the call, or an announcement missing",
        "look at what the web server answered",
        "the web server's answer",
    ),
    "answer-xml": Rule(
        "the answer's XML, or an address in it, is not quite as documented, and the call went on",
        "nothing unusual",
        "write it as documented; what the message names may do something else on a live call",
        "Plivo's pages of its XML; public programs do otherwise",
        "note",
    ),
    "status-callback": Rule(
        "a status callback, or a request to the hangup URL, was not answered, or not with a 2xx",
        "nothing unusual; the web server does not learn what becomes of the call",
        "answer requests to the statusCallbackUrl, and to the hangup URL, with 200 within ten seconds",
        "the web server's answer",
        "note",
    ),
    "agent-error": Rule(
        "the agent closed the connection with a code that tells of an error, such as 1011",
        "the agent falling silent in the middle of the call",
        "look into the agent's own log",
        "the close code, by RFC 6455 and its registry",
    ),
    "broken-off": Rule(
        "the connection broke off without a closing handshake",
        "the agent falling silent in the middle of the call",
        "look for a crash; close the socket when the call is over",
        "the connection",
    ),
    "slow-reader": Rule(
        "the agent did not read its messages, until the carrier gave up",
        "answers that come later and later, then the end of the stream",
        "read in a task of its own that does nothing slow",
        "DegradedStream and DroppedStream in Plivo's best practices",
    ),
    "silent-agent": Rule(
        "the agent was connected, and was never heard",
        "nothing at all",
        "send playAudio; see the other findings for why it may not have been played",
        HEARD,
    ),
    "cut-off": Rule(
        "the agent closed the stream while some of its speech was unheard",
        "the last words missing",
        "wait until all has been played, with drain() or a checkpoint at its end, before closing",
        HEARD,
    ),
    "unanswered-turn": Rule(
        "the caller spoke, and heard nothing of the agent for 5 s, though it had spoken before",
        "silence instead of an answer",
        "look into the agent's own log: it may hear nothing, or wait for something",
        HEARD,
    ),
    "timed-out": Rule(
        "a step of the caller's script waited for something that did not come, and no other finding says why",
        "something the script does not expect, or nothing",
        "see what the agent did instead, or give the step more time",
        "the caller's script",
    ),
    "binary-frame": Rule(
        "a binary WebSocket frame",
        "nothing: the message is ignored",
        "send JSON in text frames, audio as base64 in playAudio",
        REFERENCE + ": messages are JSON texts",
    ),
    "invalid-message": Rule(
        "a text that is not a JSON object, or a frame that breaks the WebSocket protocol",
        "nothing: the message is ignored",
        "send one JSON object a frame",
        REFERENCE + ", and RFC 6455",
    ),
    "bad-field": Rule(
        "a message that lacks a field, or has a field of the wrong type",
        "nothing: the message is ignored",
        "send the field that is named",
        REFERENCE + "; doubtful where one of Plivo's SDKs leaves the field out",
    ),
    "unknown-event": Rule(
        "an event that the carrier does not know",
        "nothing: the message is ignored",
        "send playAudio, checkpoint, clearAudio or sendDTMF",
        REFERENCE + ": there are these four",
    ),
    "media-event": Rule(
        "`media`, which is what the carrier sends, instead of playAudio",
        "nothing: the message is ignored",
        "send playAudio with contentType, sampleRate and payload",
        REFERENCE + ": media is for the other direction",
    ),
    "wrong-stream-id": Rule(
        "a streamId that is not this stream's, or none where it is needed",
        "audio that should have been cleared, or no answer to a checkpoint",
        "send the streamId of the start message",
        REFERENCE
        + "; doubtful for a clearAudio without one, which seven official programs send; a note on a playAudio,"
        " which needs none",
    ),
    "one-way": Rule(
        "a message on a stream that is not bidirectional",
        "nothing: the message is ignored",
        'set bidirectional="true" on the Stream element',
        "Plivo's page of the Stream element",
    ),
    "too-large": Rule(
        "a message of more than 64 KB, or of more than a connection takes",
        "the end of the stream",
        "send pieces of 20 ms to 1 s",
        "doubtful up to 1 MiB: a table of limits in Plivo's guide has 64 KB, its own samples send more",
    ),
    "wrong-format": Rule(
        "audio of another type or rate than the stream's",
        "nothing, or noise",
        "send the mediaFormat of the start message",
        REFERENCE + ", and five of Plivo's example READMEs name it as the first cause of silence; doubtful for another"
        " format that Plivo has, and for the older names raw and wav, which samples send",
    ),
    "format-switch": Rule(
        "audio of another type or rate than the agent's own before it",
        "nothing, or noise",
        "keep to one format for the whole stream",
        "Plivo's support pages: not supported; doubtful where each of the formats is one that Plivo has",
    ),
    "odd-bytes": Rule(
        "16-bit audio with an odd number of bytes",
        "nothing, or noise from there on",
        "cut audio between samples",
        BYTES,
    ),
    "wrong-codec": Rule(
        "bytes that seem to be of another codec than the message says",
        "noise instead of speech",
        "encode what is sent in the stream's contentType",
        BYTES,
    ),
    "swapped-bytes": Rule(
        "16-bit samples whose two bytes seem to be swapped",
        "loud noise instead of speech",
        "send L16 in little-endian order",
        BYTES + "; Plivo's own programs send little-endian",
    ),
    "float-samples": Rule(
        "bytes of floats, not of 16-bit samples or codes",
        "noise instead of speech",
        "convert the samples to 16 bits before they are encoded",
        BYTES,
    ),
    "file-bytes": Rule(
        "the bytes of a WAV, MP3, Ogg, FLAC or AAC file, not samples",
        "a click, and noise if the samples do not fit",
        "decode the file, and send its samples without a header",
        BYTES + "; Plivo's troubleshooting page: raw samples, no header",
    ),
    "encoded-twice": Rule(
        "base64 or other text in the place of audio",
        "a hoarse noise instead of speech",
        "encode the audio as base64 once",
        BYTES,
    ),
    "zero-silence": Rule(
        "zero bytes for silence, which are full scale in mu-law and a step in A-law",
        "a click at both ends of each pause",
        "fill pauses with 0xFF in mu-law, 0xD5 in A-law",
        BYTES,
    ),
    "clipped": Rule(
        "speech that is cut off at full scale, 1 % of its samples or more",
        "distorted, rough speech",
        "lower the gain before the samples become integers",
        SAMPLES,
    ),
    "wrapped": Rule(
        "samples that jump from one end of the range to the other",
        "loud crackling",
        "clip to the range of 16 bits before the conversion, and lower the gain",
        SAMPLES,
    ),
    "dc-offset": Rule(
        "a mean of 5 % of full scale or more",
        "clicks where speech begins and ends",
        "subtract the mean; samples of unsigned type need half of their range subtracted",
        SAMPLES,
        "note",
    ),
    "wrong-rate": Rule(
        "a voice that seems to be sampled at another rate than the message says",
        "a voice too deep and slow, or too high and fast",
        "resample to the stream's rate, or state the actual rate",
        SAMPLES,
    ),
    "stereo": Rule(
        "samples of two channels in turn",
        "speech at half speed, or two voices and a whistle",
        "mix the channels to one before sending",
        SAMPLES,
    ),
    "holes": Rule(
        "silence of the same length at equal distances",
        "a voice chopped up, or a buzz",
        "neither pad nor flush pieces that follow one another",
        SAMPLES,
    ),
    "repeated-frames": Rule(
        "the same audio twice or more in a row",
        "a stutter, at half speed or less",
        "send each piece once",
        SAMPLES,
    ),
    "missing-frames": Rule(
        "speech that lacks frames",
        "words that jump or are chopped",
        "send every frame, and in time",
        SAMPLES,
    ),
    "too-quiet": Rule(
        "speech below -50 dBov",
        "hardly anything",
        "raise the gain",
        SAMPLES,
    ),
    "no-speech": Rule(
        "four seconds of steady noise without speech",
        "noise",
        "check the format and the source of what is sent",
        "the samples; doubtful below -35 dBov, where it may be the sound of a room that is meant",
    ),
    "too-far-ahead": Rule(
        "audio that did not fit into the player's queue of 60 s",
        "words missing",
        "pace what is sent: a second ahead is plenty",
        "the table of limits of Plivo's guide",
    ),
    "gap": Rule(
        "audio that came after the player had run dry in the middle of speech",
        "a hole in a word or a sentence",
        "send ahead of real time, from a loop that nothing blocks",
        f"{HEARD}; doubtful for 0.4 to 1 s without checkpoints, if the sound had ended or begins later, "
        "and where the rest was dropped",
    ),
    "stalled": Rule(
        "audio that came more than a second after the player had run dry in the middle of an utterance",
        "a hole of more than a second in a sentence",
        "let nothing block the loop that sends: no time.sleep, no database or model in the same thread",
        HEARD,
    ),
    "early-checkpoint": Rule(
        "a checkpoint before any audio, which is answered at once, and none behind the audio",
        "nothing unusual; the agent believes that speech was heard that was not",
        "send the checkpoint after the audio that it marks",
        REFERENCE + ": it means that everything before it has been played",
        "note",
    ),
    "unanswered-checkpoint": Rule(
        "a checkpoint that can never be answered, and the agent acted as if it had been, or waited for it forever",
        "speech cut off by the end of the stream, or no further answer",
        "close after the last playedStream; a clear drops the checkpoints before it",
        REFERENCE + ": a checkpoint is answered only if all before it was played",
    ),
    "too-many-checkpoints": Rule(
        "more than 10,000 checkpoints waiting",
        "nothing unusual",
        "send one checkpoint for each piece of speech",
        "a bound of this emulator",
    ),
    "repeated-name": Rule(
        "a checkpoint with the name of one that still waits",
        "nothing unusual; the agent cannot tell the answers apart",
        "count: greeting-1, answer-2",
        REFERENCE + ": the name is a unique identifier",
        "note",
    ),
    "no-clear": Rule(
        "the caller and the agent spoke at once, and the agent was still heard a second later, without clearAudio",
        "the agent talking over the caller",
        "send clearAudio as soon as the caller speaks, and no more of that answer after it",
        HEARD,
    ),
    "stopped-for-noise": Rule(
        "the caller coughed or said mhm, as the script says, and the agent cleared its speech",
        "an answer that breaks off for nothing",
        "clear for speech of some 300 ms or a word, not for the first loud frame",
        HEARD,
    ),
    "repeated-answer": Rule(
        "the same speech twice in a row, though the caller had neither spoken nor pressed a key",
        "the same sentence again",
        "let one task answer a turn, and look for an event that is handled twice",
        HEARD,
        "doubtful",
    ),
    "after-stop": Rule(
        "a message more than a second after the end of the stream",
        "nothing: the message is ignored",
        "stop sending at stop, or when the socket closes",
        "the time of the message",
        "note",
    ),
}
"""Every rule by its name."""
