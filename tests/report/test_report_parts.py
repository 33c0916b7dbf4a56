"""The parts of a report: its pictures and players are decoded and compared with the sound, clips, and notebooks."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from _support.denoise_signals import as_int16
from _support.denoise_signals import voice as speech
from _support.good_agents import voice
from _support.report_pages import HOSTILE, Page, write_wav
from voiceband import denoise
from voiceband.emulator import Clip, Retries, Say, WaitFor
from voiceband.emulator.caller.sounds import load_sound, shipped
from voiceband.report import ReportError, report
from voiceband.report.clip import background_dbfs, clip_report
from voiceband.report.model import call_report
from voiceband.report.page import call_page
from voiceband.report.page_sound import LOSSLESS_BYTES, players, read
from voiceband.report.plots import MAX_COLUMNS, dots, level, spectrogram
from voiceband.report.sound_marks import sound_marks
from voiceband.report.stored import open_call
from voiceband.session import Started


def data_of(uri):
    return base64.b64decode(uri.partition("base64,")[2])


def sound_of(player):
    return soundfile.read(io.BytesIO(data_of(player.uri)), dtype="int16")


def tone(hz, seconds, rate=8000, amplitude=16384):
    return np.rint(amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.int16)


# ---- pictures


def test_the_level_is_that_of_each_column():
    x = np.concatenate([tone(1000, 0.5), np.zeros(4000, np.int16), tone(1000, 0.5, amplitude=164)])
    strip = level(x, 8000)
    assert (strip.width, strip.columns) == (150, 150)
    tops = [float(top) for top in re.findall(r"V([\d.]+)h1", strip.data)]
    # -9 dBFS of -70 to 0 is 13 % from the top, -49 dBFS 70 %, silence at the bottom.
    assert tops == pytest.approx([100 * 9.03 / 70] * 50 + [100] * 50 + [100 * 49.0 / 70] * 50, abs=1)


@given(st.integers(1, 200_000), st.sampled_from([8000, 16000]))
def test_columns_cover_a_recording_of_any_length(n, rate):
    strip = level(np.ones(n, np.int16), rate)
    assert strip.columns - 1 < strip.width <= strip.columns <= MAX_COLUMNS
    assert strip.data.count("h1") == strip.columns


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("seconds", [0.001, 0.3, 5.0, 61.237])
def test_a_spectrogram_shows_a_tone_where_it_is(rate, seconds):
    x = tone(1000, seconds, rate)
    n = len(x) // 3
    x[n : 2 * n] = tone(3000, seconds, rate)[n : 2 * n]
    x[2 * n :] = 0
    strip = spectrogram(x, rate)
    image = np.asarray(Image.open(io.BytesIO(data_of(strip.data))).convert("L")).astype(int)
    assert image.shape[1] == strip.columns <= MAX_COLUMNS
    if seconds < 0.3:
        return
    for third, hz in ((0, 1000), (1, 3000)):
        column = image[:, int((third + 0.5) / 3 * strip.width)]
        bright = (len(column) - 1 - int(np.argmax(column))) * rate / 2 / (len(column) - 1)
        assert bright == pytest.approx(hz, abs=2 * rate / 256)
    assert image[:, int(5 / 6 * strip.width)].max() == 0, "silence is black"


def test_a_click_is_seen_in_a_long_recording():
    x = np.zeros(16000 * 1800, np.int16)
    x[16000 * 1234 + 77] = 32767
    strip = spectrogram(x, 16000)
    image = np.asarray(Image.open(io.BytesIO(data_of(strip.data))).convert("L"))
    assert np.argmax(image.max(axis=0)) == int((16000 * 1234 + 77) / len(x) * strip.width)
    assert image.max() > 0


def test_dots_keep_the_worst_of_a_column():
    series = [(i * 0.001, 10.0) for i in range(100_000)]
    series[50_000] = (50.0, 90.0)
    path = dots(series, 100.0, 100.0)
    ys = [float(y) for y in re.findall(r"M\d+ ([\d.]+)h0", path.data)]
    assert len(ys) == path.columns == MAX_COLUMNS
    assert min(ys) == pytest.approx(95 - 90 * 0.9)
    assert sorted(ys)[1] == pytest.approx(95 - 90 * 0.1)
    least = dots([(0.0, 50.0), (0.001, 0.0)], 100.0, 100.0, least=True)
    assert least.data == "M0 95.0h0"


# ---- players


def test_players_are_the_samples_themselves():
    tracks = [voice(2.0), np.random.default_rng(1).integers(-32768, 32767, 12_345, np.int16)]
    for track, player in zip(tracks, players(tracks, 8000), strict=True):
        assert player.uri.startswith("data:audio/flac;base64,")
        pcm, rate = sound_of(player)
        assert rate == 8000
        assert np.array_equal(pcm, track)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_what_does_not_fit_is_compressed(rate, dose):
    seconds = dose(6, 60)
    noise = [np.random.default_rng(i).integers(-32768, 32767, seconds * rate, np.int16) for i in range(2)]
    small = players(noise, rate, budget=1_000_000 * seconds // 60)
    assert all(not player.lossless and player.uri.startswith("data:audio/mpeg;base64,") for player in small)
    assert sum(len(player.uri) for player in small) * 10 < LOSSLESS_BYTES * 4 / 3
    pcm, read_rate = sound_of(small[0])
    assert read_rate == rate
    assert len(pcm) == pytest.approx(seconds * rate, abs=rate)
    speech, _ = sound_of(players([voice(3.0, rate)], rate, budget=0)[0])
    reference = voice(3.0, rate).astype(float)
    wanted = reference[rate // 2 :][: 2 * rate]
    d = int(np.argmax(np.correlate(speech[: 3 * rate - 1], wanted, "valid")))
    assert np.corrcoef(speech[d : d + 2 * rate], wanted)[0, 1] > 0.98


def test_the_loudest_call_of_ten_minutes_fits(tmp_path, dose):
    seconds = dose(30, 600)
    noise = np.random.default_rng(1).integers(-32768, 32767, (2, seconds * 16000), np.int16)
    text = report(write_wav(tmp_path / "noise.wav", noise, 16000))
    assert len(text.encode()) <= 15_000_000
    assert ("compressed (MP3)" in Page(text).text) == (seconds == 600)


# ---- clips


def test_a_clip_is_compared_at_each_level(tmp_path):
    rng = np.random.default_rng(3)
    clip = np.clip(voice(3.0) + rng.normal(0, 300, 24000), -32768, 32767).astype(np.int16)
    clip[:4000] = rng.normal(0, 300, 4000)
    path = write_wav(tmp_path / "noisy.wav", clip, 8000)
    found = clip_report("noisy.wav", open_call(path))
    wanted = [clip, *(denoise(clip, 8000, level=level) for level in (60, 70, 85, 100))]
    for version, pcm in zip(found.versions, wanted, strict=True):
        assert np.array_equal(version.pcm, pcm)
    page = Page(report(path))
    heard = [soundfile.read(io.BytesIO(data_of(audio["src"])), dtype="int16")[0] for audio in page.of("audio")]
    for pcm, version in zip(heard, wanted, strict=True):
        assert np.array_equal(pcm, version)
    assert len(page.of("image")) == 5
    for level_name in ("As it was", "Level 60", "Level 70", "Level 85", "Level 100"):
        assert level_name in page.text


def test_the_background_is_that_of_the_quietest_tenth():
    x = np.concatenate([tone(500, 0.5, amplitude=3277), tone(500, 4.5)])  # -20 dB of full scale is -23 dBFS
    assert background_dbfs(x, 8000) == pytest.approx(-23.0, abs=0.1)
    assert background_dbfs(np.zeros(5, np.int16), 8000) == -np.inf


# ---- notebooks


def test_a_call_in_a_notebook(plivo_call):
    def agent(session, event, _now):
        if isinstance(event, Started):
            session.play(voice(2.0), 8000, end=True)

    call = plivo_call(agent, script=[WaitFor("stop"), Say("@caller")])
    html = call._repr_html_()
    page = Page(html)
    assert len(html) < 600_000
    assert page.of("script") == page.of("style") == page.of("link") == []
    assert "first audio 300 ms" in page.text
    for audio, track in zip(page.of("audio"), (call.said, call.heard), strict=True):
        pcm, _ = soundfile.read(io.BytesIO(data_of(audio["src"])), dtype="int16")
        assert np.array_equal(pcm, track)


SHOWN = {"div", "p", "strong", "small", "figure", "figcaption", "img", "audio", "ul", "li"}
"""Elements that Jupyter leaves in the outputs of a notebook that was executed elsewhere; SVG is none of them."""


def test_what_a_notebook_shows_is_shown_elsewhere_too(plivo_call):
    call = plivo_call(lambda *_: None, script=[Say("@caller")])
    page = Page(call._repr_html_())
    assert {tag for tag, _ in page.elements} <= SHOWN
    caller, _ = page.of("img")
    assert caller["alt"].startswith("The caller: level over 0:04.")
    drawn = data_of(caller["src"]).decode()
    strip = level(call.said, call.rate, 600)
    assert f'viewBox="0 0 {strip.width:.4f} 100"' in drawn
    assert f'd="{strip.data}"' in drawn


def test_a_call_that_never_came_about_in_a_notebook(plivo_call):
    call = plivo_call(
        "ws://127.0.0.1:9/", script=[WaitFor("start", timeout_s=0.1)], retries=Retries(most=0), timeout_s=1.0
    )
    page = Page(call._repr_html_())
    assert "no-connection" in page.text
    assert page.of("audio") == []


def test_hostile_texts_in_a_notebook(plivo_call):
    def agent(session, event, _now):
        if isinstance(event, Started):
            for text in HOSTILE:
                session.checkpoint(text)

    call = plivo_call(agent, script=[Say("@caller")])
    call.carrier.end_reason = HOSTILE[0]
    page = Page(call._repr_html_())
    assert HOSTILE[0] in page.text
    assert page.of("script") == []


def test_clips_in_a_notebook():
    clip = load_sound(shipped("@caller"))
    page = Page(clip._repr_html_())
    (audio,) = page.of("audio")
    pcm, rate = soundfile.read(io.BytesIO(data_of(audio["src"])), dtype="int16")
    assert rate == clip.rate
    assert np.array_equal(pcm, clip.pcm)
    assert Page(Clip(clip.pcm, None)._repr_html_()).of("audio") == []
    assert Page(Clip(np.zeros(0, np.int16), 8000)._repr_html_()).of("audio") == []
    long = Page(Clip(np.zeros(8000 * 600, np.int16), 8000)._repr_html_())
    assert long.of("audio") == []
    assert "no players" in long.text
    assert Clip(np.zeros((2, 5), np.int16), 8000)._repr_html_() is None


def test_what_is_missing_is_said(monkeypatch, tmp_path):
    path = write_wav(tmp_path / "two.wav", np.ones((2, 8000), np.int16), 8000)
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    model = call_report(open_call(path))
    with pytest.raises(Exception, match=r"jinja2; pip install 'voiceband\[report\]'"):
        call_page(model)
    assert load_sound(shipped("@caller"))._repr_html_() is None
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.image", None)
    with pytest.raises(Exception, match=r"matplotlib; pip install 'voiceband\[report\]'"):
        call_page(model)
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    (tmp_path / "two.flac").write_bytes(b"fLaC" + bytes(60))
    with pytest.raises(ReportError, match=r"FLAC needs soundfile; pip install"):
        read(tmp_path / "two.flac")
    with pytest.raises(ReportError, match=r"sound in a report needs soundfile; pip install"):
        players([read(path).pcm[0]], 8000)


# ---- marks of the sound


def test_tones_and_keys_of_the_line_are_marked():
    caller = np.concatenate([np.zeros(4000, np.int16), tone(1000, 0.5), np.zeros(4000, np.int16), tone(770, 0.1) // 2])
    caller[-800:] += tone(1336, 0.1) // 2
    beep, key = sound_marks(caller, np.zeros_like(caller), 8000)
    assert (beep.kind, key.kind) == ("tone", "dtmf")
    assert (beep.at_s, beep.end_s) == (pytest.approx(0.5, abs=0.02), pytest.approx(1.0, abs=0.02))
    assert "1000 Hz, a beep" in beep.text
    assert key.text.endswith("the key 5")


def test_the_agents_voice_coming_back_is_marked_and_a_caller_is_not():
    rate, t = 16000, np.arange(16000 * 12) / 16000
    agent = (speech(12, rate, -20, seed=3) * (t % 4 < 3)).astype(np.float64)
    echo = np.roll(agent, round(0.3 * rate)) * 0.1 * (t < 8)
    caller = speech(12, rate, -22, seed=11) * (t > 9)
    near = as_int16(echo + caller + np.random.default_rng(1).normal(0, 5e-4, len(t)))
    marks = [mark for mark in sound_marks(near, as_int16(agent), rate) if mark.kind == "echo"]
    assert sum(mark.end_s - mark.at_s for mark in marks) > 2
    assert max(mark.end_s for mark in marks) < 9.2
    assert all("about 300 ms late" in mark.text or "about 290 ms late" in mark.text for mark in marks)
    assert sound_marks(as_int16(caller), as_int16(agent), rate) == []
