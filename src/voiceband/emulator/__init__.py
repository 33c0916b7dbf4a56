"""Plivo's end of a phone call, emulated: a carrier, a caller with a line, networks, and a judge of the agent.

A `Carrier` is one phone call: it asks the answer URL, runs the XML, and opens streams, each connection of which is a
`CarrierStream`. `run_call` runs it in real time on sockets, `VirtualCall` on a clock that jumps, with agents in this
process: a `Session`, a `SessionAgent`, an `Answering`. The caller is a `Script` of steps (`Say`, `BargeIn`, `Pause`,
`WaitFor`, `WaitForSpeech`, `Press`, `HangUp`) on a `Line`; a `Network` delays messages. Everything goes into a
`CallLog`, from which `lint` finds what is wrong, and `measure` tells what it was like. A `RestApi` answers for calls
that run, and `serve_api` puts it on a socket.

All of this put together, as people place calls, is in `voiceband.emulator.call`; `Caller` is what the pytest fixture
``plivo_call`` gives. `run_call`, `load_scripts` and `Caller` need what ``voiceband[emulator]`` brings.
"""

import importlib
from typing import TYPE_CHECKING, Any

from voiceband.emulator.caller.line import Line
from voiceband.emulator.caller.script import Script, take_turns
from voiceband.emulator.caller.sounds import Clip
from voiceband.emulator.caller.steps import BargeIn, HangUp, Pause, Press, Say, Step, WaitFor, WaitForSpeech
from voiceband.emulator.carrier.announcements import espeak, murmur
from voiceband.emulator.carrier.carrier import Carrier
from voiceband.emulator.carrier.carrier_stream import CarrierStream
from voiceband.emulator.carrier.leg import Retries
from voiceband.emulator.carrier.log import CallLog, Entry
from voiceband.emulator.carrier.player import Gap, Player
from voiceband.emulator.carrier.rest import RestApi
from voiceband.emulator.carrier.rest_server import serve_api
from voiceband.emulator.judge.findings import Finding
from voiceband.emulator.judge.lint import Linter, lint
from voiceband.emulator.judge.measures import Measures, measure
from voiceband.emulator.judge.replay import replay
from voiceband.emulator.judge.rules import RULES
from voiceband.emulator.network.network import Network
from voiceband.emulator.network.presets import PRESETS, Preset, Way
from voiceband.emulator.run.agents import Agent, Answering, SessionAgent
from voiceband.emulator.run.virtual import VirtualCall

if TYPE_CHECKING:
    from voiceband.emulator.call.testing import Caller
    from voiceband.emulator.caller.script_file import load_scripts
    from voiceband.emulator.run.real import run_call

__all__ = [
    "PRESETS",
    "RULES",
    "Agent",
    "Answering",
    "BargeIn",
    "CallLog",
    "Caller",
    "Carrier",
    "CarrierStream",
    "Clip",
    "Entry",
    "Finding",
    "Gap",
    "HangUp",
    "Line",
    "Linter",
    "Measures",
    "Network",
    "Player",
    "Preset",
    "Press",
    "RestApi",
    "Retries",
    "Say",
    "Script",
    "SessionAgent",
    "Step",
    "VirtualCall",
    "Pause",
    "WaitFor",
    "WaitForSpeech",
    "Way",
    "espeak",
    "lint",
    "load_scripts",
    "measure",
    "murmur",
    "replay",
    "run_call",
    "serve_api",
    "take_turns",
]

_WITH_EXTRAS = {
    "Caller": "voiceband.emulator.call.testing",
    "load_scripts": "voiceband.emulator.caller.script_file",
    "run_call": "voiceband.emulator.run.real",
}


def __getattr__(name: str) -> Any:
    """Import what needs optional packages when it is asked for, so that the rest works without them."""
    if name not in _WITH_EXTRAS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_WITH_EXTRAS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
