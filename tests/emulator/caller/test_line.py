"""The line: its band, levels, noise, echo and losses, each against a reference that shares no code with it."""

import math
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _support.dose import dose
from voiceband.emulator import CarrierStream, Line
from voiceband.emulator.caller.bandpass import BandPass, band_pass_taps, on_grid
from voiceband.emulator.caller.echo_path import ECHOES, AutomaticGain
from voiceband.emulator.caller.line import BurstLoss
from voiceband.emulator.caller.speech_level import active_level_dbfs
from voiceband.emulator.caller.tap import PlayerTap
from voiceband.formats import PLIVO_FORMATS, PLIVO_L16_8K, PLIVO_L16_16K, PLIVO_MULAW_8K
from voiceband.protocol import ClearAudio, Media, PlayAudio, parse

RATES = (8000, 16000)


def speech(seconds, rate, seed=0, rms=2000.0):
    """Noise in syllables and pauses: loud 60 % of the time."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    gate = np.repeat(rng.random(n // (rate // 4) + 1) < 0.6, rate // 4)[:n]
    return np.clip(rng.normal(0, rms, n) * gate, -32768, 32767).astype(np.int16)


def p56_dbfs(x, rate):
    """Measure the active speech level sample by sample, as P.56 describes it: thresholds an octave apart."""
    from scipy import signal

    x = np.asarray(x, float) / 32768
    g = math.exp(-1 / (0.03 * rate))
    q = signal.lfilter([1 - g], [1, -g], signal.lfilter([1 - g], [1, -g], np.abs(x)))
    hang = int(0.2 * rate)
    margins, levels = [], []
    for c in 2.0 ** np.arange(-15, 0):
        over = np.concatenate([[0], np.cumsum(q >= c)])
        active = np.count_nonzero(over[1:] - over[np.maximum(np.arange(len(q)) - hang, 0)])
        if active:
            levels.append(10 * math.log10(np.sum(x * x) / active))
            margins.append(levels[-1] - 20 * math.log10(c))
    return float(np.interp(15.9, margins[::-1], levels[::-1]))


def rms_dbfs(x):
    return 10 * math.log10(np.mean(np.square(np.asarray(x, float) / 32768)))


def agent_says(call, pcm, now):
    call.receive(PlayAudio(call.format.encode(pcm), call.format).encode(), now)


class TestBand:
    @pytest.mark.parametrize("rate", RATES)
    def test_response(self, rate):
        from scipy import signal

        f, h = signal.freqz(band_pass_taps(rate), worN=16384, fs=rate)
        db = 20 * np.log10(np.abs(h) + 1e-12)
        assert np.abs(db[(f >= 300) & (f <= 3400)]).max() <= 0.1
        assert db[(f <= 180) | (f >= 3520)].max() <= -45
        np.testing.assert_array_equal(band_pass_taps(rate), band_pass_taps(rate)[::-1])

    @pytest.mark.parametrize("rate", RATES)
    def test_is_the_convolution_with_its_taps(self, rate):
        from scipy import signal

        x = np.random.default_rng(1).integers(-32768, 32768, 3000).astype(float)
        expected = signal.lfilter(band_pass_taps(rate), [1.0], x)
        np.testing.assert_allclose(BandPass(rate).process(x), expected, atol=1e-6)
        impulse = np.zeros(1000)
        impulse[0] = 1
        assert np.argmax(BandPass(rate).process(impulse)) == BandPass(rate).latency_samples

    def test_sums_are_exact_in_any_order(self):
        # Integers of Python have no rounding: the extreme input meets the same value, to the last bit.
        taps = band_pass_taps(16000)
        x = on_grid(np.sign(taps[::-1]) * 65535.9997)
        exact = sum(int(a * 2**12) * int(b * 2**15) for a, b in zip(x, taps[::-1], strict=True))
        assert BandPass(16000).process(x)[-1] * 2**27 == exact

    def test_silence_is_free_once_the_last_sample_has_rung_out(self):
        band = BandPass(8000)
        assert band.silence(160) is None
        band.process(np.ones(1))
        rest = [band.silence(160) for _ in range(3)]
        assert rest[0] is not None
        assert rest[-1] is None


class TestLevel:
    @pytest.mark.parametrize("rate", RATES)
    @pytest.mark.parametrize("seed", range(5))
    def test_agrees_with_p56(self, rate, seed):
        x = speech(6, rate, seed, rms=10 ** np.random.default_rng(seed).uniform(1.5, 3.9))
        assert active_level_dbfs(x, rate) == pytest.approx(p56_dbfs(x, rate), abs=0.1)

    def test_of_nothing(self):
        assert active_level_dbfs(np.zeros(8000, np.int16), 8000) == -math.inf
        assert active_level_dbfs(np.zeros(0, np.int16), 8000) == -math.inf

    @pytest.mark.parametrize("audio_format", PLIVO_FORMATS)
    @pytest.mark.parametrize("level", [-40.0, -26.0, -20.0])
    def test_speech_arrives_at_the_level_asked_for(self, audio_format, level):
        rate = audio_format.sample_rate
        line = Line(rate, level_dbfs=level)
        line.say(speech(5, rate, 3, rms=500))
        wire = audio_format.decode(audio_format.encode(line.read(5 * rate + 400)))
        assert p56_dbfs(wire, rate) == pytest.approx(level, abs=0.3)

    def test_none_leaves_speech_alone(self):
        line = Line(level_dbfs=None, band_pass=False)
        pcm = speech(1, 8000)
        line.say(pcm)
        np.testing.assert_array_equal(line.read(8000), pcm)

    def test_silence_stays_silence(self):
        line = Line()
        line.say(np.zeros(800, np.int16))
        assert not line.read(1600).any()

    @pytest.mark.parametrize("rate", RATES)
    def test_a_clip_that_is_said_again_is_as_loud_as_the_first_time(self, rate):
        clip = speech(2, rate, seed=3)
        heard = []
        for said in (clip, clip, clip.astype(np.float64), (clip // 2)):
            line = Line(rate)
            line.say(said)
            heard.append(line.read(2 * rate).tobytes())
        assert heard[0] == heard[1] == heard[2]
        assert heard[3] != heard[0]


class TestNoise:
    @pytest.mark.parametrize("rate", RATES)
    @pytest.mark.parametrize("kind", ["white", "street", "hum", "own", "wav"])
    @pytest.mark.parametrize("snr", dose([10], [-5, 10, 30]))
    def test_snr(self, rate, kind, snr, tmp_path):
        from scipy import signal

        noise = kind
        if kind == "own":
            noise = np.random.default_rng(5).normal(0, 50, 3333)
        if kind == "wav":
            noise = tmp_path / "n.wav"
            with wave.open(str(noise), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(np.random.default_rng(5).normal(0, 3000, 9000).astype("<i2").tobytes())
        alone, noisy = Line(rate), Line(rate, noise=noise, snr_db=snr)
        pcm = speech(8, rate, 2)
        alone.say(pcm)
        noisy.say(pcm)
        clean = alone.read(8 * rate).astype(float)
        added = noisy.read(8 * rate) - clean
        assert p56_dbfs(clean, rate) - rms_dbfs(added) == pytest.approx(snr, abs=0.5)
        f, power = signal.welch(added, rate, nperseg=2048)
        inside = (f > 240) & (f < 3460)
        assert power[inside].sum() > 0.95 * power.sum()

    def test_street_swells_and_hum_has_its_harmonics(self):
        street = Line(noise="street", band_pass=False).read(160_000).astype(float)
        seconds = [rms_dbfs(x) for x in street.reshape(20, -1)]
        assert 4 < max(seconds) - min(seconds) < 16
        hum = np.abs(np.fft.rfft(Line(noise="hum", band_pass=False).read(160_000)))
        assert set(np.argsort(hum)[-4:] / 20) == {50, 150, 250, 350}
        white = np.abs(np.fft.rfft(Line(noise="white", band_pass=False).read(160_000))) ** 2
        assert 10 * math.log10(white[:40_000].mean() / white[40_000:].mean()) == pytest.approx(0, abs=0.2)

    def test_a_loop_has_no_seam(self):
        line = Line(noise="street", snr_db=0, seed=3)
        first, second = line.read(160_000), line.read(160_000)
        np.testing.assert_array_equal(first, second)
        steps = np.abs(np.diff(np.concatenate([first, second]).astype(float)))
        assert steps[159_999] <= steps.max()

    def test_seeds_differ_and_repeat(self):
        a, b, c = (Line(noise="white", seed=s).read(800) for s in (1, 1, 2))
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


class TestEcho:
    @pytest.mark.parametrize("audio_format", PLIVO_FORMATS)
    def test_delay_and_loss(self, audio_format):
        rate = audio_format.sample_rate
        line = Line(rate, band_pass=False, echo_loss_db=20, echo_delay_ms=120)
        call = CarrierStream(audio_format, playout_delay_ms=100, source=line)
        call.start(50.0)
        said = np.random.default_rng(1).integers(-9000, 9000, rate // 2).astype(np.int16)
        agent_says(call, said, 50.1)
        got = np.concatenate([line.read(rate // 50) for _ in range(50)])
        heard = audio_format.decode(audio_format.encode(said))
        at = round(0.32 * rate)  # 100 ms in, 100 ms of playout, 120 ms of echo
        assert not got[:at].any()
        np.testing.assert_allclose(got[at : at + len(heard)], heard / 10, atol=0.51 + 9000 * 2**-12)
        assert not got[at + len(heard) :].any()

    @pytest.mark.parametrize("phone", ECHOES)
    def test_phones_give_back_late_soft_and_another_way_from_30_s_on(self, phone):
        echo = ECHOES[phone]
        call = CarrierStream(PLIVO_L16_8K, playout_delay_ms=0, source=None)
        lines = [Line(band_pass=False, echo=phone), Line(band_pass=False, echo=phone)]
        for line in lines:
            line.hears(call)
        call.start(0.0)
        for k in range(33):
            agent_says(call, np.full(8000, 8000, np.int16), k)
        got = np.concatenate([lines[0].read(8000) for _ in range(32)])
        pieces = [lines[1].read(n) for n in (1, 799, 239_000, 500, 700, 15_000)]
        np.testing.assert_array_equal(got, np.concatenate(pieces))
        late = round(8 * echo.delay_ms)
        assert not got[:late].any()
        soft = 8000 / (1 + echo.overdrive * 8000 / 32768)
        for at, loss_db in ((late, echo.loss_db), (31 * 8000, echo.loss_db + echo.moved_db - echo.agc_db)):
            assert got[at] == pytest.approx(soft * 10 ** (-loss_db / 20), rel=0.02, abs=1)
        assert (got[30 * 8000 - 1] != got[30 * 8000]) == bool(echo.moved_db)

    def test_a_handset_turns_itself_up_while_its_caller_is_silent_and_down_at_once(self):
        agc = AutomaticGain(9.0, 8000)
        quiet, loud = np.full(8000, 100.0), np.full(8000, 3000.0)
        first, later = agc.process(quiet), agc.process(np.tile(quiet, 9))
        assert first[-1] == pytest.approx(100 * 10 ** (2 / 20), rel=0.01)
        assert later[-1] == pytest.approx(100 * 10 ** (9 / 20), rel=0.01)
        voice = agc.process(loud)
        assert voice[0] == pytest.approx(3000 * 10 ** (9 / 20), rel=0.01)
        assert (voice[800:] == 3000).all()

    def test_one_echo_at_a_time(self):
        with pytest.raises(ValueError, match="echo and echo_loss_db exclude each other"):
            Line(echo="car", echo_loss_db=20)
        with pytest.raises(ValueError, match="echo must be 'handset', 'speakerphone', 'car' or 'bluetooth'"):
            Line(echo="can on a string")

    def test_what_a_clear_cut_off_does_not_come_back(self):
        call = CarrierStream(PLIVO_L16_8K, playout_delay_ms=0)
        line = Line(band_pass=False, echo_loss_db=0, echo_delay_ms=0)
        line.hears(call)
        call.start(0.0)
        agent_says(call, np.full(8000, 1000, np.int16), 0.0)
        got = [line.read(800)]
        call.receive(ClearAudio(call.stream_id).encode(), 0.1)
        got.append(line.read(800))
        agent_says(call, np.full(80, 500, np.int16), 0.3)
        got += [line.read(800), line.read(800)]
        np.testing.assert_array_equal(
            np.concatenate(got), np.r_[np.full(800, 1000), np.zeros(1600), np.full(80, 500), np.zeros(720)]
        )

    @given(st.lists(st.tuples(st.integers(0, 400), st.booleans(), st.integers(0, 900)), max_size=25))
    def test_the_tap_reads_what_the_player_played(self, steps):
        call = CarrierStream(PLIVO_L16_8K, playout_delay_ms=50)
        call.start(3.0)
        tap, at, pieces = PlayerTap(call), 0, []
        for n, clears, size in steps:
            piece = tap.read(at, n)
            pieces.append(np.zeros(n, np.int16) if piece is None else piece)
            at += n
            now = 3.0 + at / 8000
            if clears:
                call.player.clear(now)
            agent_says(call, np.arange(1, size + 1, dtype=np.int16), now)
        got = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
        heard = PLIVO_L16_8K.decode(call.player.heard(3.0, at / 8000, b"\0\0"))
        np.testing.assert_array_equal(got, heard)

    def test_misuse(self):
        with pytest.raises(ValueError, match="stream must run at the line's 8000 Hz, not at 16000"):
            Line().hears(CarrierStream(PLIVO_L16_16K))
        line = Line()
        line.hears(CarrierStream())
        with pytest.raises(RuntimeError, match="a line serves one call"):
            line.hears(CarrierStream())


class TestMissing:
    def test_share_and_burst(self):
        line = Line(missing=0.1, missing_burst=4, seed=2)
        lost = np.array([line.read(1) is None for _ in range(100_000)])
        assert lost.mean() == pytest.approx(0.1, abs=0.01)
        starts = np.count_nonzero(np.diff(np.r_[0, lost.astype(int)]) == 1)
        assert lost.sum() / starts == pytest.approx(4, abs=0.3)

    def test_the_counter_goes_on_on_the_wire(self):
        call = CarrierStream(
            PLIVO_L16_8K, source=Line(missing=0.3, missing_burst=2, level_dbfs=None, band_pass=False, seed=4)
        )
        call.source.say(np.repeat(np.arange(1, 101, dtype=np.int16), 160))
        call.start(0.0)
        media = [m for m in map(parse, call.poll(2.0)) if isinstance(m, Media)]
        chunks = [m.chunk for m in media]
        assert 50 < len(chunks) < 90
        assert [m.timestamp_ms - media[0].timestamp_ms for m in media] == [(c - chunks[0]) * 20 for c in chunks]
        # What was spoken meanwhile is gone, not late.
        assert [int(PLIVO_L16_8K.decode(m.payload)[0]) for m in media] == chunks

    def test_none_by_default_and_always_the_same(self):
        line = Line()
        assert all(line.read(10) is not None for _ in range(1000))
        a, b, c = ([x.read(1) is None for _ in range(500)] for x in (Line(missing=0.3, seed=s) for s in (7, 7, 8)))
        assert a == b != c
        with pytest.raises(ValueError, match=r"missing_burst must be at least 9 to lose 0\.9"):
            BurstLoss(0.9, 2, None)


@given(
    rate=st.sampled_from(RATES),
    cuts=st.lists(st.integers(0, 700), max_size=30),
    seed=st.integers(0, 5),
    own_length=st.integers(50, 900),
    band_pass=st.booleans(),
)
def test_any_split_gives_the_same_bits(rate, cuts, seed, own_length, band_pass):
    def line():
        own = np.random.default_rng(seed).normal(0, 100, own_length)
        made = Line(rate, noise=own, snr_db=5, echo_loss_db=13, echo_delay_ms=7, band_pass=band_pass, seed=seed)
        call = CarrierStream(PLIVO_L16_16K if rate == 16000 else PLIVO_MULAW_8K, playout_delay_ms=10)
        made.hears(call)
        call.start(1.0)
        agent_says(call, speech(0.3, rate, seed + 9), 1.02)
        agent_says(call, speech(0.3, rate, seed + 8), 1.5)
        made.say(speech(0.25, rate, seed))
        made.dial("5")
        made.say(speech(0.1, rate, seed + 1))
        return made

    whole, split = line(), line()
    pieces = [split.read(n) for n in cuts]
    total = sum(cuts)
    np.testing.assert_array_equal(np.concatenate([*pieces, split.read(333)]), whole.read(total + 333))
    assert split.unsaid_ms == whole.unsaid_ms


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 11025}, "rate must be 8000 or 16000, not 11025"),
        ({"level_dbfs": 3}, "level_dbfs must be from -60 to -6, not 3"),
        ({"snr_db": "loud"}, "snr_db must be a number, not 'loud'"),
        ({"echo_loss_db": -1}, "echo_loss_db must be from 0 to 80, not -1"),
        ({"echo_delay_ms": 2000}, "echo_delay_ms must be from 0 to 1000, not 2000"),
        ({"missing": 1}, "missing must be from 0 to 0.9, not 1"),
        ({"missing_burst": 0}, "missing_burst must be from 1 to 500, not 0"),
        ({"noise": "thunder"}, "noise must be one of white, street, hum, an array or a sound file, not 'thunder'"),
        ({"noise": "absent.wav"}, "absent.wav: cannot read: No such file"),
        ({"noise": 7}, "noise must be a name, a sound file or an array, not 7"),
        ({"noise": np.zeros(100)}, "noise must not be silent"),
        ({"noise": np.ones(100)}, "noise must not be silent between 300 and 3400 Hz"),
        ({"noise": np.ones((2, 2))}, r"not of shape \(2, 2\)"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Line(**options)
