"""G.711, L16 and base64 beside what people use today."""

import base64
import sys
import warnings

import numpy as np
import pytest

import voiceband as vb
from conftest import Each
from voiceband.dsp.base64 import base64_decode, base64_encode

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

rng = np.random.default_rng(0)
# Speech-like levels that vary from frame to frame: a branchy encoder must not learn one frame by heart.
FRAMES = [rng.normal(0, 10 ** rng.uniform(1.5, 3.8), 160).clip(-32768, 32767).astype(np.int16) for _ in range(64)]
CODES = [vb.ulaw_encode(f) for f in FRAMES]
BYTES = [f.tobytes() for f in FRAMES]
DECODE_TABLE = vb.ulaw_decode(bytes(range(256)))
ENCODE_TABLE = np.frombuffer(vb.ulaw_encode(np.arange(65536).astype(np.uint16).view(np.int16)), np.uint8)
MILLION = 1_000_000


def test_ulaw_decode_frame(race):
    race(
        "mu-law decode, 160 codes, bytes -> ndarray",
        {
            "voiceband.ulaw_decode": Each(vb.ulaw_decode, CODES),
            "audioop.ulaw2lin + np.frombuffer": Each(lambda c: np.frombuffer(audioop.ulaw2lin(c, 2), np.int16), CODES),
            "numpy table, take": Each(lambda c: DECODE_TABLE.take(np.frombuffer(c, np.uint8)), CODES),
            "(audioop.ulaw2lin to bytes)": Each(lambda c: audioop.ulaw2lin(c, 2), CODES),
        },
    )


def test_ulaw_encode_frame(race):
    race(
        "mu-law encode, 160 varied samples, ndarray -> bytes",
        {
            "voiceband.ulaw_encode": Each(vb.ulaw_encode, FRAMES),
            "audioop.lin2ulaw": Each(lambda f: audioop.lin2ulaw(f, 2), FRAMES),
            "numpy table, take + tobytes": Each(lambda f: ENCODE_TABLE.take(f.view(np.uint16)).tobytes(), FRAMES),
        },
    )


def test_l16_frame(race):
    race(
        "L16 decode, 20 ms at 8 kHz, bytes -> ndarray",
        {
            "voiceband.l16_decode little": Each(vb.l16_decode, BYTES),
            "voiceband.l16_decode big": Each(lambda b: vb.l16_decode(b, byteorder="big"), BYTES),
            "np.frombuffer('>i2').astype": Each(lambda b: np.frombuffer(b, ">i2").astype(np.int16), BYTES),
            "audioop.byteswap + np.frombuffer": Each(lambda b: np.frombuffer(audioop.byteswap(b, 2), np.int16), BYTES),
        },
    )


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_bulk(race, law):
    pcm = np.concatenate(FRAMES * 98)[:MILLION].copy()
    data = getattr(vb, f"{law}_encode")(pcm)
    out, codes, copy = np.empty_like(pcm), np.empty(MILLION, np.uint8), np.empty_like(pcm)
    index, wide = np.frombuffer(data, np.uint8), pcm.view(np.uint16)
    decode, encode = getattr(vb, f"{law}_decode"), getattr(vb, f"{law}_encode")
    contenders = {
        f"voiceband.{law}_decode(out=)": lambda: decode(data, out=out),
        f"audioop.{law}2lin": lambda: getattr(audioop, f"{law}2lin")(data, 2),
        "memcpy of the int16 side": lambda: np.copyto(copy, pcm),
    }
    if law == "ulaw":
        contenders["numpy table, take(out=)"] = lambda: DECODE_TABLE.take(index, out=out, mode="clip")
    race(f"{law} decode, a million samples, one thread", contenders, gb=2e-3 * MILLION / 1e6)
    contenders = {
        f"voiceband.{law}_encode(out=)": lambda: encode(pcm, out=codes),
        f"audioop.lin2{law}": lambda: getattr(audioop, f"lin2{law}")(pcm, 2),
        "memcpy of the int16 side": lambda: np.copyto(copy, pcm),
    }
    if law == "ulaw":
        contenders["numpy table, take(out=)"] = lambda: ENCODE_TABLE.take(wide, out=codes, mode="clip")
    race(f"{law} encode, a million samples, one thread", contenders, gb=2e-3 * MILLION / 1e6)


def test_l16_bulk(race):
    data = np.concatenate(FRAMES * 98)[:MILLION].tobytes()
    out, source = np.empty(MILLION, np.int16), np.frombuffer(data, np.int16)
    race(
        "L16 big-endian decode, a million samples, one thread",
        {
            "voiceband.l16_decode(big, out=)": lambda: vb.l16_decode(data, byteorder="big", out=out),
            "memcpy": lambda: np.copyto(out, source),
            "np.frombuffer('>i2').astype": lambda: np.frombuffer(data, ">i2").astype(np.int16),
        },
        gb=2e-3 * MILLION / 1e6,
    )


def test_base64_frame(race):
    pybase64 = pytest.importorskip("pybase64")
    texts = [base64.b64encode(c).decode() for c in CODES]
    race(
        "base64, 160 bytes",
        {
            "voiceband encode": Each(base64_encode, CODES),
            "pybase64 encode to str": Each(lambda c: pybase64.b64encode_as_string(c), CODES),
            "base64 encode to str": Each(lambda c: base64.b64encode(c).decode(), CODES),
            "voiceband decode": Each(base64_decode, texts),
            "pybase64 decode, validating": Each(lambda t: pybase64.b64decode(t, validate=True), texts),
            "base64 decode, validating": Each(lambda t: base64.b64decode(t, validate=True), texts),
        },
    )


@pytest.mark.parametrize("name", ["ulaw_decode", "ulaw_encode", "l16_decode", "l16_encode", "to_float", "to_int16"])
@pytest.mark.parametrize("n", [160, 320, 8000])
def test_stateless_kernels(benchmark, name, n):
    pcm = rng.normal(0, 3000, n).astype(np.int16)
    given = {"ulaw_decode": pcm.tobytes()[:n], "l16_decode": pcm.tobytes(), "to_int16": vb.to_float(pcm)}.get(name, pcm)
    benchmark.extra_info["simd"] = vb.simd_level()
    benchmark.extra_info["python"] = sys.version.split()[0]
    benchmark(getattr(vb, name), given)
