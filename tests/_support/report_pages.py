"""What tests of reports share: calls that were stored, strings that want to run, and a reader of pages."""

import json
import wave
from html.parser import HTMLParser

import numpy as np

from _support.desk import Desk
from _support.good_agents import voice
from voiceband.emulator import CallLog, CarrierStream
from voiceband.emulator.call.place import Placement, target_of
from voiceband.emulator.call.placed import PlacedCall
from voiceband.emulator.call.record import CallRecord
from voiceband.emulator.caller.steps import BargeIn, Pause, Press, Say, WaitFor
from voiceband.emulator.run.agents import SessionAgent
from voiceband.emulator.run.virtual import VirtualCall
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.protocol import Checkpoint, PlayAudio
from voiceband.session import Audio, Dtmf, Session, Started

HOSTILE = (
    "<script>document.title='ran'</script>",
    '"><img src=x onerror="document.title=\'ran\'">',
    "'><svg onload='document.title=`ran`'>",
    "</script><script>document.title='ran'</script>",
    "</title></style><script>document.title='ran'</script>",
    "javascript:document.title='ran'",
    "{{ 7 * 191 }}{% raw %}",
    "<!--",
)
VOID = {"meta", "link", "img", "input", "br", "hr"}


class Page(HTMLParser):
    """A page as a browser's parser sees it: elements with their attributes, and texts."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self.texts = []
        self.scripts = []
        self._open = []
        self.feed(text)
        self.close()
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, f"{tag} is closed in its turn"

    def handle_data(self, data):
        if self._open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self._open[-1:] != ["style"] and data.strip():
            self.texts.append(data.strip())

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def of(self, tag, **wanted):
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in wanted.items())]

    def classes(self, name):
        return [a for _, a in self.elements if name in (a.get("class") or "").split()]


def store(folder, log, *, sound=None, rate=8000):
    """Write files of a call, as `voiceband call` names them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wire.jsonl").write_text("".join(log.lines()), encoding="utf-8")
    if sound is not None:
        write_wav(folder / "call.wav", sound, rate)
    return folder


def write_wav(path, pcm, rate):
    """Write int16 samples of shape (channels, n) or (n,)."""
    pcm = np.atleast_2d(pcm)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(pcm))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.T.astype("<i2").tobytes())
    return path


def short_call(folder):
    desk = Desk()
    desk.say(100, 500)
    desk.play(900, 500)
    desk.end(2000)
    return store(folder, desk.call.log)


def dialogue(folder, seconds, *, network="jittery", seed=1):
    """Record a call of turns, interruptions and keys on virtual time; return it, over."""
    answer = voice(2.5)
    state = {"spoke": False, "quiet_since": 0.0, "n": 0}

    def act(session, event, now):
        if isinstance(event, Started):
            session.play(answer, 8000, name="greeting", end=True)
        elif isinstance(event, Dtmf):
            session.interrupt(now)
        elif isinstance(event, Audio):
            if event.level_dbfs > -35:
                state.update(spoke=True, quiet_since=now)
            elif state["spoke"] and now - state["quiet_since"] > 0.5:
                state.update(spoke=False, n=state["n"] + 1)
                session.play(answer, 8000, name=f"reply-{state['n']}", end=True)

    turns = [
        Say("@caller", sentence=1),
        WaitFor("start", timeout_s=2),
        BargeIn("@caller", sentence=2),
        Press("1"),
        Pause(1),
    ]
    steps = turns * (int(seconds / 5) + 1)
    with CallRecord(folder) as record:
        options = {"network": network, "noise": "street", "snr_db": 20.0, "seed": seed, "log": record.log}
        placement = Placement(target_of("ws://agent.test/", "extraHeaders=who=caller"), steps, **options)
        phone = VirtualCall(
            placement.carrier,
            lambda _: SessionAgent(Session(), act),
            network=placement.networks,
            # The last words are said out.
            on_tick=lambda now, carrier: placement.tick(now, carrier) if now < seconds - 3 else None,
        )
        phone.run(seconds)
        placement.carrier.hang_up(phone.now)
        phone.run(phone.now + 1)
        call = PlacedCall(placement)
        record.write(call)
    return call


def hostile(folder):
    """Store a call in which every text that others choose wants to run in a browser."""
    everything = " ".join(HOSTILE)
    call = CarrierStream(
        extra_headers=everything, call_id=HOSTILE[0], stream_id=HOSTILE[1], account_id=HOSTILE[2], seed=1
    )
    call.start(0.0)
    call.say(voice(1.0))
    call.receive(PlayAudio(PLIVO_MULAW_8K.encode(voice(1.0)), PLIVO_MULAW_8K).encode(), 0.5)
    for text in HOSTILE:
        call.receive(Checkpoint(text, call.stream_id).encode(), 0.6)
    call.receive(json.dumps({"event": HOSTILE[0], "streamId": HOSTILE[3]}), 0.7)
    call.receive(everything, 0.8)
    call.press("1", 1.5)
    call.poll(2.5)
    call.log.add(2.5, "event", "closed", None, code=1011, reason=everything, proper=True)
    call.log.add(2.5, "event", HOSTILE[0], None, **{HOSTILE[1]: HOSTILE[2]})
    call.hang_up(2.5)
    log = CallLog.read(
        line.replace('\\"digit\\":\\"1\\"', f'\\"digit\\":{json.dumps(json.dumps(everything))[1:-1]}')
        for line in call.log.lines()
    )
    store(folder, log)
    steps = [{"step": everything, "what": everything}]
    (folder / "summary.json").write_text(json.dumps({"timed_out": steps}), encoding="utf-8")
    return folder
