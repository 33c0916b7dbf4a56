"""Messages as the carrier's documentation shows them."""

import base64

STREAM = "87654321-4321-4321-4321-cba987654321"
CALL = "12345678-1234-1234-1234-123456789abc"
HEADERS = "userId=12345;sessionId=abc-xyz"
FRAME = bytes(range(160))
PAYLOAD = base64.b64encode(FRAME).decode()

START = {
    "event": "start",
    "sequenceNumber": 1,
    "start": {
        "callId": CALL,
        "streamId": STREAM,
        "accountId": "MAXXXXXXXXXXXXXXXXXX",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
    },
    "extra_headers": HEADERS,
}
MEDIA = {
    "event": "media",
    "sequenceNumber": 42,
    "streamId": STREAM,
    "media": {"track": "inbound", "timestamp": "1705312200000", "chunk": 41, "payload": PAYLOAD},
    "extra_headers": HEADERS,
}
