"""What the carrier sends, written by hand: the messages of one stream."""

import base64
import json

from voiceband.formats import PLIVO_MULAW_8K

SILENCE = b"\xff" * 160  # 20 ms of mu-law


def start(wire=PLIVO_MULAW_8K, stream_id="s", *, call_id="c", **more):
    """Return the first message; `more` stands beside what it says of the stream."""
    form = {"encoding": wire.mime, "sampleRate": wire.sample_rate}
    body = {"callId": call_id, "tracks": ["inbound"], "mediaFormat": form}
    if stream_id is not None:
        body["streamId"] = stream_id
    return json.dumps({"event": "start", "start": body, **more})


def media(i, payload=SILENCE, track="inbound", *, stream_id="s"):
    """Return message `i`, from 0, of a track: its 20 ms begin 20 ms times `i` after the start."""
    encoded = base64.b64encode(payload).decode()
    body = {"track": track, "timestamp": str(20 * i), "chunk": i + 1, "payload": encoded}
    return json.dumps({"event": "media", "streamId": stream_id, "media": body})


def played(name, stream_id="s"):
    """Return the acknowledgement of a checkpoint."""
    return json.dumps({"event": "playedStream", "streamId": stream_id, "name": name})
