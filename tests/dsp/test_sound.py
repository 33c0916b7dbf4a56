"""The sound guard: what it names, what it measures beside plain arithmetic, and what it never says."""

import gc
import pickle
import re
import threading
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

import voiceband
from _support import sound_faults as made
from _support.denoise_signals import keys, voice, white
from _support.periodic_sounds import periodic
from _support.sound_faults import ENCODE, RATE, caller, heard, kinds
from voiceband import SoundGuard
from voiceband.dsp.sound_findings import KINDS

SPEECH = np.concatenate([caller(-20), caller(-20)])
FAULTS = made.faults(SPEECH)
NAMES = [fault[0] for fault in FAULTS]
T = np.arange(8 * RATE) / RATE
RIGHT = {
    "speech": SPEECH,
    "faint speech": made.at_level(SPEECH, -40),
    "loud speech": made.at_level(SPEECH, -12),
    "speech in noise": SPEECH + white(len(SPEECH) / RATE, RATE, -28)[: len(SPEECH)],
    "silence": 0 * T,
    "comfort noise": white(8, RATE, -65),
    "a tone": 0.5 * np.sin(2 * np.pi * 440 * T),
    "a tone at the top": 0.5 * np.sin(2 * np.pi * 3300 * T),
    "ringback": 0.2 * (np.sin(2 * np.pi * 440 * T) + np.sin(2 * np.pi * 480 * T)) * (T % 6 < 2),
    "busy": 0.2 * (np.sin(2 * np.pi * 480 * T) + np.sin(2 * np.pi * 620 * T)) * (T % 1 < 0.5),
    "DTMF": keys(80, 80, RATE, -12)[0],
    "chords": 0.2 * sum(np.sin(2 * np.pi * f * (1 + (T // 1) % 5 / 4) * T) for f in (220, 277.2, 329.6)),
    "a made voice": voice(8, RATE),
}


@pytest.mark.parametrize(("name", "kind", "data", "taken"), FAULTS, ids=NAMES)
def test_each_fault_is_named_first_and_once(name, kind, data, taken):
    found = heard(data, taken)
    assert [f.kind for f in found] == [kind]
    assert found[0].at_ms <= 4500 * (2 if kind in ("stereo", "repeated-frames") else 1)


def test_each_kind_but_two_has_a_fault():
    assert {kind for _, kind, _, _ in FAULTS} == set(KINDS) - {"too-quiet", "no-speech"}


@pytest.mark.parametrize("encoding", ["mulaw", "alaw", "l16"])
@pytest.mark.parametrize("name", RIGHT)
def test_right_sound_is_passed(name, encoding):
    assert kinds(ENCODE[encoding](RIGHT[name]), encoding) == set()


@pytest.mark.parametrize(("encoding", "rate"), [("mulaw", 8000), ("alaw", 8000), ("l16", 8000), ("l16", 16000)])
def test_sound_that_comes_again_and_again_is_passed(encoding, rate):
    named = {name: kinds(ENCODE[encoding](x), encoding, rate) for name, x in periodic(rate)}
    assert {name: found for name, found in named.items() if found} == {}


@pytest.mark.parametrize("ratio", [2, 1.5, 3])
def test_where_the_spectrum_ends_tells_a_wrong_rate_in_noise(ratio):
    """The noise comes at the same wrong rate, so that nothing is left above what 4 kHz became."""
    noisy = SPEECH + white(len(SPEECH) / RATE, RATE, -25)[: len(SPEECH)]
    assert kinds(ENCODE["mulaw"](made.faster(noisy, ratio)), "mulaw") == {"wrong-rate"}
    assert kinds(ENCODE["mulaw"](noisy), "mulaw") == set()


@pytest.mark.parametrize("encoding", ["mulaw", "l16"])
def test_noise_is_no_speech(encoding):
    assert kinds(ENCODE[encoding](white(8, RATE, -30)), encoding) == {"no-speech"}


def test_arrays_are_heard_as_bytes_are():
    x = made.at_level(SPEECH, 0)
    for encoding, samples in (("int16", made.pcm(x)), ("float32", x.astype(np.float32))):
        assert [f.kind for f in SoundGuard(encoding, RATE).process(samples)] == ["clipped"]
    scaled = (SPEECH * 32768).astype(np.float32)
    found = SoundGuard("float32", RATE).process(scaled)
    assert [f.kind for f in found] == ["float-samples"]
    assert "Divide them by 32768" in found[0].reason


# ---- measured values, beside arithmetic that shares no code


def value(data, encoding="l16"):
    (found,) = heard(data, encoding)
    return found


def bits(x):
    """Return bits a sample to describe the smoothest of three differences, as Laplacian noise."""
    x = x.astype(float)
    mean = min(np.abs(np.diff(x, k)).mean() for k in range(3))
    return np.log2(2 * np.e * (mean + 0.5))


def test_the_bits_that_the_right_byte_order_saves():
    data = np.frombuffer(ENCODE["l16 big"](SPEECH), np.uint8)
    saved = []
    for frame in data[: 2 * RATE * 2].reshape(-1, 320):
        wrong, right = (frame.view(order) for order in ("<i2", ">i2"))
        power = np.square(wrong - wrong.mean(dtype=float)).mean()
        if power > 10737 and len(set(wrong.tolist())) > 40:
            saved.append(np.clip((bits(wrong) - bits(right)) / 2, -2, 2))
    assert value(data.tobytes()).value == pytest.approx(np.mean(saved), abs=0.2)


def test_the_share_of_clipped_samples():
    x = made.pcm(made.at_level(SPEECH, 0))
    found = value(x.tobytes())
    seen = x[: round(found.at_ms * 8)]
    loud = made.frames(seen).astype(float).var(axis=1) > 10737
    same = np.abs(seen.astype(int)) >= 31000
    runs = same & (np.r_[False, seen[1:] == seen[:-1]] | np.r_[seen[1:] == seen[:-1], False])
    assert found.value == pytest.approx(runs.sum() / (160 * loud.sum()), rel=0.05)


def test_the_offset():
    x = made.pcm(SPEECH - 0.2)
    found = value(x.tobytes())
    assert found.value == pytest.approx(x[: round(found.at_ms * 8)].mean() / 32768, abs=0.003)


def test_where_holes_are():
    found = value(ENCODE["l16"](made.comb(SPEECH, 45, 15)))
    assert found.value == pytest.approx(60, abs=0.5)
    assert "a hole of 15.0 ms in the audio every 60.0 ms" in found.reason


def test_how_far_apart_repeats_are():
    x = np.repeat(made.frames(SPEECH, 35), 2, axis=0).ravel()
    assert value(ENCODE["l16"](x)).value == 35


def test_how_long_zeros_last():
    data = bytearray(ENCODE["mulaw"](SPEECH))
    data[4000:4560] = bytes(560)
    assert value(bytes(data), "mulaw").value == pytest.approx(70, abs=1)


def test_how_loud_faint_speech_is():
    x = made.at_level(np.tile(caller(), 4), -58)
    (found,) = heard(ENCODE["l16"](x))
    assert (found.kind, found.value) == ("too-quiet", pytest.approx(-58, abs=3))


def test_faint_speech_is_heard_in_noise_too():
    x = made.at_level(np.tile(caller(), 4), -58)
    noise = np.random.default_rng(3).standard_normal(len(x)) * made.speaking(x) * 10 ** (-6 / 20)
    assert kinds(ENCODE["l16"](x + noise)) == {"too-quiet"}
    assert "too-quiet" not in kinds(ENCODE["l16"](noise))


# ---- streams


@pytest.mark.parametrize("pieces", [1, 7, 159, 160, 320, 1001, 1 << 20])
def test_any_split_gives_the_same_findings(pieces):
    for _, _, data, taken in FAULTS[::4]:
        data = data[: 5 * RATE]
        assert heard(data, taken, pieces=pieces) == heard(data, taken)


def test_empty_input_is_nothing():
    guard = SoundGuard("mulaw", RATE)
    assert guard.process(b"") == []
    assert not guard.done


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000])
def test_every_rate(rate):
    x = voiceband.resample(SPEECH.astype(np.float32), RATE, rate)
    assert kinds(ENCODE["l16"](x), rate=rate) == set()
    assert kinds(ENCODE["l16 big"](x), rate=rate) == {"swapped-bytes"}
    assert kinds(ENCODE["l16"](np.repeat(x, 2)), rate=rate) == {"stereo"}


def test_it_listens_again_after_a_minute_and_names_no_kind_twice():
    guard = SoundGuard("l16", RATE)
    good, bad = ENCODE["l16"](SPEECH), ENCODE["l16 big"](SPEECH)
    assert guard.process(good) == []
    assert guard.done
    assert guard.process(bad) == []  # the ear is closed
    minute = bytes(2 * 60 * RATE)
    assert [f.kind for f in guard.process(minute + bad)] == ["swapped-bytes"]
    assert guard.process(minute + bad) == []
    guard.reset()
    assert [f.kind for f in guard.process(bad)] == ["swapped-bytes"]


def test_where_frames_may_be_missing_it_listens_for_longer_than_four_seconds():
    """15 % of the frames are left out, which four seconds cannot tell from clicks by chance."""
    rng = np.random.default_rng(1)
    frames = made.frames(np.tile(SPEECH, 8))
    left = frames[rng.random(len(frames)) >= 0.15].ravel()
    (found,) = heard(ENCODE["l16"](left))
    assert (found.kind, found.at_ms) == ("missing-frames", pytest.approx(10_000, abs=2000))
    guard = SoundGuard("l16", RATE)
    guard.process(ENCODE["l16"](left[: 10 * RATE]))
    assert not guard.done
    guard.process(ENCODE["l16"](left[10 * RATE : 14 * RATE]))
    assert guard.done


def test_listen_opens_the_ear_at_once():
    guard = SoundGuard("l16", RATE)
    guard.process(ENCODE["l16"](SPEECH[: 6 * RATE]))
    guard.listen()
    assert not guard.done
    assert [f.kind for f in guard.process(ENCODE["l16 big"](SPEECH))] == ["swapped-bytes"]


@pytest.mark.parametrize("at", [0, 100, 5000, 20_000, 90_000])
def test_pickled_in_mid_stream(at):
    for _, _, data, taken in FAULTS[::5]:
        guard = SoundGuard(taken, RATE)
        before = guard.process(data[:at])
        again = pickle.loads(pickle.dumps(guard))
        assert repr(again) == repr(guard)
        assert before + again.process(data[at:]) == heard(data, taken)


def test_a_pickle_of_a_closed_ear_takes_no_window():
    def allocated(guard):
        restore, arguments, _ = guard.__reduce__()
        tracemalloc.start()
        restore(*arguments)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most, len(arguments[-1])

    guard = SoundGuard("l16", RATE)
    guard.process(ENCODE["l16"](SPEECH[:RATE]))
    listening, window = allocated(guard)
    guard.process(ENCODE["l16"](SPEECH[: 6 * RATE]))
    assert guard.done
    assert listening > window > allocated(guard)[0]


def test_a_damaged_pickle_is_refused():
    restore, arguments, _ = SoundGuard("l16", RATE, byteorder="big").__reduce__()
    assert repr(restore(*arguments)) == "SoundGuard('l16', 8000, byteorder='big')"
    with pytest.raises(ValueError, match="damaged"):
        restore(*arguments[:-1], arguments[-1][:-1])
    other = SoundGuard("mulaw", RATE).__reduce__()[1][-1]
    with pytest.raises(ValueError, match="damaged"):
        restore(*arguments[:-1], other)
    body = bytearray(arguments[-1][4:])
    body[8:12] = b"\xff\xff\xff\xff"  # a frame that fits no rate
    with pytest.raises(ValueError, match="damaged"):
        restore(*arguments[:-1], zlib.crc32(body).to_bytes(4, "little") + bytes(body))


def test_a_second_thread_is_told():
    guard, began, told = SoundGuard("l16", RATE), threading.Event(), []
    long = np.tile(np.frombuffer(ENCODE["l16 big"](SPEECH), np.uint8), 400).tobytes()

    def work():
        began.set()
        for _ in range(10):
            try:
                guard.process(long)
            except RuntimeError as error:  # without a lock of Python's either may come first
                told.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    began.wait()
    while thread.is_alive():
        try:
            guard.reset()  # so that the other has something to do
        except RuntimeError as error:
            told.append(str(error))
    thread.join()
    assert told
    assert set(told) == {"this SoundGuard is in use by another thread; give each stream a SoundGuard of its own"}


# ---- arguments


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (("opus", 8000), ValueError, "encoding must be 'mulaw', 'alaw', 'l16', 'int16' or 'float32', not 'opus'"),
        ((None, 8000), TypeError, "not None"),
        (("l16", 7999), ValueError, "rate must be from 8000 to 48000 Hz, not 7999"),
        (("l16", 10**30), ValueError, "not 1000000"),
        (("l16", 8000.0), TypeError, "rate must be an integer number of Hz, not 8000.0"),
        (("l16", True), TypeError, "not True"),
    ],
)
def test_wrong_arguments(arguments, error, text):
    with pytest.raises(error, match=text.replace("(", r"\(")):
        SoundGuard(*arguments)


def test_wrong_data():
    with pytest.raises(ValueError, match="byteorder must be 'little' or 'big'"):
        SoundGuard("l16", 8000, byteorder="native")
    with pytest.raises(TypeError):
        SoundGuard("mulaw", 8000).process("text")
    guard = SoundGuard("float32", np.int64(8000))
    x = SPEECH.astype(np.float32)
    guard.process(x[:500])
    x[700] = np.nan
    with pytest.raises(ValueError, match=r"x must be finite, but x\[200\] is nan"):
        guard.process(x[500:])
    x[700] = 0
    assert guard.process(x[500:]) == []  # nothing of it was taken


@pytest.mark.resident_memory
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the system does not say what a process holds")
def test_what_it_held_goes_back_to_the_system():
    """Also from between what stays: a heap would keep the holes."""

    def held():
        gc.collect()
        return int(re.search(r"Anonymous: +(\d+) kB", Path("/proc/self/smaps_rollup").read_text())[1])

    sound = ENCODE["mulaw"](SPEECH[: 8 * RATE])
    before = held()
    guards, between = [], []
    for _ in range(400):
        guards.append(SoundGuard("mulaw", RATE))
        guards[-1].process(sound[:160])
        between.append(bytes(600))
    listening = held() - before
    for guard in guards:
        guard.process(sound)
        assert guard.done
    assert listening > 400 * 3  # what else the collector finds in the meantime counts against it
    assert held() - before < listening / 4
    del between  # not before
