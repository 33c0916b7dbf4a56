"""The `voiceband` command: one subcommand per module of `voiceband.commands`."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

COMMANDS = {
    "batch": "Put a folder of recordings through a pipeline.",
    "bench": "Measure what 20 ms of audio cost on this machine: in every kernel, in messages and in sessions.",
    "call": "Call an agent as the carrier would, and say what its caller heard.",
    "convert": "Change the sample rate of a sound file, channel by channel.",
    "demo": "Place a call to the sample agent over a real WebSocket, and keep its recording.",
    "denoise": "Suppress the noise of a sound file, channel by channel.",
    "load": "Place many calls at once, and measure the silence that callers hear inside the agent's speech.",
    "report": "Make one HTML page of a stored call: what was heard, what happened, and why.",
    "serve": "Run an agent for every call that comes to a port.",
}
"""What each does, for the list of them; only the module of the one that is asked for is imported."""


def main() -> None:
    """Run the command line; say which extra is missing, and stop quietly on Ctrl-C at any time."""
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(130)


def _run() -> None:
    try:
        import rich
        import typer
    except ModuleNotFoundError as error:
        sys.exit(f"voiceband: the command line needs {error.name}; pip install 'voiceband[cli]' brings it")
    del rich  # the commands draw with it

    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="Telephone audio for voice agents.",
    )
    app.callback()(lambda: None)
    asked = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    for name, summary in COMMANDS.items():
        if name == asked:
            app.command(name)(_command(name))
        else:
            app.command(name, help=summary)(lambda: None)  # to be listed
    app()


def _command(name: str) -> Callable[..., None]:
    try:
        module = importlib.import_module(f"voiceband.commands.{name}")
    except ModuleNotFoundError as error:
        if "pip install" not in str(error):
            raise
        sys.stderr.write(f"voiceband {name}: {error}\n")
        sys.exit(2)
    command: Callable[..., None] = getattr(module, name)
    return command
