"""Denoiser and denoise: sizes, any split, arguments, state, pickling, threads, GIL."""

import array
import copy
import pickle
import threading
import time
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _support.denoise_signals import as_int16, voice, white
from voiceband import Denoiser, denoise

FORMS = [
    (rate, dtype, latency) for rate in (8000, 16000) for dtype in ("int16", "float32") for latency in ("normal", "low")
]


def sound(rate: int, dtype: str, duration: float = 1.5, seed: int = 1) -> np.ndarray:
    x = voice(duration, rate, seed=seed) + white(duration, rate, -45, seed)
    return as_int16(x) if dtype == "int16" else x.astype(np.float32)


def stream(rate, dtype, latency="normal", level=85):
    return Denoiser(rate, level=level, dtype=dtype, latency=latency)


@pytest.mark.parametrize(("rate", "dtype", "latency"), FORMS)
def test_whole_hops_return_as_many_samples_from_the_first_push(rate, dtype, latency):
    d = stream(rate, dtype, latency)
    for hops in (1, 2, 2, 5, 0, 1):
        n = hops * rate // 100
        y = d.process(np.zeros(n, dtype))
        assert (y.shape, y.dtype) == ((n,), np.dtype(dtype))


@given(
    form=st.sampled_from(FORMS),
    cuts=st.lists(st.integers(0, 700), max_size=12),
    seed=st.integers(0, 5),
)
def test_any_split_gives_the_same_bits_and_exact_counts(form, cuts, seed):
    rate, dtype, _ = form
    x = sound(rate, dtype, 0.3, seed)
    whole = stream(*form).process(x)
    d, parts, at = stream(*form), [], 0
    for n in [*cuts, len(x)]:
        piece = x[at : at + n]
        expected = d.output_len(len(piece))
        parts.append(d.process(piece))
        assert len(parts[-1]) == expected
        at += len(piece)
        assert sum(map(len, parts)) == at // (rate // 100) * (rate // 100)
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.parametrize(("rate", "dtype", "latency"), FORMS)
def test_one_sample_at_a_time(rate, dtype, latency):
    x = sound(rate, dtype, 0.1)
    d = stream(rate, dtype, latency)
    assert (
        b"".join(d.process(x[i : i + 1]).tobytes() for i in range(len(x)))
        == stream(rate, dtype, latency).process(x).tobytes()
    )


@pytest.mark.parametrize(("rate", "dtype", "latency"), FORMS)
def test_the_latency_is_what_it_says(rate, dtype, latency):
    d = stream(rate, dtype, latency, 60)
    assert d.latency == (0.02 if latency == "normal" else 0.01)
    late = round(d.latency * rate)
    # Before the first window that is full of sound nothing is taken away: an impulse comes out as it was, but late.
    x = np.zeros(rate // 10, dtype)
    x[37] = 16384 if dtype == "int16" else 0.5
    y = d.process(x)
    assert int(np.argmax(np.abs(y))) == 37 + late
    assert abs(y[37 + late] / x[37] - 1) < 1e-4
    x = sound(rate, dtype, 3)
    y = stream(rate, dtype, latency, 60).process(x).astype(float)
    lags = range(late - 40, late + 41)
    assert max(lags, key=lambda lag: float(x[: len(x) - lag].astype(float) @ y[lag:])) == late


@pytest.mark.parametrize(("rate", "dtype", "latency"), FORMS)
@pytest.mark.parametrize("n", [0, 1, 333])
def test_flush_gives_the_rest_and_starts_afresh(rate, dtype, latency, n):
    x = sound(rate, dtype, 0.5)[: rate // 4 + n]
    d = stream(rate, dtype, latency)
    y = np.concatenate([d.process(x), d.flush()])
    late = round(d.latency * rate)
    assert len(y) == len(x) + late
    assert np.abs(y[:late]).max() <= 1e-4 * (32768 if dtype == "int16" else 1)  # what comes before is silent
    padded = np.concatenate([x, np.zeros(2 * late + rate // 100, dtype)])
    assert np.array_equal(y, stream(rate, dtype, latency).process(padded)[: len(y)])
    assert np.array_equal(np.concatenate([d.process(x), d.flush()]), y)


@pytest.mark.parametrize(("rate", "dtype", "latency"), FORMS)
@pytest.mark.parametrize("n", [0, 1, 79, 80, 81, 160, 161, 319, 320, 321, 479, 480, 481, 5000])
def test_denoise_is_the_stream_without_its_latency(rate, dtype, latency, n):
    x = sound(rate, dtype, 0.7)[:n]
    d = stream(rate, dtype, latency, 92.5)
    y = np.concatenate([d.process(x), d.flush()])[round(d.latency * rate) :]
    z = denoise(x, rate, level=92.5, latency=latency)
    assert (z.shape, z.dtype) == (x.shape, x.dtype)
    assert np.array_equal(y, z)


def test_reset_is_a_fresh_stream_at_the_same_level():
    d = Denoiser(8000, level=70)
    x = sound(8000, "int16")
    d.level = 95
    d.process(x[:1234])
    d.reset()
    assert d.level == 95
    assert np.array_equal(d.process(x), Denoiser(8000, level=95).process(x))


def test_out_is_written_and_returned():
    x, d = sound(16000, "int16", 0.2), Denoiser(16000)
    out = np.empty(3200, np.int16)
    assert d.process(x[:3200], out=out) is out
    assert np.array_equal(out, Denoiser(16000).process(x[:3200]))


@pytest.mark.parametrize(
    "wrap", [bytes, bytearray, memoryview, lambda a: array.array("h", a.tobytes()), lambda a: a.view(np.ndarray)]
)
def test_any_buffer_of_samples_is_taken(wrap):
    x = sound(8000, "int16", 0.1)
    if wrap is bytes or wrap is bytearray:
        held = wrap(x.tobytes())
    else:
        held = wrap(x)
    assert np.array_equal(Denoiser(8000).process(held), Denoiser(8000).process(x))
    assert np.array_equal(denoise(held, 8000), denoise(x, 8000))


def test_a_float_buffer_that_is_no_array_is_denoised_as_float():
    x = sound(8000, "float32", 0.1)
    for held in (memoryview(x), array.array("f", x.tobytes())):
        assert np.array_equal(denoise(held, 8000), denoise(x, 8000))


def test_misaligned_and_read_only_samples_are_taken():
    x = sound(8000, "float32", 0.1)
    odd = memoryview(b"\0" + x.tobytes())[1:]
    assert np.array_equal(Denoiser(8000, dtype="float32").process(odd), Denoiser(8000, dtype="float32").process(x))
    x.flags.writeable = False
    assert len(denoise(x, 8000)) == len(x)


SWAPPED = np.dtype(np.int16).newbyteorder()
BAD_ARGUMENTS = [
    (lambda: Denoiser(44100), ValueError, "rate must be 8000 or 16000 Hz, not 44100"),
    (lambda: Denoiser("8000"), TypeError, "rate must be an integer number of Hz, not '8000'"),
    (lambda: Denoiser(8000.0), TypeError, "rate must be an integer number of Hz, not 8000.0"),
    (lambda: Denoiser(8000, level=59.9), ValueError, "level must be from 60 to 100, not 59.9"),
    (lambda: Denoiser(8000, level=101), ValueError, "level must be from 60 to 100, not 101"),
    (lambda: Denoiser(8000, level=float("nan")), ValueError, "level must be from 60 to 100, not nan"),
    (lambda: Denoiser(8000, level="high"), TypeError, "level must be a number"),
    (lambda: Denoiser(8000, level="85"), TypeError, "level must be a number"),
    (lambda: Denoiser(8000, level=None), TypeError, "level must be a number"),
    (lambda: Denoiser(8000, dtype="int32"), ValueError, "dtype must be"),
    (lambda: Denoiser(8000, dtype=SWAPPED), ValueError, "dtype must be"),
    (lambda: Denoiser(8000, dtype="nonsense"), TypeError, "dtype must be"),
    (lambda: Denoiser(8000, latency="lowest"), ValueError, "latency must be"),
    (lambda: Denoiser(8000, latency=np.array(["low", "low"])), TypeError, "latency must be"),
    (lambda: Denoiser(8000, level=np.array([70, 80])), TypeError, "level must be a number"),
    (lambda: Denoiser(8000, level=10**400), ValueError, "level must be from 60 to 100"),
    (lambda: Denoiser(np.array([8000, 16000])), TypeError, "rate must be an integer"),
    (lambda: Denoiser(8000).output_len(-1), ValueError, "n must be from 0 to 1099511627776 samples, not -1"),
    (lambda: Denoiser(8000).output_len(2**70), ValueError, "n must be from 0"),
    (lambda: Denoiser(8000).output_len(80.0), TypeError, "n must be an integer"),
    (lambda: denoise(np.zeros(80, np.uint8), 8000), ValueError, "x must hold samples .* not uint8"),
    (lambda: denoise(np.zeros((2, 80), np.int16), 8000), ValueError, "x must be one channel"),
    (lambda: denoise([0, 1], 8000), TypeError, "x must be an array or a buffer, not list"),
    (lambda: denoise(b"123", 8000), ValueError, "x must hold whole int16 samples of 2 bytes, not 3 bytes"),
    (lambda: denoise(memoryview(b"a").cast("c"), 8000), ValueError, "x must hold"),
    (lambda: denoise(np.zeros(80, np.int16), 8000, latency="none"), ValueError, "latency must be"),
    (lambda: denoise(np.zeros(80, np.int16), 11025), ValueError, "rate must be 8000 or 16000 Hz"),
    (lambda: denoise(np.zeros(80, np.int16), 8000, level=30), ValueError, "level must be from 60 to 100"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_ARGUMENTS)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def bad_pushes(x):
    short = np.zeros(len(x) - 1, x.dtype)
    locked = np.zeros(len(x), x.dtype)
    locked.flags.writeable = False
    nan, inf = x.copy(), x.copy()
    nan[-1], inf[5] = np.nan, -np.inf
    return [
        (nan, None, ValueError, rf"x must be finite, but x\[{len(x) - 1}\] is nan"),
        (inf, None, ValueError, r"x must be finite, but x\[5\] is -inf"),
        (x.astype(complex), None, ValueError, "x must hold samples .* not complex128"),
        (x.reshape(2, -1), None, ValueError, "one channel"),
        (x.reshape(1, -1), None, ValueError, r"give x\[0\]"),
        ([0.0], None, TypeError, "x must be an array or a buffer"),
        (x, short, ValueError, "out must have room for exactly"),
        (x, locked, ValueError, "writable"),
        (x, x, ValueError, "out must not overlap x"),
        (x, np.zeros(len(x), np.int16), ValueError, "out must hold float32"),
    ]


@pytest.mark.parametrize("case", range(10))
def test_a_refused_push_leaves_the_state_as_it_was(case):
    x = sound(8000, "float32", 0.4)
    d, clean = Denoiser(8000, dtype="float32"), Denoiser(8000, dtype="float32")
    assert np.array_equal(d.process(x[:1600]), clean.process(x[:1600]))
    before = pickle.dumps(d)
    bad, out, error, message = bad_pushes(x[1600:2400])[case]
    with pytest.raises(error, match=message):
        d.process(bad, out=out)
    assert pickle.dumps(d) == before
    assert np.array_equal(d.process(x[1600:]), clean.process(x[1600:]))


def test_a_refused_level_leaves_the_level():
    d = Denoiser(8000, level=77.5)
    for bad in (59, 100.1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="level"):
            d.level = bad
    with pytest.raises(TypeError, match="level"):
        d.level = "loud"
    with pytest.raises(AttributeError, match="level cannot be deleted"):
        del d.level
    assert d.level == 77.5


@pytest.mark.parametrize(("rate", "dtype", "latency"), FORMS)
@pytest.mark.parametrize("at", [0, 80, 777, 2403])
def test_a_pickled_copy_goes_on_with_the_same_bits(rate, dtype, latency, at):
    x = sound(rate, dtype, 0.4)
    d = stream(rate, dtype, latency, 66)
    d.process(x[:at])
    d.level = 91
    for copied in (pickle.loads(pickle.dumps(d)), copy.deepcopy(d), copy.copy(d)):
        assert (copied.rate, copied.dtype, copied.latency, copied.level) == (d.rate, d.dtype, d.latency, d.level)
        assert copied.noise_dbfs == d.noise_dbfs
        again = pickle.loads(pickle.dumps(d))
        assert copied.process(x[at:]).tobytes() == again.process(x[at:]).tobytes()
        assert copied.flush().tobytes() == again.flush().tobytes()


def state_of(d):
    rebuild, arguments, _ = d.__reduce__()
    return rebuild, arguments[:-1], arguments[-1]


def sealed(state: bytes) -> bytes:
    """Put the checksum before bytes that are to be taken for a state."""
    return zlib.crc32(state).to_bytes(4, "little") + state


class Named(Denoiser):
    pass


def test_a_subclass_keeps_what_it_adds():
    d = Named(8000)
    d.name = "caller"
    for copied in (pickle.loads(pickle.dumps(d)), copy.copy(d)):
        assert (type(copied), copied.name) == (Named, "caller")


def test_the_state_is_small():
    for rate in (8000, 16000):
        assert len(state_of(Denoiser(rate))[2]) <= 32 * 1024


def test_a_corrupt_pickle_is_refused(dose):
    d = Denoiser(16000, dtype="float32")
    x = sound(16000, "float32", 0.5)
    d.process(x)
    rebuild, rest, state = state_of(d)
    for bad in (b"", state[:-1], state + b"\0", bytes(len(state)), b"\xff" * len(state), None, bytearray(state)):
        with pytest.raises(ValueError, match="pickled state of this Denoiser is damaged"):
            rebuild(*rest, bad)
    for bad in (bytes(len(state) - 4), b"\xff" * (len(state) - 4)):
        with pytest.raises(ValueError, match="does not belong to Denoiser"):
            rebuild(*rest, sealed(bad))
    other = state_of(Denoiser(8000, dtype="float32"))[2]
    with pytest.raises(ValueError, match="does not belong to Denoiser"):
        rebuild(*rest, other)
    flipped = bytearray(state)
    flipped[5000] ^= 1
    with pytest.raises(ValueError, match="damaged"):
        rebuild(*rest, bytes(flipped))
    # Whatever bytes are changed, the object either refuses or works on: finite output, no crash.
    rng = np.random.default_rng(1)
    for _ in range(dose(300, 20000)):
        broken = np.frombuffer(state[4:], np.uint8).copy()
        broken[rng.integers(0, len(broken), rng.integers(1, 5))] = rng.integers(0, 256)
        try:
            copied = rebuild(*rest, sealed(broken.tobytes()))
        except ValueError:
            continue
        assert np.isfinite(copied.process(x[:3200])).all()


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_one_object_belongs_to_one_thread_at_a_time(dtype):
    d = Denoiser(16000, dtype=dtype)
    x = np.tile(sound(16000, dtype), 200)
    started, refused = threading.Event(), {}

    def change_level():
        d.level = 90

    calls = {"level": change_level, "output_len": lambda: d.output_len(160), "reduce": lambda: pickle.dumps(d)}

    def long_push():
        started.set()
        d.process(x)

    for _ in range(20):
        thread = threading.Thread(target=long_push)
        started.clear()
        thread.start()
        started.wait()
        while thread.is_alive() and len(refused) < len(calls):
            for name, call in calls.items():
                try:
                    call()
                except RuntimeError as error:
                    refused[name] = str(error)
        thread.join()
        if len(refused) == len(calls):
            break
    assert set(refused) == set(calls)
    assert all("in use by another thread" in message for message in refused.values())
    d.reset()
    assert np.array_equal(d.process(x[:1600]), Denoiser(16000, level=d.level, dtype=dtype).process(x[:1600]))


def test_a_long_call_lets_other_threads_run():
    x = np.tile(sound(16000, "int16"), 400)
    beats, done = [], threading.Event()

    def work():
        denoise(x, 16000)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        beats.append(time.perf_counter())
        time.sleep(0.001)
    thread.join()
    assert len(beats) > 5  # with the GIL held it would be one or two


def test_streams_do_not_meet():
    x = [sound(8000, "int16", 0.5, seed) for seed in range(4)]
    alone = [Denoiser(8000).process(s) for s in x]
    together = [Denoiser(8000) for _ in x]
    parts = [[d.process(s[i : i + 160]) for d, s in zip(together, x, strict=True)] for i in range(0, 4000, 160)]
    for i, y in enumerate(alone):
        assert np.array_equal(np.concatenate([p[i] for p in parts]), y)


def test_repr_shows_how_to_make_one():
    for d in (Denoiser(8000), Denoiser(16000, level=62.5, dtype="float32", latency="low")):
        assert repr(eval(repr(d))) == repr(d)
