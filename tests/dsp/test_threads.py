"""Threads through every kernel: results are right, whoever else is at work. What free-threaded support rests on."""

import sys
import threading

import numpy as np
import pytest

import voiceband as vb
from voiceband.dsp.base64 import base64_decode, base64_encode
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.protocol import parse, play_audio_encoder

PCM = np.random.default_rng(1).integers(-32768, 32768, 300_000, np.int16)
DATA = PCM.tobytes()
HEAD = '{"event":"media","streamId":"s","media":{"payload":"'


def concealed(n):
    plc = vb.Concealer(8000)
    return np.concatenate([plc.good(PCM[:n]), plc.bridge(n, PCM[n : n + 600]), plc.lost(n)])


def placed(n):
    timeline, size = vb.Timeline(8000), n // 3
    segments = [s for k in (0, 1, 3) for s in timeline.push(k, 1000 * k * size / 8000, PCM[:size])]
    return np.concatenate([s.pcm for s in segments])


def played(n):
    buffer = vb.JitterBuffer(8000)
    sound = []
    for k in range(min(n // 160, 40)):
        if k % 9 != 5:
            buffer.push(k, 20 * k, PCM[160 * k : 160 * k + 160], arrival=0.02 * k + 0.1 * (k % 13 == 4))
        sound.append(buffer.pull(0.02 * k).pcm)
    return np.concatenate(sound)


KERNELS = {
    "ulaw_decode": lambda n: vb.ulaw_decode(DATA[:n]),
    "ulaw_encode": lambda n: vb.ulaw_encode(PCM[:n]),
    "alaw_decode": lambda n: vb.alaw_decode(DATA[:n]),
    "alaw_encode": lambda n: vb.alaw_encode(PCM[:n]),
    "l16_decode": lambda n: vb.l16_decode(DATA[: 2 * n], byteorder="big"),
    "l16_encode": lambda n: vb.l16_encode(PCM[:n], byteorder="big"),
    "to_float": lambda n: vb.to_float(PCM[:n]),
    "to_int16": lambda n: vb.to_int16(vb.to_float(PCM[:n])),
    "base64_encode": lambda n: base64_encode(DATA[:n]).encode(),
    "base64_decode": lambda n: base64_decode(base64_encode(DATA[:n])),
    "playAudio": lambda n: play_audio_encoder(PLIVO_MULAW_8K)(DATA[: n % 4000]).encode(),
    "Concealer": concealed,
    "Timeline": placed,
    "JitterBuffer": played,
    "parse": lambda n: parse(base64_encode(DATA[: n % 4000], HEAD, '"}}')).payload,
}


@pytest.mark.parametrize("name", KERNELS)
def test_threads_at_once_get_what_one_gets(name):
    # Sizes on both sides of where the GIL is released.
    sizes = [160, 320, 1000, 250_000]
    expected = {n: bytes(memoryview(KERNELS[name](n)).cast("B")) for n in sizes}
    wrong = []
    barrier = threading.Barrier(4)

    def work():
        barrier.wait()
        for _ in range(20):
            for n in sizes:
                if bytes(memoryview(KERNELS[name](n)).cast("B")) != expected[n]:
                    wrong.append(n)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("kind", [vb.Timeline, vb.JitterBuffer])
def test_a_second_thread_is_told_where_calls_are_short(kind):
    target, errors = kind(8000), []

    class Number:
        """Read while the object is at work: another thread comes in just then."""

        def __float__(self):
            def push():
                for call in (lambda: target.push(1, 0, PCM[:160], arrival=0.0), target.reset, target.__reduce__):
                    try:
                        call()
                    except RuntimeError as error:
                        errors.append(str(error))

            thread = threading.Thread(target=push)
            thread.start()
            thread.join()
            return 0.0

    target.push(1, Number(), PCM[:160], arrival=0.0)
    assert len(errors) == 3
    assert all(f"this {kind.__name__} is in use by another thread" in text for text in errors)
    assert target.stats.messages == 1


def test_a_timeline_lets_others_run_while_it_fills_a_long_hole():
    timeline, began, errors = vb.Timeline(8000), threading.Event(), []

    def push(chunk, timestamp, pcm):
        try:
            timeline.push(chunk, timestamp, pcm)
        except RuntimeError as error:
            errors.append(str(error))

    def work():
        began.set()
        for k in range(100):
            push(480 * k, 9600 * k, PCM[160 * k : 160 * k + 160])

    thread = threading.Thread(target=work)
    thread.start()
    began.wait()
    while thread.is_alive():
        push(0, 0, PCM[:160])
    thread.join()
    assert errors
    assert all("this Timeline is in use by another thread" in text for text in errors)


@pytest.mark.skipif(not hasattr(sys, "_is_gil_enabled"), reason="needs Python 3.13 or newer to ask")
def test_importing_leaves_the_gil_off_where_it_was():
    import sysconfig

    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert not sys._is_gil_enabled()
