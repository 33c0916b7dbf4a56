"""A call as people place it: target, caller, outcome, files.

A `Placement` is a call made ready: `target_of` reads an address, `ready_script` and `turns_of` make callers. When it
has been run it is a `PlacedCall`; a `CallRecord` keeps its files. `Caller` does all of it, as the pytest fixture
``plivo_call``; it needs what ``voiceband[emulator]`` brings.
"""

import importlib
from typing import TYPE_CHECKING, Any

from voiceband.emulator.call.place import Placement, target_of
from voiceband.emulator.call.placed import PlacedCall
from voiceband.emulator.call.record import CallRecord
from voiceband.emulator.caller.ready import ready_script, turns_of

if TYPE_CHECKING:
    from voiceband.emulator.call.testing import Caller

__all__ = ["CallRecord", "Caller", "PlacedCall", "Placement", "ready_script", "target_of", "turns_of"]


def __getattr__(name: str) -> Any:
    """Import `Caller` when it is asked for, so that the rest works without optional packages."""
    if name != "Caller":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("voiceband.emulator.call.testing").Caller


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
