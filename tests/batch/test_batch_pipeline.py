"""Pipelines over arrays: one value, the kernels' own samples, the same bits however the audio is cut, and live."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from _support.denoise_signals import as_int16, power_db, voice, white
from _support.tone_signals import key, pcm, silence, tone
from voiceband import alaw_encode, denoise, l16_encode, resample, ulaw_decode, ulaw_encode
from voiceband.batch import Conceal, Decode, Denoise, Echoes, Mix, Normalise, Pipeline, Resample, Split, Stage, Tones
from voiceband.emulator import CarrierStream
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.session import Audio, Session

RATE = 8000
SPEECH = as_int16(voice(4, RATE) + white(4, RATE))
EVERYTHING = Pipeline(Conceal(), Denoise(70), Normalise(-20), Resample(16000))
PIPELINES = [
    Pipeline(),
    EVERYTHING,
    Pipeline(Resample(11025), Denoise(), Normalise()),
    Pipeline(Mix(), Resample(44100, "fast")),
    Pipeline(Split(1), Normalise(-30, 6)),
]


def with_holes() -> np.ndarray:
    x = SPEECH.copy()
    for start, n in ((900, 160), (8000, 480), (8700, 165), (20_000, 1600), (31_900, 100)):
        x[start : start + n] = 0
    return x


def test_stages_are_the_kernels():
    y = Pipeline(Denoise(85), Resample(16000))(SPEECH, RATE)
    np.testing.assert_array_equal(y, resample(denoise(SPEECH, RATE), RATE, 16000))
    x = (SPEECH / 32768).astype(np.float32)
    y = Pipeline(Resample(16000, "wide"), Denoise(100))(x, RATE)
    np.testing.assert_array_equal(y, denoise(resample(x, RATE, 16000, quality="wide"), 16000, level=100))


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_a_live_session_gives_the_same_bits(rate):
    wire = ulaw_encode(SPEECH)
    call, session, heard = CarrierStream(PLIVO_MULAW_8K), Session(rate=rate, denoise=85), []
    call.start(0.0)
    call.say(ulaw_decode(wire))
    for tick in range(len(SPEECH) // 160 + 10):  # some silence after the speech, for what is late
        now = tick * 0.02
        for message in call.poll(now):
            heard += [event.samples for event in session.receive(message, now) if isinstance(event, Audio)]
    live = np.concatenate(heard)
    stored = Pipeline(Decode("audio/x-mulaw;rate=8000"), Denoise(85), Resample(rate))(wire)
    late = round(session.latency_ms * rate / 1000)
    tail = rate // 50  # the recording ends where the call goes on with silence
    np.testing.assert_array_equal(live[late : late + len(stored) - tail], stored[:-tail])


@given(data=st.data())
@settings(max_examples=40)
def test_any_cut_gives_the_same_bits(data):
    pipeline = data.draw(st.sampled_from(PIPELINES))
    x = np.stack([with_holes(), SPEECH[::-1]])
    if data.draw(st.booleans()) and not any(isinstance(s, Conceal) for s in pipeline.stages):
        x = (x / 32768).astype(np.float32)
    cuts = sorted(data.draw(st.lists(st.integers(0, x.shape[1]), max_size=12)))
    whole = pipeline(x, RATE)
    pieces = np.concatenate(list(pipeline.blocks(np.split(x, cuts, axis=1), RATE)), axis=1)
    assert pieces.dtype == whole.dtype == x.dtype
    np.testing.assert_array_equal(pieces, whole)
    assert whole.shape[1] == -(-x.shape[1] * pipeline.stream(RATE, channels=2).spec.rate // RATE)


def test_a_hole_at_a_cut_of_one_channel_holds_up_the_others():
    x = np.stack([with_holes(), SPEECH[::-1]])
    pipeline = Pipeline(Conceal())
    whole = pipeline(x, RATE)
    for cut in range(0, x.shape[1], 97):
        pieces = np.concatenate(list(pipeline.blocks([x[:, :cut], x[:, cut:]], RATE)), axis=1)
        np.testing.assert_array_equal(pieces, whole)


def test_channels_are_each_their_own():
    x = np.stack([with_holes(), SPEECH, SPEECH // 9])
    y = EVERYTHING(x, RATE)
    for channel, done in zip(x, y, strict=True):
        np.testing.assert_array_equal(EVERYTHING(channel, RATE), done)
    strided = np.asfortranarray(x)
    np.testing.assert_array_equal(EVERYTHING(strided, RATE), y)


def test_mix_is_the_mean_and_split_picks():
    x = np.array([[32767, -32768, 3, 5], [32767, -32768, 4, 6]], np.int16)
    assert Pipeline(Mix())(x, RATE).tolist() == [[32767, -32768, 4, 6]]  # halves to even
    assert Pipeline(Split(1))(x, RATE).tolist() == [x[1].tolist()]
    assert Pipeline(Split())(x, RATE).tolist() == x.tolist()
    with pytest.raises(ValueError, match="no channel 3: the sound has 2, counted from 1"):
        Pipeline(Split(2))(x, RATE)


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_it_is_a_value(pipeline):
    copy = pickle.loads(pickle.dumps(pipeline))
    assert copy == pipeline
    assert hash(copy) == hash(pipeline)
    assert copy != Pipeline(Denoise(61))
    assert eval(repr(pipeline)) == pipeline


@pytest.mark.parametrize(
    ("mime", "encode"),
    [("audio/x-mulaw", ulaw_encode), ("audio/x-alaw", alaw_encode), ("audio/x-l16;rate=8000", l16_encode)],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_decode(mime, encode, channels):
    x = SPEECH[:3000]
    data = encode(x)
    pipeline = Pipeline(Decode(mime, channels))
    y = pipeline(data)
    expected = pipeline(encode(x))
    if channels == 1:
        assert y.shape == x.shape
        assert np.abs(y.astype(int) - x).max() <= 1024
    else:
        np.testing.assert_array_equal(y, Pipeline(Decode(mime))(data).reshape(-1, 3).T)
    bits = np.concatenate(list(pipeline.blocks(data[i : i + 7] for i in range(0, len(data), 7))), axis=-1)
    np.testing.assert_array_equal(bits, expected)


def test_conceal_fills_lost_packets_and_leaves_pauses():
    t = np.arange(3 * RATE)
    tone = np.round(6000 * np.sin(t * 0.3) + 4000 * np.sin(t * 0.11)).astype(np.int16)
    cut, whole = tone.copy(), [(4000, 160), (9000, 320)]
    left = [(20_000, 1760), (12_000, 100), (15_000, 230)]  # too long; too short; no whole packets
    for start, n in whole + left:
        cut[start : start + n] = 0
    y = Pipeline(Conceal())(cut, RATE)
    for start, n in whole:
        # An AR bridge of a pure tone is nearly the tone; 26 dB is what a cross-fade of two of them must reach.
        hole = slice(start, start + n)
        assert power_db(y[hole].astype(float) - tone[hole]) < power_db(tone[hole].astype(float)) - 26
        cut[hole] = y[hole]
    np.testing.assert_array_equal(y, cut)


def test_conceal_leaves_pauses_that_fade():
    x = SPEECH.copy()
    fade = np.hanning(800)[400:]
    x[8000:8400] = x[8000:8400] * fade
    x[8400:8720] = 0
    x[8720:9120] = x[8720:9120] * fade[::-1]
    np.testing.assert_array_equal(Pipeline(Conceal())(x, RATE), x)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("dbfs", [-45, -12])
def test_normalise_brings_speech_to_its_level(dbfs, dtype):
    x = voice(20, RATE, dbfs)
    x = as_int16(x) if dtype == "int16" else x.astype(np.float32)
    y = Pipeline(Normalise(-23, 30))(x, RATE).astype(float)
    y /= 32768 if dtype == "int16" else 1
    hops = np.mean(y[10 * RATE :].reshape(-1, 160) ** 2, axis=1)
    active = 10 * np.log10(np.mean(hops[hops > hops.max() * 10**-1.5]))
    assert abs(active + 23) < 2  # dB
    assert np.abs(y).max() <= 1


def test_normalise_is_what_its_page_says():
    """A second writing of the equations, sample by sample."""
    x = SPEECH.astype(float) / 32768
    mean, heard, gain, out = 0.0, 0, 1.0, []
    for k in range(0, len(x), 160):
        hop, before = x[k : k + 160], gain
        p = float(np.mean(hop**2))
        if p > 10**-5.5:
            if p >= mean * 10**-1.5:
                heard = min(heard + 1, 500)
                mean += (p - mean) / heard
            else:
                mean *= 1 - 1 / 1500
            goal = np.clip(np.sqrt(10**-1.0 / mean), 0.1, 10)
            gain = float(np.clip(goal, gain * 10 ** (-1.2 / 20), gain * 10 ** (0.12 / 20)))
        for i, sample in enumerate(hop):
            v = sample * (before + (gain - before) * (i + 1) / 160)
            if abs(v) > 0.8:
                over = (abs(v) - 0.8) / 0.2
                v = np.copysign(0.8 + 0.2 * over / (1 + over), v)
            out.append(v)
    y = Pipeline(Normalise(-10))(SPEECH, RATE)
    assert np.abs(y - np.array(out) * 32768).max() <= 0.51
    assert np.abs(out).max() > 0.8  # the limiter was at work


def test_silence_stays_silence():
    x = np.zeros(RATE, np.int16)
    assert not EVERYTHING(x, RATE).any()
    assert EVERYTHING(x[:0], RATE).shape == (0,)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Pipeline("denoise"), TypeError, "'denoise'"),
        (lambda: Pipeline(Mix(), Decode("ulaw")), ValueError, "Decode must be the first stage, not number 2"),
        (lambda: Decode("audio/mp3"), ValueError, "mp3"),
        (lambda: Decode("ulaw", 0), ValueError, "channels must be from 1 to 1024, not 0"),
        (lambda: Decode("ulaw", byteorder="middle"), ValueError, "'middle'"),
        (lambda: Denoise(59), ValueError, "59"),
        (lambda: Denoise("high"), TypeError, "high"),
        (lambda: Resample(17), ValueError, "17"),
        (lambda: Resample(8000, "best"), ValueError, "'best'"),
        (lambda: Conceal(5), ValueError, "packet_ms must be from 10 to 60, not 5"),
        (lambda: Conceal(20, 10), ValueError, "longest_ms"),
        (lambda: Normalise(0), ValueError, "dbfs must be from -60 to -6, not 0"),
        (lambda: Normalise(-23, 41), ValueError, "max_gain_db"),
        (lambda: Split(-1), ValueError, "-1"),
        (lambda: Pipeline()(SPEECH), TypeError, "rate must be an integer in Hz, not None"),
        (lambda: Pipeline()(SPEECH, True), TypeError, "rate must be an integer in Hz, not True"),
        (lambda: Pipeline()(SPEECH, 0), ValueError, "rate must be at least 1 Hz, not 0"),
        (lambda: Decode(5), TypeError, "5"),
        (lambda: Decode("ulaw", 1.0), TypeError, "channels must be an integer, not 1.0"),
        (lambda: Conceal("20"), TypeError, "packet_ms must be a number, not '20'"),
        (lambda: Resample("8000"), TypeError, "rate must be an integer in Hz, not '8000'"),
        (lambda: Pipeline()(SPEECH.astype(float), RATE), ValueError, "float64"),
        (lambda: Pipeline()(SPEECH.reshape(2, 2, -1), RATE), ValueError, "shape"),
        (lambda: Pipeline()(SPEECH[:0].reshape(0, 0), RATE), ValueError, "channels must be at least 1"),
        (lambda: Pipeline(Decode("ulaw"))(b"", 8000), ValueError, "rate must be left out"),
        (lambda: Pipeline(Decode("ulaw"))("text"), TypeError, "str"),
        (lambda: Pipeline(Decode("ulaw"))(np.zeros((2, 2), np.uint8)), ValueError, "shape"),
        (lambda: Pipeline(Decode("l16;rate=8000"))(b"abc"), ValueError, "1 byte is left over, and a frame has 2"),
        (lambda: Pipeline(Conceal())(SPEECH, 44100), ValueError, "44100"),
        (lambda: Pipeline(Denoise())(np.full(999, np.nan, np.float32), RATE), ValueError, "finite"),
        (lambda: Pipeline(Resample(8000))(SPEECH, 7919), ValueError, "7919"),
        (lambda: Pipeline().stream(RATE).process(SPEECH.astype(np.float32)), ValueError, "int16"),
        (lambda: Pipeline().stream(RATE, channels=2).process(SPEECH), ValueError, r"\(2, n\)"),
    ],
)
def test_misuse_says_what_is_wrong(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_samples_that_clip_are_counted():
    square = np.where(np.arange(4000) // 20 % 2, 32767, -32768).astype(np.int16)
    stream = Pipeline(Resample(16000)).stream(RATE)
    y = np.concatenate([stream.process(square), stream.flush()])
    assert stream.clipped == np.count_nonzero(resample(square / np.float32(32768), RATE, 16000) * 32768 > 32767.5) + (
        np.count_nonzero(resample(square / np.float32(32768), RATE, 16000) * 32768 < -32768.5)
    )
    assert len(y) == 8000


def test_a_stage_of_ones_own_works():
    class Halve(Stage, frozen=True):
        def after(self, spec):
            return spec

        def open(self, spec):
            from voiceband.batch.streams import Stateless

            return Stateless(lambda parts: [part // 2 for part in parts], spec.channels, spec.dtype)

    np.testing.assert_array_equal(Pipeline(Halve())(SPEECH, RATE), SPEECH // 2)


def test_dask_collections():
    bag = pytest.importorskip("dask.bag")
    array = pytest.importorskip("dask.array")
    clips = [SPEECH[:1600], SPEECH[1600:4000]]
    done = bag.from_sequence(clips, npartitions=2).map(EVERYTHING, rate=RATE).compute(scheduler="processes")
    for x, y in zip(clips, done, strict=True):
        np.testing.assert_array_equal(y, EVERYTHING(x, RATE))
    x = np.stack([SPEECH, with_holes()])
    lazy = array.from_array(x, chunks=(1, -1)).map_blocks(
        EVERYTHING, rate=RATE, dtype=np.int16, chunks=((1, 1), (2 * x.shape[1],)), meta=np.empty((0, 0), np.int16)
    )
    np.testing.assert_array_equal(lazy.compute(scheduler="threads"), EVERYTHING(x, RATE))


@pytest.mark.parametrize(("rate", "dtype"), [(8000, "int16"), (16000, "float32"), (22050, "int16")])
def test_tones_pass_and_are_heard_channel_by_channel(rate, dtype):
    beep, end = (
        pcm(silence(0.5, rate), tone(1000, 0.5, rate), silence(1, rate)),
        pcm(silence(1, rate), tone(600, 1, rate)),
    )
    x = np.stack([beep, end])
    x = x if dtype == "int16" else (x / 32768).astype(np.float32)
    stream = Pipeline(Tones(), Split(0)).stream(rate, channels=2, dtype=dtype)
    y = [stream.process(part) for part in np.array_split(x, 9, axis=1)]
    np.testing.assert_array_equal(np.concatenate([*y, stream.flush()], axis=1)[0], x[0])
    (first, a), (second, b) = stream.tones
    assert (first, a.kind, second, b.kind) == (0, "beep", 1, "beep")
    assert (a.start_ms, a.end_ms) == (pytest.approx(500, abs=15), pytest.approx(1000, abs=15))
    assert (abs(int(b.name) - 600) <= 2, b.end_ms) == (True, None)


@pytest.mark.parametrize(("rate", "dtype"), [(8000, "int16"), (16000, "float32"), (22050, "int16")])
def test_echoes_pass_and_are_heard_between_two_channels(rate, dtype):
    t = np.arange(12 * rate) / rate
    agent = voice(12, rate, -20, seed=3) * (t % 4 < 3)
    echo = np.roll(agent, round(0.3 * rate)) * 0.1 * (t < 8)
    caller = voice(12, rate, -22, seed=11) * (t > 9)
    near = echo + caller + np.random.default_rng(1).normal(0, 5e-4, len(t))
    x = np.stack([agent, np.zeros_like(near), near])
    x = as_int16(x) if dtype == "int16" else x.astype(np.float32)
    heard = []
    for parts in (1, 9):
        stream = Pipeline(Echoes(near=2, far=0), Split(1)).stream(rate, channels=3, dtype=dtype)
        y = [stream.process(part) for part in np.array_split(x, parts, axis=1)]
        assert not np.concatenate([*y, stream.flush()], axis=1).any()
        heard.append(stream.echoes)
    assert heard[0] == heard[1]
    assert sum(span.end_ms - span.start_ms for span in heard[0]) > 2000
    assert max(span.end_ms for span in heard[0]) < 9200
    assert all(abs(span.lag_ms - 300) <= 20 for span in heard[0])


def test_echoes_need_two_channels():
    with pytest.raises(ValueError, match="near and far must be two channels, not both 1"):
        Echoes(near=1)
    with pytest.raises(ValueError, match="Echoes needs channels 0 and 1, but the sound has 1"):
        Pipeline(Echoes()).stream(8000)


LIVE = [Pipeline(), Pipeline(Split(0)), Pipeline(Mix()), Pipeline(Normalise()), Pipeline(Tones())]


@pytest.mark.parametrize("pipeline", [*LIVE, Pipeline(Conceal()), Pipeline(Denoise(), Resample(16000))], ids=repr)
def test_the_callers_array_is_its_own(pipeline):
    whole, buffer = pipeline(SPEECH, RATE), np.empty(80, np.int16)
    stream, out = pipeline.stream(RATE), []
    for start in range(0, len(SPEECH), 80):
        buffer[:] = SPEECH[start : start + 80]
        out.append(stream.process(buffer))
        buffer[:] = 12345
    np.testing.assert_array_equal(np.concatenate([*out, stream.flush()]), whole)


@pytest.mark.parametrize("pipeline", LIVE, ids=repr)
def test_a_sample_that_is_not_finite_is_refused_and_changes_nothing(pipeline):
    x = np.stack([SPEECH, SPEECH[::-1]])[:, :9000] / np.float32(32768)
    stream, out = pipeline.stream(RATE, channels=2, dtype="float32"), []
    for bad, part in zip((np.nan, np.inf, -np.inf), np.array_split(x, 3, axis=1), strict=True):
        spoilt = part.copy()
        spoilt[1, 70] = bad
        with pytest.raises(ValueError, match=rf"x\[1\] must be finite, but x\[1\]\[70\] is {bad}"):
            stream.process(spoilt)
        out.append(stream.process(part))
    np.testing.assert_array_equal(np.concatenate([*out, stream.flush()], axis=1), pipeline(x, RATE))


@pytest.mark.parametrize("rate", [40, 8000, 11025])
@pytest.mark.parametrize(
    "stage", [Conceal(), Denoise(), Normalise(), Resample(16000), Split(), Mix(), Tones()], ids=repr
)
def test_a_stream_of_nothing_ends_with_nothing(stage, rate):
    try:
        stream = Pipeline(stage).stream(rate)
    except ValueError as error:
        assert str(rate) in str(error)  # noqa: PT017 - not all stages take all rates
        return
    assert len(stream.flush()) == 0


def test_a_key_within_a_ringback_leaves_it_what_it_is():
    x = pcm(silence(0.1), tone((440, 480), 2), silence(1), key("5", 0.12), silence(0.5))
    stream = Pipeline(Tones()).stream(RATE)
    stream.process(x)
    stream.flush()
    assert [(heard.tone.kind, heard.tone.name) for heard in stream.tones] == [("dtmf", "5"), ("ringback", "")]
