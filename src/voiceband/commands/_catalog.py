"""The list of commands, and where each is: only the module of the command that is asked for is imported."""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Command(NamedTuple):
    """What the list of commands says of one: what it does, and the extra that it needs."""

    summary: str
    extra: str


COMMANDS = {
    "batch": Command("Process a folder of recordings.", "batch"),
    "bench": Command("Measure what 20 ms of audio costs on this machine.", "cli"),
    "call": Command("Call an agent as the carrier would, and report what its caller heard.", "cli"),
    "convert": Command("Change the sample rate, encoding or container of a sound file.", "batch"),
    "demo": Command("Call the sample agent over a real WebSocket, and keep the recording.", "cli"),
    "denoise": Command("Suppress the noise in a sound file.", "batch"),
    "load": Command("Place many calls at once, and measure the gaps that callers hear.", "load"),
    "report": Command("Make one HTML page of a recorded call: what was heard, what happened, and why.", "report"),
    "serve": Command("Run an agent for every call that arrives at a port.", "serve"),
}


def command(name: str) -> Callable[..., int | None]:
    """Return the function of a command.

    Raises
    ------
    ModuleNotFoundError
        If an extra is missing; the text says which.
    """
    with missing(name):
        function: Callable[..., int | None] = getattr(importlib.import_module(f"voiceband.commands.{name}"), name)
    return function


@contextlib.contextmanager
def missing(name: str) -> Iterator[None]:
    """Let a package that a command lacks be told with the extra that brings it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if "pip install" in str(error) or (error.name or "").startswith("voiceband"):
            raise
        package = (error.name or "").partition(".")[0]
        text = f"needs {package}; pip install 'voiceband[{COMMANDS[name].extra}]' brings it"
        raise ModuleNotFoundError(text, name=error.name) from None
