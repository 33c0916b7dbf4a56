"""Fuzz what reads other people's input: `python fuzz/inputs.py NAME [OPTIONS OF LIBFUZZER]`, with atheris installed.

Each target takes any bytes, and may raise nothing but the error that its reader documents. The tests run every target
on its seeds and on small changes of them; what the fuzzer has found is kept as another seed.
"""

import contextlib
import io
import itertools
import os
import sys
import tempfile
import warnings
import wave
from pathlib import Path

with contextlib.suppress(ModuleNotFoundError):  # it must come first: it watches what is imported from here on
    import atheris

    if __name__ == "__main__":
        hook = atheris.instrument_imports(include=["voiceband", "yaml"])
        hook.__enter__()

import numpy as np

from voiceband.callbacks import NonceCache, StatusCallback, verify_path_token, verify_upgrade, verify_v2, verify_v3
from voiceband.emulator import load_scripts
from voiceband.markup import Response
from voiceband.protocol import Event, ProtocolError, parse
from voiceband.report.errors import ReportError
from voiceband.report.stored import open_call
from voiceband.session import Capture, QueueFullError, Session, replay
from voiceband.sound import FileError, SoundSource

FOLDER = Path(tempfile.gettempdir())
FORMATS = ("audio/x-mulaw", 8000), ("audio/x-l16", 8000), ("audio/x-l16", 16000)
MEDIA = '{"event":"media","streamId":"s","media":{"track":"inbound","timestamp":"%d","chunk":%d,"payload":"%s"}}'
START = '{"event":"start","start":{"streamId":"s","callId":"c","mediaFormat":{"encoding":"%s","sampleRate":%d}}}'
OTHERS = (
    '{"event":"playedStream","streamId":"s","name":"%s"}',
    '{"event":"clearedAudio","streamId":"s","name":"%s"}',
    '{"event":"dtmf","streamId":"s","dtmf":{"digit":"%s","track":"inbound"}}',
    '{"event":"stop","streamId":"s","reason":"%s"}',
    '{"event":"surprise","x":"%s"}',
)


class Decisions:
    """Bytes as a source of decisions; zeros once they have ended."""

    def __init__(self, data):
        self._left = memoryview(data)

    def __bool__(self):
        return bool(self._left)

    def bytes(self, n):
        """Return the next n bytes, or fewer."""
        taken, self._left = self._left[:n], self._left[n:]
        return bytes(taken)

    def number(self, n=1):
        """Return the next n bytes as a number."""
        return int.from_bytes(self.bytes(n))

    def one_of(self, *values):
        """Return one of some values."""
        return values[self.number() % len(values)]


def fuzz_parse(data):
    """Get an event or a ProtocolError from a message, the same from text and from bytes."""
    results = []
    text = data.decode("utf-8", "replace")
    for message in (data, text):
        try:
            event = parse(message)
        except ProtocolError:
            results.append(None)
        else:
            assert isinstance(event, Event)
            results.append(repr(event))
    assert results[0] == results[1] or text.encode() != data, results


def shown(value):
    """Return something that two sessions must agree on."""
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.tobytes()
    if isinstance(value, list | tuple):
        return [shown(one) for one in value]
    if hasattr(value, "__struct_fields__"):
        return type(value).__name__, [shown(getattr(value, name)) for name in value.__struct_fields__]
    return repr(value)


def fuzz_session(data):
    """Compare a session that reads media without parsing with one that parses all, as any does that has a capture."""
    choose = Decisions(data)
    options = {
        "rate": choose.one_of(None, 8000, 16000, 24000, 44100),
        "dtype": choose.one_of("int16", "float32"),
        "buffer": choose.one_of("timeline", "jitter", None),
        "byteorder_in": choose.one_of("little", "big", "auto"),
        "lead_ms": choose.one_of(400, 0, None),
        "guard": choose.one_of(True, False),
    }
    with Capture(os.devnull) as capture:
        _compare(choose, options, Session(**options), Session(**options, capture=capture))


def _compare(choose, options, quick, plain):
    now, chunk, at = 0.0, 0, 0
    while choose:
        now += choose.one_of(0.02, 0.02, 0.0, 0.5, 3.0)
        action = choose.number() % 12
        if action < 5:
            chunk += choose.one_of(1, 1, 1, 0, 2, -1, 1000)
            at += choose.one_of(20, 20, 20, 0, 40, 2000, -20, 10**12)
            text = MEDIA % (at, chunk, "/" * choose.one_of(216, 216, 4, 5, 428, 0))
            if choose.number() < 32:  # a change anywhere
                k = choose.number(2) % len(text)
                text = text[:k] + choose.bytes(2).decode("latin-1") + text[k + choose.number() % 3 :]
            todo = lambda session: session.receive(text, now)  # noqa: B023, E731
        elif action == 5:
            text = START % choose.one_of(*FORMATS)
            todo = lambda session: session.receive(text, now)  # noqa: B023, E731
        elif action == 6:
            text = choose.one_of(*OTHERS) % choose.bytes(3).decode("latin-1")
            todo = lambda session: session.receive(text, now)  # noqa: B023, E731
        elif action == 7:
            text = choose.bytes(choose.number())
            todo = lambda session: session.receive(text, now)  # noqa: B023, E731
        elif action == 8:
            pcm, rate, end = (
                np.full(choose.number(2) % 2000, 999, np.int16),
                choose.one_of(8000, 16000),
                choose.one_of(0, 1),
            )
            todo = lambda session: session.play(pcm, rate, end=bool(end)).name and None  # noqa: B023, E731
        elif action == 9:
            todo = lambda session: session.interrupt(now)  # noqa: B023, E731
        elif action == 10:
            todo = lambda session: session.checkpoint("mine")  # noqa: E731
        else:
            todo = lambda session: session.events()  # noqa: E731
        results = []
        for session in (quick, plain):
            try:
                result = shown(todo(session))
            except (ValueError, QueueFullError, RuntimeError) as error:
                result = repr(error)
            results.append((result, session.poll(now), session.next_poll))
        assert repr(results[0]) == repr(results[1]), (options, action, results)
    assert shown(quick.close()) == shown(plain.close())
    assert quick.summary() == plain.summary()


def fuzz_markup(data):
    """Read a response, and write it so that it reads the same."""
    with contextlib.suppress(ValueError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the documents leave open is assumed, with a word
        response = Response.from_xml(data)
        assert Response.from_xml(response.to_xml()) == response


def fuzz_forms(data):
    """Read a status callback, or get a ValueError."""
    for form in (data, data.decode("utf-8", "replace")):
        with contextlib.suppress(ValueError):
            assert repr(StatusCallback.parse(form))


def fuzz_signatures(data):
    """Let nobody in who does not know the secret, and raise nothing."""
    head, _, rest = data.decode("latin-1").partition("\n")
    lines = [line.partition(":") for line in rest.split("\n")]
    headers = [(name, value) for name, _, value in lines]
    assert not verify_v3("POST", head, headers, "secret", params=rest)
    assert not verify_v2(head, headers, "secret")
    assert not verify_upgrade(head, headers, "secret")
    assert not verify_upgrade(head, headers, "secret", public_base_url="https://voice.example.com")
    assert not verify_path_token(head, "secret", 60, nonces=NonceCache())


def _in_file(name, data):
    path = FOLDER / name
    path.write_bytes(data)
    return path


def fuzz_scripts(data):
    """Read a caller's script, or get a ValueError."""
    with contextlib.suppress(ValueError):
        load_scripts(_in_file("fuzzed.yaml", data))


def fuzz_wirelogs(data):
    """Read a log or a capture, and replay it, or get the error."""
    with contextlib.suppress(ReportError):
        open_call(_in_file("fuzzed.jsonl", data))
    with contextlib.suppress(ValueError):
        for _ in replay(data.decode("utf-8", "replace").splitlines(keepends=True), Session()):
            pass


def fuzz_sounds(data):
    """Read a sound file, or get a FileError."""
    for allow_cut in (False, True):
        with contextlib.suppress(FileError), SoundSource(io.BytesIO(data), allow_cut=allow_cut) as source:
            for channels in itertools.islice(source.blocks(), 50):
                assert len(channels) == source.channels
                assert len({(len(samples), str(samples.dtype)) for samples in channels}) == 1


def _wav(n=40):
    file = io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setparams((1, 2, 8000, n, "NONE", ""))
        made.writeframes(bytes(2 * n))
    return file.getvalue()


SEEDS = {
    fuzz_parse: [
        (START % FORMATS[0]).encode(),
        (MEDIA % (20, 1, "/" * 216)).encode(),
        *[(text % "1").encode() for text in OTHERS],
    ],
    fuzz_session: [
        bytes(6) + b"\0\5\0" + b"\0\0\0\0\0\xff" * 20,
        b"\1\0\0\0\0\0" + b"\0\5\1" + b"\0\x08\2\0\0\1" + b"\0\1\0\0\0\xff" * 9 + b"\0\x09",
    ],
    fuzz_markup: [
        b'<Response><Speak voice="a">Hi</Speak><Wait length="1"/><Hangup/></Response>',
        b'<?xml version="1.0"?><Response><Stream bidirectional="true" contentType="audio/x-mulaw;rate=8000" '
        b'extraHeaders="a=1">wss://voice.example.com/ws</Stream></Response>',
    ],
    fuzz_forms: [
        b"CallUUID=c&Event=StartStream&StreamID=s&Timestamp=2026-01-01T00%3A00%3A00Z&Duration=3",
        b'{"event":"StopStream","CallUUID":"c","Bidirectional":"true","ContentType":"audio/x-l16;rate=8000"}',
    ],
    fuzz_signatures: [
        b"https://voice.example.com/ws?a=1&b=2\nX-Plivo-Signature-V3:abc=\nX-Plivo-Signature-V3-Nonce:1",
        b"/ws;a=b#c\nX-Plivo-Signature-V2:abc=,def=\nX-Plivo-Signature-V2-Nonce:1\nHost:h",
    ],
    fuzz_scripts: [
        b"steps:\n- say: {tone_hz: 440, ms: 100}\n- pause: {s: 1}\n- hang_up: {}\n",
        b"callers:\n- name: a\n  start_s: 1\n  steps: [{press: {digits: '12'}}, {hang_up: }]\n",
    ],
    fuzz_wirelogs: [
        b'{"time": 0.5, "way": "received", "text": "{}"}\n{"time": 1, "way": "call", "call": "poll"}\n',
        b'{"time": 0.0, "way": "to_agent", "message": {"event": "stop"}}\n',
    ],
    fuzz_sounds: [
        b"RIFFt\0\0\0WAVEds64_________t \x10 \0",  # cut within its chunk of 64-bit sizes
        _wav(),
        b".snd\0\0\0\x18\0\0\0\x10\0.snd\0\0\0\x18\0\0\0\x10\0\0\0\1\0\0\x1f@\0\0\1\0\0\x1f@\0\0\0\1" + bytes(16),
        b".snd\0\0\0\x18\0\0\0\x10\0\0\0\1\0\0\x1f@\0\0\0\1" + bytes(16),
        b"OggS" + bytes(60),
    ],
}
TARGETS = {target.__name__.removeprefix("fuzz_"): target for target in SEEDS}


def main():
    """Fuzz the target that is named first, until a limit of libFuzzer's or a finding."""
    if "atheris" not in globals():
        sys.exit("fuzzing needs atheris: pip install atheris")
    hook.__exit__(None, None, None)
    target = TARGETS[sys.argv.pop(1)]
    with tempfile.TemporaryDirectory() as folder:
        for k, seed in enumerate(SEEDS[target]):
            (Path(folder) / str(k)).write_bytes(seed)
        atheris.Setup([*sys.argv, folder], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
