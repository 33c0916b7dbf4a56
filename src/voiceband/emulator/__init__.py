"""Plivo's end of a call, emulated: a sans-IO core, and a driver that puts it on a socket."""

from voiceband.emulator.carrier.carrier import Carrier
from voiceband.emulator.carrier.leg import Retries
from voiceband.emulator.carrier.log import CallLog, Entry
from voiceband.emulator.carrier.player import Gap, Player
from voiceband.emulator.carrier.stream import Call
from voiceband.emulator.judge.findings import Finding
from voiceband.emulator.judge.lint import Linter, lint
from voiceband.emulator.judge.measures import Measures, measure

__all__ = [
    "Call",
    "CallLog",
    "Carrier",
    "Entry",
    "Finding",
    "Gap",
    "Linter",
    "Measures",
    "Player",
    "Retries",
    "lint",
    "measure",
]
