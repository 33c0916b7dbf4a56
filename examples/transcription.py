"""Real-time transcription: both speakers of a call in one transcript, in the order in which they spoke.

    pip install 'voiceband[fastapi,recognise]'
    PUBLIC_URL=https://voice.example.com python -m voiceband.examples.transcription

The stream carries both tracks: inbound is what the caller says, outbound what the caller hears. A recogniser is
anything with `words(speech)`: pocketsphinx, which runs offline, stands here for the one of your choice.
"""

import asyncio
import bisect
from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from voiceband.examples.agent import EnergyGate

from voiceband.servers import CallHandle
from voiceband.session import Audio

RATE = 16_000  # Hz
STREAM = {"audio_track": "both", "content_type": "audio/x-l16;rate=16000"}
SPEAKERS = {"inbound": "caller", "outbound": "agent"}
MOST_WAITING = 20  # utterances of one speaker that may wait for the recogniser


class Recogniser(Protocol):
    """Turns speech into words, in a thread; each speaker has one."""

    def words(self, speech: NDArray[np.int16]) -> str:
        """Return what was said in an utterance at `RATE`; nothing if that was no speech."""


class Sphinx:
    """The offline recogniser of CMU, with the English model that it brings."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self.decoder = Decoder(samprate=RATE, loglevel="FATAL")

    def words(self, speech: NDArray[np.int16]) -> str:
        """Return what was said."""
        self.decoder.start_utt()
        self.decoder.process_raw(speech.tobytes(), full_utt=True)
        self.decoder.end_utt()
        return found.hypstr if (found := self.decoder.hyp()) else ""


class Stub:
    """Stands in for a recogniser: it knows no words, but says how much there would be to recognise."""

    def words(self, speech: NDArray[np.int16]) -> str:
        """Return the length of the speech."""
        return f"[{len(speech) / RATE:.1f} s of speech]"


class Said(NamedTuple):
    """One utterance; the order of these is the order of the transcript."""

    start_s: float
    speaker: str
    words: str

    def __str__(self) -> str:
        return f"{self.start_s:6.1f} s  {self.speaker}: {self.words}"


class Speaker:
    """One track: its utterances wait here for their recogniser."""

    def __init__(self, track: str) -> None:
        self.name = SPEAKERS[track]
        self.gate = EnergyGate(RATE)
        self.end_s = 0.0
        self.utterances: asyncio.Queue[tuple[float, NDArray[np.int16]] | None] = asyncio.Queue(MOST_WAITING)

    async def heard(self, speech: NDArray[np.int16] | None) -> None:
        """Pass on an utterance that has just ended, if there is one."""
        if speech is not None:
            await self.utterances.put((self.end_s - len(speech) / RATE, speech))

    async def write_down(self, recogniser: Callable[[], Recogniser], note: Callable[[Said], None]) -> None:
        """Recognise what was heard, until the call is over, while others read the socket."""
        ears = await asyncio.to_thread(recogniser)  # models take their time to load
        while (utterance := await self.utterances.get()) is not None:
            if words := await asyncio.to_thread(ears.words, utterance[1]):
                note(Said(utterance[0], self.name, words))


async def transcribe(
    call: CallHandle, recogniser: Callable[[], Recogniser], tell: Callable[[Said], object] = print
) -> list[Said]:
    """Write down one call: `tell` each utterance as soon as its words are known, and return all of them in order."""
    transcript: list[Said] = []
    speakers: dict[str, Speaker] = {}
    call.session.rate = RATE  # whatever the wire carries

    def note(said: Said) -> None:
        bisect.insort(transcript, said)
        tell(said)

    async with asyncio.TaskGroup() as writers:
        async for event in call:
            if isinstance(event, Audio):
                if event.track not in speakers:
                    speakers[event.track] = Speaker(event.track)
                    writers.create_task(speakers[event.track].write_down(recogniser, note))
                speaker = speakers[event.track]
                speaker.end_s = event.position_ms / 1000 + len(event.samples) / RATE
                await speaker.heard(speaker.gate.push(event.samples))
        for speaker in speakers.values():
            await speaker.heard(speaker.gate.finish())  # whoever was speaking when the call ended
            await speaker.utterances.put(None)
    return transcript


if __name__ == "__main__":
    from voiceband.examples.answer_server import main

    from voiceband.markup import Speak, Wait

    ears = Sphinx if find_spec("pocketsphinx") else Stub
    main(lambda call: transcribe(call, ears), stream=STREAM, then=(Speak("Please say something."), Wait(120)))
