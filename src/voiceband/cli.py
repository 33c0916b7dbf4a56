"""The `voiceband` command: one subcommand per module of `voiceband.commands`."""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import TYPE_CHECKING, NamedTuple

from voiceband.commands import _console

if TYPE_CHECKING:
    from collections.abc import Callable


class Command(NamedTuple):
    """What the list of commands says of one: what it does, and the extra that it needs."""

    summary: str
    extra: str


COMMANDS = {
    "batch": Command("Put a folder of recordings through a pipeline.", "cli"),
    "bench": Command("Measure what 20 ms of audio cost on this machine.", "cli"),
    "call": Command("Call an agent as the carrier would, and say what its caller heard.", "cli"),
    "convert": Command("Change the sample rate, the encoding or the container of a sound file.", "cli"),
    "demo": Command("Place a call to the sample agent over a real WebSocket, and keep its recording.", "cli"),
    "denoise": Command("Suppress the noise of a sound file.", "cli"),
    "load": Command("Place many calls at once, and measure the gaps that callers hear.", "load"),
    "report": Command("Make one HTML page of a stored call: what was heard, what happened, and why.", "report"),
    "serve": Command("Run an agent for every call that comes to a port.", "serve"),
}
"""Only the module of the command that is asked for is imported."""

HELP = """\
Usage: voiceband COMMAND [ARGUMENTS]

Telephone audio for voice agents.

Commands, and the extra that each needs (pip install 'voiceband[EXTRA]'):
{commands}

Options:
  --version           Print the version and end.
  --completion SHELL  Print what completes commands and options in bash, zsh or
                      fish: eval "$(voiceband --completion bash)"
  -h, --help          Show this and end; voiceband COMMAND --help shows more.
"""


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    sys.exit(_main(sys.argv[1:]))


def _main(words: list[str]) -> int:
    first = words[0] if words else ""
    if first in COMMANDS:
        return _console.run(first, lambda: _run(first, words[1:]))
    return _console.run("", lambda: _answer(words))


def _run(name: str, words: list[str]) -> int | None:
    from voiceband.commands import _arguments

    function = command(name)
    return function(**_arguments.read(name, function, words))


def command(name: str) -> Callable[..., int | None]:
    """Return the function of a command.

    Raises
    ------
    ModuleNotFoundError
        If an extra is missing; the text says which.
    """
    try:
        module = importlib.import_module(f"voiceband.commands.{name}")
    except ModuleNotFoundError as error:
        if "pip install" in str(error) or (error.name or "").startswith("voiceband"):
            raise
        package = (error.name or "").partition(".")[0]
        text = f"needs {package}; pip install 'voiceband[{COMMANDS[name].extra}]' brings it"
        raise ModuleNotFoundError(text, name=error.name) from None
    function: Callable[..., int | None] = getattr(module, name)
    return function


def _answer(words: list[str]) -> int:
    """Answer what is no command."""
    first = words[0] if words else ""
    if first == "--version":
        from voiceband import __version__

        _console.put(f"voiceband {__version__}")
        return _console.DONE
    if first in ("-h", "--help"):
        _console.put(_help())
        return _console.DONE
    if first == "--completion":
        from voiceband.commands._completion import script

        _console.put(script(words[1] if len(words) > 1 else ""))
        return _console.DONE
    if not first:
        sys.stderr.write(_help() + "\n")
        return _console.NOT_RUN
    kind = "option" if first.startswith("-") else "command"
    near = difflib.get_close_matches(first, ("--version", "--help", "--completion", *COMMANDS), 1, 0.7)
    hint = f"did you mean {near[0]}?" if near else "see voiceband --help"
    return _console.refuse(f"there is no {kind} {first}; {hint}")


def _help() -> str:
    import textwrap

    lines = []
    for name, (summary, extra) in COMMANDS.items():
        first, *rest = textwrap.wrap(summary, 60)
        lines.append(f"  {name:<8} {first:<60} {extra}")
        lines += [f"  {'':<8} {more}" for more in rest]
    return HELP.format(commands="\n".join(lines)).rstrip()
