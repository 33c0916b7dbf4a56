"""Quality analysis: how well two people on a call can hear each other, as a table and a plot.

    pip install 'voiceband[cli,fastapi,plot]'
    PUBLIC_URL=https://voice.example.com python -m voiceband.examples.quality

Both tracks are cut into frames of 20 ms, and only the power of each frame is kept: a day of call takes 70 MB.
"""

from array import array
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from voiceband import Rechunker
from voiceband.servers import CallHandle
from voiceband.session import Audio, Started

STREAM = {"audio_track": "both", "content_type": "audio/x-mulaw;rate=8000"}
NAMES = {"inbound": "caller", "outbound": "agent"}
FRAME_S = 0.02
FLOOR = 1e-9  # -90 dBFS: what is below it is digital silence
PAUSE = round(0.2 / FRAME_S)  # so many frames without speech, or fewer, belong to it


def dbfs(power: float) -> float:
    """Return power in dB of full scale."""
    return 10 * float(np.log10(max(power, FLOOR)))


class Side:
    """One track, from the power of its frames; `gaps_ms` is audio that never came."""

    def __init__(self, name: str, power: NDArray[np.float64], gaps_ms: float) -> None:
        self.name, self.power, self.gaps_ms = name, power, gaps_ms
        quietest = float(np.percentile(power, 10)) if len(power) else FLOOR
        # Speech is louder than the noise, which wavers from frame to frame, and not inaudible.
        self.speech = power > max(4 * quietest, 10**-5.5)
        for before, after in pairwise(np.flatnonzero(self.speech)):
            if after - before <= PAUSE:
                self.speech[before:after] = True
        noise = float(np.mean(power[~self.speech])) if not self.speech.all() else quietest
        speech = float(np.mean(power[self.speech])) - noise if self.speech.any() else 0.0
        self.noise_dbfs, self.level_dbfs = dbfs(noise), dbfs(speech)
        self.snr_db = self.level_dbfs - self.noise_dbfs


class Quality:
    """Both sides of a call, and how long both or neither spoke."""

    def __init__(self, sides: list[Side]) -> None:
        self.sides = sides
        speaking = np.sum([side.speech for side in sides], axis=0)
        self.talk_over_s = FRAME_S * int(np.count_nonzero(speaking == 2))
        self.silence_s = FRAME_S * int(np.count_nonzero(speaking == 0))

    def table(self) -> Table:
        """Return the figures."""
        table = Table("", *(side.name for side in self.sides), title="Call quality")
        rows = {"speech, dBFS": "level_dbfs", "noise, dBFS": "noise_dbfs", "SNR, dB": "snr_db", "gaps, ms": "gaps_ms"}
        for row, attribute in rows.items():
            table.add_row(row, *(f"{getattr(side, attribute):.0f}" for side in self.sides))
        table.add_row("speaking, s", *(f"{FRAME_S * np.count_nonzero(side.speech):.1f}" for side in self.sides))
        table.add_row("both, s", f"{self.talk_over_s:.1f}")
        table.add_row("nobody, s", f"{self.silence_s:.1f}")
        return table

    def plot(self, path: Path | str) -> None:
        """Write the levels over time, speech shaded, as an image."""
        figure = Figure(figsize=(10, 5), layout="constrained")
        for axes, side in zip(figure.subplots(len(self.sides), sharex=True), self.sides, strict=True):
            seconds = FRAME_S * np.arange(len(side.power))
            axes.plot(seconds, 10 * np.log10(np.maximum(side.power, FLOOR)), linewidth=0.7)
            axes.fill_between(seconds, -90, 0, where=side.speech, alpha=0.2)
            axes.axhline(side.noise_dbfs, linestyle=":")
            axes.set(title=side.name, xlabel="s", ylabel="dBFS", ylim=(-90, 0))
        figure.savefig(path)


async def analyse(call: CallHandle) -> Quality:
    """Listen to one call, and return what it was like when it is over."""
    powers, lost_ms = {track: array("d") for track in NAMES}, dict.fromkeys(NAMES, 0.0)
    frames: dict[str, Rechunker] = {}
    rate = 8000
    async for event in call:
        if isinstance(event, Started) and not event.again:
            rate = event.format.sample_rate
            frames = {track: Rechunker(round(FRAME_S * rate)) for track in NAMES}
        elif isinstance(event, Audio) and event.track in frames:
            lost_ms[event.track] += 1000 * len(event.samples) / rate * event.concealed
            for block in frames[event.track].process(event.samples):
                powers[event.track].append(float(np.mean(np.square(block.samples / 32768))))
    n = min(map(len, powers.values()))
    return Quality([Side(name, np.array(powers[track])[:n], lost_ms[track]) for track, name in NAMES.items()])


async def report(call: CallHandle) -> None:
    """Show one call's table when it is over, and write its plot."""
    quality = await analyse(call)
    Console().print(quality.table())
    quality.plot(f"quality-{call.session.call_id}.png")


if __name__ == "__main__":
    from voiceband.examples.answer_server import main

    from voiceband.markup import Speak, Wait

    main(report, stream=STREAM, then=(Speak("Please say something."), Wait(120)))
