"""G.711, L16, floats and base64, by audioop, numpy, pybase64 and the standard library."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from benchmarks.costs.rivals.packages import Rivals, optional

import voiceband as vb
from voiceband.bench.kernels import CODECS, CODECS_BULK, RATE, bulk_pcm
from voiceband.bench.race import Contender, Each
from voiceband.bench.signals import Int16, levels

Ways = Mapping[str, Callable[[Any], object] | None]


def codec_rivals() -> Rivals:
    """Return the rivals of the codecs."""
    frames, pcm = levels(RATE), bulk_pcm()
    found: Rivals = {}
    for title, law in (("mu-law", "ulaw"), ("A-law", "alaw")):
        found |= _companding(title, law, frames, pcm)
    return found | dict([*_l16(frames, pcm), *_base64([vb.ulaw_encode(x) for x in frames])])


def _companding(title: str, law: str, frames: Sequence[Int16], pcm: Int16) -> Rivals:
    audioop = optional("audioop")
    decode, encode = getattr(vb, f"{law}_decode"), getattr(vb, f"{law}_encode")
    expand, compress = getattr(audioop, f"{law}2lin", None), getattr(audioop, f"lin2{law}", None)
    linear = decode(bytes(range(256)))
    codes = np.frombuffer(encode(np.arange(65536).astype(np.uint16).view(np.int16)), np.uint8)
    data, wide = encode(pcm), pcm.view(np.uint16)
    index, out, small = np.frombuffer(data, np.uint8), np.empty_like(pcm), np.empty(len(pcm), np.uint8)
    decoding: Ways = {
        "audioop": expand and (lambda data: np.frombuffer(expand(data, 2), np.int16)),
        "numpy table": lambda data: linear.take(np.frombuffer(data, np.uint8)),
    }
    encoding: Ways = {
        "audioop": compress and (lambda x: compress(x, 2)),
        "numpy table": lambda x: codes.take(x.view(np.uint16)).tobytes(),
    }
    return {
        (CODECS, f"{title} decode"): _each(decoding, [encode(x) for x in frames]),
        (CODECS, f"{title} encode"): _each(encoding, frames),
        (CODECS_BULK, f"{title} decode"): {
            "audioop": expand and (lambda: expand(data, 2)),
            "numpy table": lambda: linear.take(index, out=out, mode="clip"),
        },
        (CODECS_BULK, f"{title} encode"): {
            "audioop": compress and (lambda: compress(pcm, 2)),
            "numpy table": lambda: codes.take(wide, out=small, mode="clip"),
        },
    }


def _l16(frames: Sequence[Int16], pcm: Int16) -> Iterator[tuple[tuple[str, str], Mapping[str, Contender | None]]]:
    audioop = optional("audioop")
    data = vb.l16_encode(pcm, byteorder="big")
    yield (
        (CODECS_BULK, "L16 big-endian decode"),
        {
            "audioop": audioop and (lambda: audioop.byteswap(data, 2)),
            "numpy": lambda: np.frombuffer(data, ">i2").astype(np.int16),
        },
    )
    decoding: Ways = {
        "audioop": audioop and (lambda data: np.frombuffer(audioop.byteswap(data, 2), np.int16)),
        "numpy": lambda data: np.frombuffer(data, ">i2").astype(np.int16),
    }
    yield (CODECS, "L16 big-endian decode"), _each(decoding, [x.tobytes() for x in frames])
    encoding: Ways = {
        "audioop": audioop and (lambda x: audioop.byteswap(x, 2)),
        "numpy": lambda x: x.astype(">i2").tobytes(),
    }
    yield (CODECS, "L16 big-endian encode"), _each(encoding, frames)
    scale = np.float32(1 / 32768)
    yield (CODECS, "int16 to float32"), _each({"numpy": lambda x: x.astype(np.float32) * scale}, frames)
    rounding: Ways = {"numpy": lambda x: np.rint(x * 32768).clip(-32768, 32767).astype(np.int16)}
    yield (CODECS, "float32 to int16"), _each(rounding, [vb.to_float(x) for x in frames])


def _base64(payloads: Sequence[bytes]) -> Iterator[tuple[tuple[str, str], Mapping[str, Contender | None]]]:
    pybase64 = optional("pybase64")
    encoding: Ways = {
        "pybase64": pybase64 and pybase64.b64encode_as_string,
        "base64": lambda data: base64.b64encode(data).decode(),
    }
    yield (CODECS, "base64 encode"), _each(encoding, payloads)
    decoding: Ways = {
        "pybase64": pybase64 and (lambda text: pybase64.b64decode(text, validate=True)),
        "base64": lambda text: base64.b64decode(text, validate=True),
    }
    yield (CODECS, "base64 decode, strict"), _each(decoding, [base64.b64encode(data).decode() for data in payloads])


def _each(ways: Ways, items: Sequence[Any]) -> dict[str, Contender | None]:
    return {name: Each(function, items) if function else None for name, function in ways.items()}
