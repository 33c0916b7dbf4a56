"""Small servers that speak as OpenAI Realtime and Deepgram do, from their references: for the agents of the pages.

Both hear by a plain energy gate and answer with tones, so a test can tell what was heard from what was said.
"""

import asyncio
import base64
import json
from urllib.parse import parse_qs, urlsplit

import numpy as np

KEY = "a-key"
QUIET_MS = 300


def tone(seconds, rate, hz):
    """Return speech of a kind: it falls silent for 20 ms four times a second, as syllables do."""
    t = np.arange(round(seconds * rate)) / rate
    return np.round(9000 * np.sin(2 * np.pi * hz * t) * (t % 0.25 < 0.23)).astype(np.int16)


def expand(codes):
    """Expand mu-law as ITU-T G.711 has it, from the fields of a code."""
    code = ~np.frombuffer(codes, np.uint8)
    magnitude = (((code & 15).astype(int) << 3) + 132 << (code >> 4 & 7)) - 132
    return np.where(code & 128, -magnitude, magnitude).astype(np.int16)


def compress(pcm):
    """Compress by looking for the nearest code."""
    values = expand(bytes(range(256))).astype(int)
    order = np.argsort(values, kind="stable")
    right = np.clip(np.searchsorted(values[order], pcm), 1, 255)
    nearer = pcm - values[order[right - 1]] < values[order[right]] - pcm
    return order[np.where(nearer, right - 1, right)].astype(np.uint8).tobytes()


class Gate:
    """Says when speech starts and stops."""

    def __init__(self, rate):
        self.rate, self.speaking, self.quiet_ms = rate, False, 0.0

    def push(self, pcm):
        """Return "started", "stopped" or None."""
        loud = len(pcm) > 0 and np.sqrt(np.mean(pcm.astype(float) ** 2)) > 150
        self.quiet_ms = 0.0 if loud else self.quiet_ms + len(pcm) * 1000 / self.rate
        if loud and not self.speaking:
            self.speaking = True
            return "started"
        if self.speaking and self.quiet_ms >= QUIET_MS:
            self.speaking = False
            return "stopped"
        return None


class Realtime:
    """OpenAI Realtime, with server_vad and mu-law; `replies` are the items that it has said, by their ids."""

    def __init__(self, seconds=4.0):
        self.seconds = seconds
        self.heard, self.replies, self.truncated, self.refused = [], {}, {}, []

    async def __call__(self, ws):
        if ws.request.headers.get("Authorization") != f"Bearer {KEY}":
            await ws.close(1008, "invalid_api_key")
            return
        gate, response = Gate(8000), None
        await self._send(ws, "session.created", session={"type": "realtime"})
        async for message in ws:
            event = json.loads(message)
            match event["type"]:
                case "session.update":
                    audio = event["session"]["audio"]
                    assert event["session"]["type"] == "realtime"
                    assert [audio[way]["format"] for way in ("input", "output")] == [{"type": "audio/pcmu"}] * 2
                    await self._send(ws, "session.updated", session=event["session"])
                case "input_audio_buffer.append":
                    codes = base64.b64decode(event["audio"], validate=True)
                    self.heard.append(codes)
                    change = gate.push(expand(codes))
                    if change == "started":
                        if response is not None:
                            response.cancel()  # as it interrupts its response by itself
                        await self._send(ws, "input_audio_buffer.speech_started", audio_start_ms=0, item_id="user")
                    elif change == "stopped":
                        await self._send(ws, "input_audio_buffer.speech_stopped", audio_end_ms=0, item_id="user")
                        response = asyncio.create_task(self._respond(ws))
                case "conversation.item.truncate":
                    await self._truncate(ws, event)
                case other:
                    self.refused.append(other)

    async def _respond(self, ws):
        """Say it twice as fast as it is spoken, 200 ms at a time."""
        item = f"item_{len(self.replies) + 1}"
        said = compress(tone(self.seconds, 8000, 400 + 200 * len(self.replies)))
        self.replies[item] = b""
        await self._send(ws, "response.created", response={"id": f"resp_{item}"})
        for at in range(0, len(said), 1600):
            piece = said[at : at + 1600]
            self.replies[item] += piece
            delta = base64.b64encode(piece).decode()
            await self._send(ws, "response.output_audio.delta", item_id=item, content_index=0, delta=delta)
            await asyncio.sleep(0.1)
        await self._send(ws, "response.output_audio.done", item_id=item, content_index=0)
        await self._send(ws, "response.done", response={"id": f"resp_{item}", "status": "completed"})

    async def _truncate(self, ws, event):
        ms = len(self.replies.get(event["item_id"], b"")) / 8
        if not 0 <= event["audio_end_ms"] <= ms or event["content_index"] != 0:
            self.refused.append(event)
            await self._send(ws, "error", error={"message": f"audio of {ms} ms is shorter than {event}"})
            return
        self.truncated[event["item_id"]] = event["audio_end_ms"]
        await self._send(ws, "conversation.item.truncated", **{k: v for k, v in event.items() if k != "type"})

    async def _send(self, ws, kind, **fields):
        await ws.send(json.dumps({"type": kind, "event_id": "event", **fields}))


class Deepgram:
    """`/v1/listen` and `/v1/speak` at 16 kHz; `words` is what it always understands."""

    def __init__(self, words="two rolls please", seconds=3.0):
        self.words, self.seconds = words, seconds
        self.heard, self.spoken, self.cleared, self.refused = [], [], 0, []

    async def __call__(self, ws):
        address = urlsplit(ws.request.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        assert ws.request.headers.get("Authorization") == f"Token {KEY}"
        assert (query["encoding"], query["sample_rate"]) == ("linear16", "16000")
        await {"/v1/listen": self._listen, "/v1/speak": self._speak}[address.path](ws)

    async def _listen(self, ws):
        gate = Gate(16000)
        async for message in ws:
            if isinstance(message, str):
                self.refused.append(message)
                continue
            self.heard.append(message)
            change = gate.push(np.frombuffer(message, "<i2"))
            if change == "started":
                await ws.send(json.dumps({"type": "SpeechStarted", "channel": [0], "timestamp": 0.0}))
                await ws.send(json.dumps(self._results("two", final=False)))
            elif change == "stopped":
                first, rest = self.words.split(" ", 1)
                await ws.send(json.dumps(self._results(first, final=True)))
                await ws.send(json.dumps(self._results(rest, final=True, end=True)))

    def _results(self, words, *, final, end=False):
        alternatives = [{"transcript": words, "confidence": 0.9, "words": []}]
        return {
            "type": "Results", "channel_index": [0, 1], "duration": 1.0, "start": 0.0, "is_final": final,
            "speech_final": end, "channel": {"alternatives": alternatives}, "metadata": {"request_id": "r"},
        }  # fmt: skip

    async def _speak(self, ws):
        text, making = "", None
        await ws.send(json.dumps({"type": "Metadata", "request_id": "r"}))
        async for message in ws:
            event = json.loads(message)
            match event["type"]:
                case "Speak":
                    text += event["text"]
                case "Flush":
                    self.spoken.append(text)
                    making = asyncio.create_task(self._make(ws))
                    text = ""
                case "Clear":
                    self.cleared += 1
                    if making is not None:
                        making.cancel()
                    await ws.send(json.dumps({"type": "Cleared", "sequence_id": 0}))
                case other:
                    self.refused.append(other)

    async def _make(self, ws):
        """Send odd numbers of bytes, as such services do."""
        audio = tone(self.seconds, 16000, 300 + 200 * len(self.spoken)).tobytes()
        for at in range(0, len(audio), 6401):
            await ws.send(audio[at : at + 6401])
            await asyncio.sleep(0.1)
        await ws.send(json.dumps({"type": "Flushed", "sequence_id": 0}))
