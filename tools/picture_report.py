"""Draw docs/report.png: the top of the report of a call in which the agent talks over its caller.

Needs voiceband[cli,report], playwright and chromium (tools/get_browser.sh brings both).
"""

import argparse
import io
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from voiceband.emulator import BargeIn, Caller, Pause, Say, WaitFor
from voiceband.report import report
from voiceband.session import Audio

ROOT = Path(__file__).parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 1000, 860
TURNS = [
    Say("@caller", sentence=2), WaitFor("start", timeout_s=3), Pause(2.5),
    Say("@caller", sentence=1), WaitFor("start", timeout_s=3), BargeIn("@caller", sentence=2), Pause(4),
]  # fmt: skip


async def agent(call):
    """Say back each sentence, and go on talking when the caller interrupts."""
    sentence, quiet = [], 0
    async for event in call:
        if not isinstance(event, Audio):
            continue
        quiet = 0 if event.level_dbfs > -45 else quiet + 1
        if sentence or not quiet:
            sentence.append(event.samples)
        if sentence and quiet == 25:
            await call.play(np.concatenate(sentence), end=True)
            sentence = []


def main():
    """Place the call, write its report, and take a picture of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "report.png", help="picture (%(default)s)")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        call = Caller()(agent, script=TURNS, timeout_s=20, seed=1)
        page = Path(folder, "report.html")
        page.write_text(report(call.save(Path(folder, "shop"))), encoding="utf-8")
        with sync_playwright() as playwright:
            path = next(filter(None, map(shutil.which, BROWSERS)))
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            view = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1)
            view.goto(page.as_uri(), wait_until="load")
            picture = Image.open(io.BytesIO(view.screenshot()))
            browser.close()
        picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main()
