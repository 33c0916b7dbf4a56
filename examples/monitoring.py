"""Call monitoring: listens to the caller's side only, and raises an alarm while the call still runs.

    pip install 'voiceband[fastapi]'
    PUBLIC_URL=https://voice.example.com python -m voiceband.examples.monitoring

The stream takes nothing from the call and adds nothing to it: it is one-way, and the call goes on beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from voiceband.servers import CallHandle
from voiceband.session import Audio, Dtmf, Started, Warned

STREAM = {"audio_track": "inbound", "content_type": "audio/x-mulaw;rate=8000"}
SPEECH_DBFS = -45.0
SILENT_S = 10.0
WINDOW_S = 5.0
LOST_SHARE = 0.05
QUIET_DBFS = -38.0
CLIPPED_SHARE = 0.002


class Alarm(NamedTuple):
    """Something that somebody should look at."""

    at_s: float
    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.at_s:6.1f} s  {self.what}: {self.detail}"


@dataclass
class Window:
    """What the latest few seconds were like."""

    seconds: float = 0.0
    speech_s: float = 0.0
    speech_power: float = 0.0  # times seconds
    lost_s: float = 0.0
    clipped: int = 0
    samples: int = 0

    def add(self, audio: Audio, seconds: float) -> None:
        """Count some audio in."""
        self.seconds += seconds
        self.samples += len(audio.samples)
        if audio.concealed:
            self.lost_s += seconds
            return
        self.clipped += int(np.count_nonzero(np.abs(audio.samples.astype(np.int32)) >= 32_000))
        if audio.level_dbfs > SPEECH_DBFS:
            self.speech_s += seconds
            self.speech_power += seconds * 10 ** (audio.level_dbfs / 10)

    def faults(self) -> dict[str, str]:
        """Return what is wrong with it."""
        found = {}
        if self.lost_s > LOST_SHARE * self.seconds:
            found["lost audio"] = f"{self.lost_s / self.seconds:.0%} of the last {self.seconds:.0f} s"
        if self.clipped > CLIPPED_SHARE * self.samples:
            found["clipping"] = f"{self.clipped / self.samples:.1%} of the samples are at the limit"
        if self.speech_s > 0.5:
            level = 10 * np.log10(self.speech_power / self.speech_s)
            if level < QUIET_DBFS:
                found["too quiet"] = f"speech at {level:.0f} dBFS"
        return found


@dataclass
class Monitored:
    """What is known of a call at its end."""

    seconds: float = 0.0
    keys: int = 0  # how many, not which: callers type card numbers
    alarms: list[Alarm] = field(default_factory=list)


async def monitor(call: CallHandle, tell: Callable[[Alarm], object] = print) -> Monitored:
    """Watch one call, and `tell` each alarm at once; the same one again only when it had been over."""
    seen, window, wrong = Monitored(), Window(), {}
    rate, silent_s = 8000, 0.0

    def alarm(what: str, detail: str) -> None:
        seen.alarms.append(Alarm(seen.seconds, what, detail))
        tell(seen.alarms[-1])

    async for event in call:
        if isinstance(event, Started):
            rate = event.format.sample_rate
        elif isinstance(event, Dtmf):
            seen.keys += 1
        elif isinstance(event, Warned):
            if event.kind not in ("clipped", "too-quiet"):  # these are measured below, for as long as the call lasts
                alarm("wrong format", event.reason)
        elif isinstance(event, Audio):
            seconds = len(event.samples) / rate
            seen.seconds += seconds
            window.add(event, seconds)
            silent_s = 0.0 if event.level_dbfs > SPEECH_DBFS else silent_s + seconds
            if silent_s - seconds < SILENT_S <= silent_s:
                alarm("silence", f"nothing from the caller for {SILENT_S:.0f} s")
            if window.seconds >= WINDOW_S:
                faults = window.faults()
                for what, detail in faults.items():
                    if what not in wrong:
                        alarm(what, detail)
                wrong, window = faults, Window()
    return seen


if __name__ == "__main__":
    from voiceband.examples.answer_server import main

    from voiceband.markup import Speak, Wait

    main(monitor, stream=STREAM, then=(Speak("This call is monitored."), Wait(120)))
