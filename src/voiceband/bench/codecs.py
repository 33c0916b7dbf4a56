"""G.711, L16, floats and base64: a frame through Python, and ten seconds at once."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

import voiceband as vb
from voiceband.bench.cases import Case, Work
from voiceband.bench.optional import optional
from voiceband.bench.race import Contender, Each
from voiceband.bench.signals import BULK_S, Int16, levels
from voiceband.dsp.base64 import base64_decode, base64_encode

RATE = 8000
N = RATE // 50
FRAMES = BULK_S * 50
G711, L16, FLOATS = Work(3 * N), Work(4 * N), Work(6 * N)
Ways = Mapping[str, Callable[[Any], object] | None]


def codec_cases() -> Iterator[Case]:
    """Yield the codecs' cases."""
    frames = levels(RATE)
    pcm = np.tile(np.concatenate(frames), FRAMES // len(frames) + 1)[: FRAMES * N]
    yield from _companding("mu-law", "ulaw", frames, pcm)
    yield from _companding("A-law", "alaw", frames, pcm)
    yield from _l16(frames, pcm)
    yield from _base64([vb.ulaw_encode(x) for x in frames])


def _companding(title: str, law: str, frames: Sequence[Int16], pcm: Int16) -> Iterator[Case]:
    audioop = optional("audioop")
    decode, encode = getattr(vb, f"{law}_decode"), getattr(vb, f"{law}_encode")
    expand, compress = getattr(audioop, f"{law}2lin", None), getattr(audioop, f"lin2{law}", None)
    linear = decode(bytes(range(256)))
    codes = np.frombuffer(encode(np.arange(65536).astype(np.uint16).view(np.int16)), np.uint8)
    yield _frame(
        f"{title} decode",
        decode,
        {
            "audioop": expand and (lambda data: np.frombuffer(expand(data, 2), np.int16)),
            "numpy table": lambda data: linear.take(np.frombuffer(data, np.uint8)),
        },
        [encode(x) for x in frames],
        G711,
    )
    yield _frame(
        f"{title} encode",
        encode,
        {
            "audioop": compress and (lambda x: compress(x, 2)),
            "numpy table": lambda x: codes.take(x.view(np.uint16)).tobytes(),
        },
        frames,
        G711,
    )
    data, wide = encode(pcm), pcm.view(np.uint16)
    index, out, small = np.frombuffer(data, np.uint8), np.empty_like(pcm), np.empty(len(pcm), np.uint8)
    yield _bulk(
        f"{title} decode",
        lambda: decode(data, out=out),
        {
            "audioop": expand and (lambda: expand(data, 2)),
            "numpy table": lambda: linear.take(index, out=out, mode="clip"),
        },
        G711,
    )
    yield _bulk(
        f"{title} encode",
        lambda: encode(pcm, out=small),
        {
            "audioop": compress and (lambda: compress(pcm, 2)),
            "numpy table": lambda: codes.take(wide, out=small, mode="clip"),
        },
        G711,
    )


def _l16(frames: Sequence[Int16], pcm: Int16) -> Iterator[Case]:
    audioop = optional("audioop")
    data, out = vb.l16_encode(pcm, byteorder="big"), np.empty_like(pcm)
    yield _bulk(
        "L16 big-endian decode",
        lambda: vb.l16_decode(data, byteorder="big", out=out),
        {
            "audioop": audioop and (lambda: audioop.byteswap(data, 2)),
            "numpy": lambda: np.frombuffer(data, ">i2").astype(np.int16),
        },
        L16,
    )
    yield _frame(
        "L16 big-endian decode",
        lambda data: vb.l16_decode(data, byteorder="big"),
        {
            "audioop": audioop and (lambda data: np.frombuffer(audioop.byteswap(data, 2), np.int16)),
            "numpy": lambda data: np.frombuffer(data, ">i2").astype(np.int16),
        },
        [x.tobytes() for x in frames],
        L16,
    )
    yield _frame(
        "L16 big-endian encode",
        lambda x: vb.l16_encode(x, byteorder="big"),
        {
            "audioop": audioop and (lambda x: audioop.byteswap(x, 2)),
            "numpy": lambda x: x.astype(">i2").tobytes(),
        },
        frames,
        L16,
    )
    scale = np.float32(1 / 32768)
    yield _frame("int16 to float32", vb.to_float, {"numpy": lambda x: x.astype(np.float32) * scale}, frames, FLOATS)
    yield _frame(
        "float32 to int16",
        vb.to_int16,
        {"numpy": lambda x: np.rint(x * 32768).clip(-32768, 32767).astype(np.int16)},
        [vb.to_float(x) for x in frames],
        FLOATS,
    )


def _base64(payloads: Sequence[bytes]) -> Iterator[Case]:
    pybase64 = optional("pybase64")
    work = Work(N + len(base64.b64encode(payloads[0])))
    yield _frame(
        "base64 encode",
        base64_encode,
        {
            "pybase64": pybase64 and pybase64.b64encode_as_string,
            "base64": lambda data: base64.b64encode(data).decode(),
        },
        payloads,
        work,
    )
    yield _frame(
        "base64 decode, strict",
        base64_decode,
        {
            "pybase64": pybase64 and (lambda text: pybase64.b64decode(text, validate=True)),
            "base64": lambda text: base64.b64decode(text, validate=True),
        },
        [base64.b64encode(data).decode() for data in payloads],
        work,
    )


def _frame(name: str, ours: Callable[[Any], object], rivals: Ways, items: Sequence[Any], work: Work) -> Case:
    return Case(
        "codecs, a frame",
        name,
        Each(ours, items),
        {rival: Each(function, items) if function else None for rival, function in rivals.items()},
        work=work,
    )


def _bulk(name: str, ours: Contender, rivals: Mapping[str, Contender | None], work: Work) -> Case:
    return Case(f"codecs, {BULK_S} s at once", name, ours, rivals, frames=FRAMES, work=work)
