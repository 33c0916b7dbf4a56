"""Plivo's end of a call, emulated: a sans-IO core, and a driver that puts it on a socket."""

from voiceband.emulator.call import Call
from voiceband.emulator.carrier import Carrier
from voiceband.emulator.findings import Finding
from voiceband.emulator.leg import Retries
from voiceband.emulator.lint import Linter, lint
from voiceband.emulator.log import CallLog, Entry
from voiceband.emulator.measures import Measures, measure
from voiceband.emulator.player import Gap, Player

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
