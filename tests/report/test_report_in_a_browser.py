"""Reports as a person meets them, in a real browser: they draw, play, follow, obey the keyboard, run nothing else."""

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from _support.dose import dose
from _support.good_agents import voice
from _support.report_pages import HOSTILE, dialogue, hostile, write_wav
from voiceband.emulator.caller.sounds import load_sound, shipped
from voiceband.report import report

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing: make test brings it")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
POOR = """() => {
  const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
  const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = (c) => rgb(c).slice(0, 3).reduce((sum, v, i) => sum + linear(v / 255) * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (rgb(c)[3] !== 0) return c;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  for (const e of document.querySelectorAll("body *:not(svg *, script, style)")) {
    const says = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!says || e.offsetParent === null) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 30)}`);
  }
  return found;
}"""
"""Finds texts whose contrast with the nearest ground behind them is less than 4.5 to 1, the level AA of WCAG."""
PATIENCE_S = 30
LOADED = "[...document.querySelectorAll('audio')].every((a) => a.readyState >= 1)"


def until(page, truth):
    """Wait for something to come true; not in the page, whose policy forbids to evaluate texts there."""
    end = time.monotonic() + PATIENCE_S
    while not page.evaluate(truth):
        assert time.monotonic() < end, f"{truth} did not come true"
        page.wait_for_timeout(20)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Files of reports, by name."""
    folder = tmp_path_factory.mktemp("reports")
    dialogue(folder / "talk", 20.0)
    hostile(folder / "hostile")
    noisy = voice(3.0) + np.random.default_rng(1).normal(0, 300, 24000)
    write_wav(folder / "clip.wav", np.clip(noisy, -32768, 32767).astype(np.int16), 8000)
    sources = {"talk": folder / "talk", "hostile": folder / "hostile", "clip": folder / "clip.wav"}
    texts = {name: report(source) for name, source in sources.items()}
    texts["notebook"] = f"<!doctype html><meta charset=utf-8>{load_sound(shipped('@caller'))._repr_html_()}"
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


@pytest.fixture(scope="module")
def browser(pages):
    """A browser; what the pages are made with is done with its event loop before this has one."""
    path = os.environ.get("VOICEBAND_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        why = "there is no chromium: tools/get_browser.sh, which make test runs, installs it for root where apt-get is"
        if shutil.which("apt-get") and os.name == "posix" and os.geteuid() == 0:
            pytest.fail(why)
        pytest.skip(why)
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        yield found
        found.close()


@pytest.fixture(scope="module")
def window(browser):
    """Where most of the tests open their pages, one after the other: a context for each costs more than they do."""
    with browser.new_context() as context:
        yield context.new_page()


@pytest.fixture
def visit(browser, window, pages):
    """Open a report; at the end nothing must have been complained of or asked for."""
    contexts, visited, complaints = [], [], []
    allowed = {"about:blank"}
    heard = {
        "console": lambda message: complaints.append(f"{message.type}: {message.text}"),
        "pageerror": lambda error: complaints.append(str(error)),
        "dialog": lambda dialog: complaints.append("a dialog"),
        "request": lambda request: (
            None if request.url in allowed or request.url.startswith("data:") else complaints.append(request.url)
        ),
    }

    def open_page(name, *, width=1200, color_scheme="light", bypass_csp=False):
        page = window
        if bypass_csp:
            contexts.append(browser.new_context(bypass_csp=True))
            page = contexts[-1].new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=color_scheme)
        page.mouse.move(0, 0)
        for event, hear in heard.items():
            page.on(event, hear)
        visited.append(page)
        allowed.add(pages[name].as_uri())
        page.goto(pages[name].as_uri())
        until(page, LOADED)
        return page

    yield open_page
    for page in visited:
        page.goto("about:blank")
        for event, hear in heard.items():
            page.remove_listener(event, hear)
    for context in contexts:
        context.close()
    assert complaints == []


def at(page):
    """Where the cursor is, as a share of the timeline, and what the clock says in seconds."""
    x = page.evaluate("document.querySelector('#cursor, .cursor').getAttribute('x')")
    minutes, seconds = page.inner_text("#clock").split(":")
    return float(x.rstrip("%")) / 100, 60 * int(minutes) + float(seconds)


def times(page):
    return page.evaluate("[...document.querySelectorAll('audio')].map((a) => a.currentTime)")


def test_players_have_the_length_of_the_call(visit):
    page = visit("talk")
    lengths = page.evaluate("[...document.querySelectorAll('audio')].map((a) => a.duration)")
    assert lengths == pytest.approx([20.0, 20.0], abs=0.1)
    assert "20.0" in page.inner_text(".of")


def test_both_sides_play_and_the_cursor_follows(visit):
    page = visit("talk")
    page.click("#play")
    until(page, "[...document.querySelectorAll('audio')].every((a) => a.currentTime > 0.3)")
    assert page.inner_text("#play") == "Stop"
    until(page, "parseFloat(document.querySelector('#cursor').getAttribute('x')) > 1.5")
    page.click("#play")
    until(page, "[...document.querySelectorAll('audio')].every((a) => a.paused)")
    share, seconds = at(page)
    first, second = times(page)
    assert abs(first - second) < 0.2
    assert share * 20 == pytest.approx(seconds, abs=0.1)
    assert seconds == pytest.approx(first, abs=0.3)


def test_one_side_alone_moves_the_cursor_too(visit):
    page = visit("talk")
    page.evaluate("document.getElementById('agent').play()")
    until(page, "parseFloat(document.querySelector('#cursor').getAttribute('x')) > 1.5")
    assert page.evaluate("document.getElementById('caller').paused")


def test_a_click_on_the_timeline_moves_both_players(visit):
    page = visit("talk")
    box = page.locator("#track").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 60)
    assert at(page)[1] == pytest.approx(10.0, abs=0.1)
    assert times(page) == pytest.approx([10.0, 10.0], abs=0.1)
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60)
    page.mouse.up()
    assert at(page)[1] == pytest.approx(15.0, abs=0.1)


def test_a_player_that_is_moved_by_its_own_controls_takes_the_other_along(visit):
    page = visit("talk")
    page.evaluate("document.getElementById('agent').currentTime = 7")
    until(page, "Math.abs(document.getElementById('caller').currentTime - 7) < 0.05")
    assert at(page)[1] == pytest.approx(7.0, abs=0.1)


def test_a_time_in_a_list_is_a_way_there(visit):
    page = visit("talk")
    button = page.locator("#marks li.k-dtmf button.seek").first
    wanted = float(button.get_attribute("data-at"))
    button.click()
    assert times(page) == pytest.approx([wanted, wanted], abs=0.05)
    assert "k-" in page.locator("#marks li.now").get_attribute("class")


def test_the_keyboard_does_it_all(visit):
    page = visit("talk")
    page.focus("#track")
    for key, seconds in (
        ("ArrowRight", 1),
        ("Shift+ArrowRight", 11),
        ("ArrowLeft", 10),
        ("End", 20),
        ("Home", 0),
        ("ArrowLeft", 0),
    ):
        page.keyboard.press(key)
        assert at(page)[1] == pytest.approx(seconds, abs=0.1), key
    assert page.get_attribute("#track", "aria-valuenow") == "0.0"
    marks = sorted(
        {float(b) for b in page.eval_on_selector_all("#marks li", "all => all.map((li) => li.dataset.begin)")}
    )
    later = [mark for mark in marks if mark > 0.01]
    page.keyboard.press("n")
    page.keyboard.press("n")
    assert at(page)[1] == pytest.approx(later[1], abs=0.06)
    page.keyboard.press("p")
    assert at(page)[1] == pytest.approx(later[0], abs=0.06)
    wide = page.evaluate("document.getElementById('track').clientWidth")
    page.keyboard.press("+")
    assert page.evaluate("document.getElementById('track').clientWidth") == pytest.approx(2 * wide, abs=2)
    page.keyboard.press("-")
    page.keyboard.press("Space")
    until(page, "[...document.querySelectorAll('audio')].every((a) => !a.paused)")
    page.keyboard.press("Space")
    until(page, "[...document.querySelectorAll('audio')].every((a) => a.paused)")


def test_everything_that_acts_is_reached_with_tab_and_shows_it(visit):
    page = visit("talk")
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
            )
        )
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or reached[-1] in ("caller", "agent"), reached[-1]
    assert reached[0] == "skip"
    assert {"play", "in", "out", "before", "next", "track"} <= set(reached)
    page.focus("#before")
    page.keyboard.press("Enter")  # a button's own key is the button's


def test_kinds_of_marks_can_be_hidden(visit):
    page = visit("talk")
    assert page.locator("#marks li.k-dtmf").first.is_visible()
    assert page.locator(".mark.k-dtmf").first.is_visible()
    page.click(".legend label.k-dtmf")
    assert not page.locator("#marks li.k-dtmf").first.is_visible()
    assert not page.locator(".mark.k-dtmf").first.is_visible()
    assert page.locator("#marks li.k-checkpoint").first.is_visible()


def test_versions_of_a_clip_take_turns_at_the_same_place(visit):
    page = visit("clip")
    assert page.locator("audio").count() == 5
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    until(page, "document.getElementById('before').currentTime > 1.2")
    page.keyboard.press("4")
    until(page, "document.getElementById('level-85').currentTime > 1.3")
    playing = page.evaluate("[...document.querySelectorAll('audio')].filter((a) => !a.paused).map((a) => a.id)")
    assert playing == ["level-85"]
    assert page.get_attribute("button[data-which=level-85]", "aria-pressed") == "true"
    assert page.get_attribute("button[data-which=before]", "aria-pressed") == "false"


@pytest.mark.parametrize("bypass_csp", [False, True], ids=["as it is", "without its policy"])
def test_hostile_texts_do_not_run(visit, bypass_csp):
    page = visit("hostile", bypass_csp=bypass_csp)
    page.click("details summary")
    body = page.inner_text("body")
    for text in HOSTILE:
        assert text in body
    assert page.title().startswith("Call hostile")
    assert page.locator("script").count() == 1
    assert page.locator("img, iframe, object, embed").count() == 0
    assert (
        page.eval_on_selector_all(
            "*", "all => all.filter((e) => [...e.attributes].some((a) => a.name.startsWith('on'))).length"
        )
        == 0
    )


def test_the_policy_holds(browser, pages):
    """What the policy is for: even a script that had got into the page would not run."""
    page = browser.new_context().new_page()
    page.goto(pages["talk"].as_uri())
    page.evaluate("document.body.insertAdjacentHTML('beforeend', `<img src=x onerror=\"document.title='ran'\">`)")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: \"document.title='ran'\"}))"
    )
    page.wait_for_timeout(100)
    assert page.title().startswith("Call talk")
    page.context.close()


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    dose(
        [("talk", "light", 1200), ("clip", "dark", 360)],
        [("talk", "light", 1200), ("talk", "dark", 360), ("clip", "dark", 1200), ("clip", "light", 360)],
    ),
)
def test_it_is_drawn_in_any_light_and_size(visit, tmp_path, name, scheme, width):
    page = visit(name, width=width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out"
    image = colours_of(page.screenshot(full_page=True, path=tmp_path / "page.png"))
    paper = np.median(image[::7, ::7].reshape(-1, 3), axis=0).mean()
    assert (paper > 200) if scheme == "light" else (paper < 60)
    drawn = colours_of(page.locator("svg.drawing").first.screenshot())
    assert len(np.unique(drawn.reshape(-1, 3) @ [65536, 256, 1])) > 100, "there is a spectrogram"


def colours_of(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", dose(["talk"], ["talk", "hostile", "clip"]))
def test_texts_stand_out_from_their_ground(visit, name, scheme):
    page = visit(name, color_scheme=scheme)
    poor = page.evaluate(POOR)
    assert poor == []


def test_a_clip_of_a_notebook_plays(visit):
    page = visit("notebook")
    page.evaluate("document.querySelector('audio').play()")
    until(page, "document.querySelector('audio').currentTime > 0.1")


CELLS = (
    """
from voiceband.emulator import Caller
from voiceband.session import Audio

async def agent(call):
    async for event in call:
        if isinstance(event, Audio):
            await call.play(event.samples)

call = Caller()(agent, timeout_s=3.0)
call
""",
    """
from voiceband.emulator import Clip
Clip(call.said, call.rate)
""",
)


@pytest.mark.prove  # a kernel of Jupyter takes long to start
def test_a_notebook_that_was_executed_shows_its_pictures_and_plays(browser, tmp_path):
    for name in ("nbconvert", "ipykernel"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is missing: make test brings it")
    # Its files lie below the prefix of the environment that it was installed into, which need not be this one.
    data = Path(importlib.util.find_spec("nbconvert").origin).parents[4] / "share" / "jupyter"
    if not (data / "nbconvert" / "templates" / "lab").exists():
        pytest.skip(f"nbconvert's templates are not in {data}")
    cells = [
        {"cell_type": "code", "execution_count": None, "id": str(n), "metadata": {}, "outputs": [], "source": code}
        for n, code in enumerate(CELLS)
    ]
    notebook = tmp_path / "calls.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", str(notebook)]
    environment = {**os.environ, "JUPYTER_PATH": str(data)}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert ended.returncode == 0, ended.stderr
    with browser.new_context() as context:
        context.route("http*://**", lambda route: route.abort())  # the template's own, of mathematics
        page = context.new_page()
        page.goto(notebook.with_suffix(".html").as_uri(), wait_until="domcontentloaded")
        until(page, LOADED)
        figures = page.locator("figure")
        assert figures.count() == 3  # both sides of the call, and the clip
        for n in range(3):
            image = Image.open(io.BytesIO(figures.nth(n).locator("img").screenshot())).convert("RGB")
            colours = {colour for _, colour in image.getcolors(1 << 24)}
            assert (0x35, 0x98, 0x6A) in colours or (0x3A, 0x86, 0xD0) in colours
        page.evaluate("for (const a of document.querySelectorAll('audio')) { a.muted = true; a.play(); }")
        until(page, "[...document.querySelectorAll('audio')].every((a) => a.duration > 2.5 && a.currentTime > 0.1)")
