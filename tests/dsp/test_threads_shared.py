"""Two threads in one object: each call does what it does alone, or says that another thread is inside."""

import pickle
import sys
import threading

import numpy as np
import pytest

import voiceband
from voiceband import (
    Concealer,
    Denoiser,
    EchoGuard,
    JitterBuffer,
    Rechunker,
    Resampler,
    SoundGuard,
    Timeline,
    ToneDetector,
)

PCM = (np.arange(160) * 37 % 9000).astype(np.int16)
LONG = np.tile(PCM, 500)
OBJECTS = {
    "Denoiser": lambda: Denoiser(8000),
    "Resampler": lambda: Resampler(44100, 16000),
    "Concealer": lambda: Concealer(8000),
    "Timeline": lambda: Timeline(8000),
    "JitterBuffer": lambda: JitterBuffer(8000),
    "Rechunker": lambda: Rechunker(256),
    "SoundGuard": lambda: SoundGuard("int16", 8000),
    "EchoGuard": lambda: EchoGuard(8000),
    "ToneDetector": lambda: ToneDetector(8000),
}
ARGUMENTS = {
    "process": (PCM,),
    "good": (PCM,),
    "lost": (160,),
    "bridge": (160, PCM),
    "output_len": (160,),
    "pull": (0.2,),
    "pull_into": (np.zeros(160, np.int16), 0.2),
    "stalled_ms": (1.0,),
}


def members(kind):
    """Return a call for every public member of an object, for its pickle and for its repr."""

    def call(name):
        if name == "push":
            return lambda o: o.push(1, 20, PCM, arrival=0.1)
        if (kind, name) == ("EchoGuard", "process"):
            return lambda o: o.process(PCM, PCM, bound_ms=60)
        if isinstance(getattr(type(OBJECTS[kind]()), name), property) or not callable(getattr(OBJECTS[kind](), name)):
            return lambda o: getattr(o, name)
        return lambda o: getattr(o, name)(*ARGUMENTS.get(name, ()))

    names = [name for name in dir(OBJECTS[kind]()) if not name.startswith("_")]
    return {**{name: call(name) for name in names}, "pickle": pickle.dumps, "repr": repr}


@pytest.mark.parametrize("kind", OBJECTS)
def test_every_member_beside_every_other(kind, dose):
    """With a GIL only long calls overlap, without one all do."""
    shared, wrong = OBJECTS[kind](), []
    calls = list(members(kind).items())
    if kind in ("Denoiser", "Resampler", "SoundGuard", "ToneDetector"):
        calls.append(("a long process", lambda o: o.process(LONG)))
    if kind == "EchoGuard":
        calls.append(("a long process", lambda o: o.process(LONG, LONG, bound_ms=60)))

    def hammer(turn):
        for k in range(dose(300, 6000)):
            name, call = calls[(k * (turn + 1) + turn) % len(calls)]
            try:
                call(shared)
            except RuntimeError as error:
                if "in use by another thread" not in str(error):
                    wrong.append((name, repr(error)))
            except Exception as error:
                wrong.append((name, repr(error)))

    threads = [threading.Thread(target=hammer, args=(turn,)) for turn in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []
    for call in members(kind).values():
        call(shared)  # nobody has left it locked


READS = {
    "Denoiser": ["level", "noise_dbfs", "snr_db", "speech_probability"],
    "Resampler": ["clipped"],
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in READS.items() for name in names])
def test_a_read_beside_a_long_call_is_refused_or_waits_for_its_end(kind, name):
    shared, seen = OBJECTS[kind](), set()
    busy = threading.Thread(target=lambda: shared.process(np.tile(LONG, 20)))
    busy.start()
    while busy.is_alive():
        try:
            seen.add(type(getattr(shared, name)))
        except RuntimeError as error:
            seen.add(str(error).split(";")[0])
    busy.join()
    assert seen <= {float, int, f"this {kind} is in use by another thread"}
    assert repr(shared).startswith(kind)
    assert type(getattr(shared, name)) in (float, int)


def test_every_stateful_kernel_is_tried():
    stateful = {name for name in voiceband.__all__ if isinstance(getattr(voiceband, name), type)}
    kernels = {name for name in stateful if getattr(voiceband, name).__module__.startswith("voiceband.dsp")}
    assert kernels - {"Tone"} <= set(OBJECTS)  # a struct, frozen
