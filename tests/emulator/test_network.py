"""The network: its presets' statistics, TCP's promises, and traces."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceband.emulator.network.network import WAYS, Network
from voiceband.emulator.network.presets import PRESETS, Preset, Way

MESSAGE_BYTES = 448


def delays_ms(network, way, seconds=600, start=1000.0):
    """Send a message every 20 ms; return each one's delay."""
    sends = start + np.arange(round(seconds * 50)) * 0.02
    arrivals = np.array([network.arrival(s, MESSAGE_BYTES, way) for s in sends.tolist()])
    assert (np.diff(arrivals) >= 0).all()
    return (arrivals - sends) * 1000


# (least, most) of the median, the 95th and 99th percentile and the maximum, in ms, over ten minutes and ten seeds.
BOUNDS = {
    "clean": [(25, 25), (25, 25), (25, 25), (25, 25)],
    "jittery": [(50, 65), (85, 105), (105, 140), (130, 220)],
    "bursty": [(70, 95), (110, 137), (115, 145), (130, 160)],
    "stalls": [(30, 40), (150, 700), (700, 1400), (1150, 1560)],
    "mobile": [(68, 85), (150, 700), (350, 1900), (600, 2600)],
    "odd-sizes": [(25, 25), (25, 25), (25, 25), (25, 25)],
    "skew": [(25, 25), (25, 25), (25, 25), (25, 25)],
}


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("way", WAYS)
def test_statistics(name, way, dose):
    for seed in range(dose(1, 10)):
        delays = delays_ms(Network(name, seed=seed), way)
        got = [np.median(delays), *np.percentile(delays, [95, 99]), delays.max()]
        for value, (low, high) in zip(got, BOUNDS[name], strict=True):
            assert low - 1e-6 <= value <= high + 1e-6, (seed, got)


def test_stalls_are_as_often_and_as_long_as_stated():
    # Of the messages, rate x E[(L - d)+] come later than d: with L even from 0.2 to 1.5 s that is known.
    delays = np.concatenate([delays_ms(Network("stalls", seed=s), "sent") - 30 for s in range(30)])
    for d in (400, 800, 1200):
        stalled = 6 / 60_000 * (1500 - d) ** 2 / (2 * 1300) / (1 + 6 * 0.85 / 60)
        assert np.mean(delays > d) == pytest.approx(stalled, rel=0.2)


def test_the_slow_reader_falls_behind_by_a_fifth():
    network = Network("slow-reader")
    delays = delays_ms(network, "sent", seconds=60)
    assert delays[-1] == pytest.approx(25 + 3000 * 5 + 20, abs=30)
    assert network.backlog_s(1060.0) == pytest.approx(12, abs=0.1)
    assert delays_ms(network, "received").max() == pytest.approx(25)
    # After the last message it catches up, and nothing waits.
    assert network.backlog_s(1075.1) == 0


def test_a_clean_connection_has_no_backlog():
    network = Network("clean")
    delays_ms(network, "sent", seconds=1)
    assert network.backlog_s(1000.99) == 0


def test_a_stall_is_a_backlog_while_it_lasts():
    network = Network(
        Preset(to_agent=Way(delay_ms=0, stalls_per_min=60, stall_ms=(500, 500)), to_carrier=Way(delay_ms=0))
    )
    ages = []
    for i in range(500):
        now = i * 0.02
        network.arrival(now, 100, "sent")
        ages.append(network.backlog_s(now))
    assert 0.46 < max(ages) <= 0.5
    assert min(ages) == 0


def test_bursty_messages_come_together_and_throughput_delays_large_ones():
    network = Network("bursty", seed=4)
    arrivals = [network.arrival(i * 0.02, MESSAGE_BYTES, "sent") for i in range(1000)]
    assert len({round(a, 6) for a in arrivals}) == pytest.approx(200, abs=3)
    slow = Network(Preset(to_agent=Way(delay_ms=10), to_carrier=Way(delay_ms=10, bytes_per_s=10_000)))
    assert [slow.arrival(0.0, 1000, "received") for _ in range(3)] == pytest.approx([0.11, 0.21, 0.31])


def test_lost_messages_hold_up_those_behind_them():
    way = Way(delay_ms=10, loss=0.02, resend_ms=(200, 200))
    delays = delays_ms(Network(Preset(to_agent=way, to_carrier=way)), "sent")
    assert np.mean(np.isclose(delays, 210)) == pytest.approx(0.02, abs=0.006)
    # The nine messages sent during the 200 ms come with it.
    assert np.mean(delays > 10.001) == pytest.approx(1 - 0.98**10, abs=0.03)


@pytest.mark.parametrize("name", PRESETS)
def test_seeds_repeat_and_directions_do_not_mix(name):
    a, b, c = Network(name, seed=5), Network(name, seed=5), Network(name, seed=6)
    first = {way: delays_ms(a, way, 100).tolist() for way in WAYS}
    turns = {way: [] for way in WAYS}
    for i in range(5000):
        for way in WAYS:
            turns[way].append(b.arrival(1000 + i * 0.02, MESSAGE_BYTES, way))
    for way in WAYS:
        sends = 1000 + np.arange(5000) * 0.02
        np.testing.assert_allclose((np.array(turns[way]) - sends) * 1000, first[way], atol=1e-6)
    if any(w.jitter_ms for w in (PRESETS[name].to_agent, PRESETS[name].to_carrier)):
        assert first["sent"] != first["received"]
        assert first["sent"] != delays_ms(c, "sent", 100).tolist()


@given(
    name=st.sampled_from(sorted(PRESETS)),
    steps=st.lists(st.tuples(st.floats(0, 3), st.integers(0, 65536), st.sampled_from(WAYS)), max_size=60),
    seed=st.integers(0, 3),
)
def test_nothing_is_early_and_nothing_overtakes(name, steps, seed):
    network, now, last = Network(name, seed=seed), 5.0, dict.fromkeys(WAYS, -math.inf)
    for step, size, way in steps:
        now += step
        at = network.arrival(now, size, way)
        least = PRESETS[name].to_agent.delay_ms / 1000
        assert now + least - 1e-9 <= at < now + 120
        assert at >= last[way]
        last[way] = at


def test_sizes_and_clocks():
    assert Network("clean").frame_ms() is None
    sizes = [ms for ms, _ in zip(Network("odd-sizes", seed=1).frame_ms(), range(5000), strict=False)]
    assert set(sizes) == set(PRESETS["odd-sizes"].frame_ms)
    assert sizes == [ms for ms, _ in zip(Network("odd-sizes", seed=1).frame_ms(), range(5000), strict=False)]
    skew = Network("skew")
    assert skew.agent_time(600.0) - 600.0 == pytest.approx(0.12)
    assert skew.carrier_time(skew.agent_time(1234.5)) == pytest.approx(1234.5)
    assert Network("clean").agent_time(600.0) == 600.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Way(delay_ms=-1), "delay_ms must be from 0 to 60000, not -1"),
        (lambda: Way(delay_ms=1, loss=2), "loss must be from 0 to 1, not 2"),
        (lambda: Way(delay_ms=1, stall_ms=(300, 200)), "stall_ms must be from 300 to 60000, not 200"),
        (lambda: Way(delay_ms=1, bytes_per_s=math.inf), "bytes_per_s must be from 0 to 1e.12, not inf"),
        (lambda: Preset(to_agent=Way(delay_ms=1), to_carrier=Way(delay_ms=1), frame_ms=()), "at least one length"),
        (lambda: Preset(to_agent=Way(delay_ms=1), to_carrier=Way(delay_ms=1), frame_ms=(0,)), "frame_ms must be"),
        (lambda: Preset(to_agent=Way(delay_ms=1), to_carrier=Way(delay_ms=1), skew_ppm=1e6), "skew_ppm must be"),
    ],
)
def test_bad_presets(make, message):
    with pytest.raises(ValueError, match=message):
        make()


class TestTrace:
    def write(self, path, text):
        path.write_text(text, encoding="utf-8")
        return path

    def measured(self, path, n=3000):
        """Write a trace of a network of the test's own; return what it says."""
        rng = random.Random(1)
        rows, last = [], 0.0
        for i in range(n):
            send = i * 20.0
            last = max(last, send + 30 + rng.expovariate(1 / 20) + (700 if i % 500 == 99 else 0))
            rows.append((i, send, last))
        self.write(path, "seq,send_ms,arrival_ms\n" + "".join(f"{a},{b},{c:.6f}\n" for a, b, c in rows))
        return rows

    def test_is_followed_both_ways_and_starts_anew(self, tmp_path):
        rows = self.measured(tmp_path / "t.csv")
        network = Network(tmp_path / "t.csv")
        expected = [c - b for _, b, c in rows]
        got = delays_ms(network, "sent", seconds=120)
        np.testing.assert_allclose(got[:3000], expected, atol=1e-5)
        np.testing.assert_allclose(got[3100:6000], expected[100:], atol=1e-5)
        back = delays_ms(network, "received", seconds=30)
        np.testing.assert_allclose(back[:1500], expected[1500:], atol=1e-5)
        assert max(expected) > 700

    def test_messages_between_two_rows(self, tmp_path):
        path = self.write(tmp_path / "t.CSV", "\ufeffseq, send_ms, arrival_ms\n1,0,10\n2,100,210\n\n5,200,230\n")
        network = Network(str(path))
        got = [network.arrival(s, 1, "sent") - s for s in (7.0, 7.05, 7.1, 7.15, 7.2, 7.25)]
        # The fourth would have 70 ms and come exactly behind the third; the last two come after it in order.
        assert got == pytest.approx([0.010, 0.060, 0.110, 0.070, 0.030, 0.030])

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "line 1 must be seq,send_ms,arrival_ms, not ''"),
            ("seq,sent,arrival_ms\n", "line 1 must be seq,send_ms,arrival_ms, not 'seq,sent,arrival_ms'"),
            ("seq,send_ms,arrival_ms\n1,0,10\n", "at least two messages, not 1"),
            ("seq,send_ms,arrival_ms\n1,0,10\n2,20\n", "line 3 must have 3 columns, not 2"),
            ("seq,send_ms,arrival_ms\n1,0,10\n2,twenty,30\n", "line 3: send_ms must be a number, not 'twenty'"),
            ("seq,send_ms,arrival_ms\n1,0,10\n2,20,nan\n", "line 3: arrival_ms must be a number, not 'nan'"),
            ("seq,send_ms,arrival_ms\n1,0,10\n1,20,30\n", "line 3: seq must rise, but 1 follows 1"),
            ("seq,send_ms,arrival_ms\n1,5,10\n\n2,5,30\n", "line 4: send_ms must rise, but 5 follows 5"),
            ("seq,send_ms,arrival_ms\n1,0,10\n2,20,19\n", "line 3: arrival_ms must not lie before send_ms, but 19"),
        ],
    )
    def test_errors_name_the_line(self, tmp_path, text, message):
        path = self.write(tmp_path / "bad.csv", text)
        with pytest.raises(ValueError, match=f"bad.csv: .*{message}"):
            Network(path)

    def test_what_is_no_network(self, tmp_path):
        with pytest.raises(ValueError, match=r"network must be one of clean, jittery, .* or a CSV file, not 'fast'"):
            Network("fast")
        with pytest.raises(ValueError, match=r"absent\.csv cannot be read: No such file"):
            Network(tmp_path / "absent.csv")
        (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ValueError, match=r"binary\.csv: "):
            Network(tmp_path / "binary.csv")
