"""The `voiceband` command: one subcommand per module of `voiceband.commands`."""

from __future__ import annotations

import difflib
import sys

from voiceband.commands import _console
from voiceband.commands._catalog import COMMANDS, command, missing

HELP = """\
usage: voiceband COMMAND [ARGUMENTS]

Telephone audio for voice agents.

commands, and the extra that each one needs (pip install 'voiceband[EXTRA]'):
{commands}

options:
  --version           Print the version and exit.
  --completion SHELL  Print a completion script for bash, zsh or fish:
                      eval "$(voiceband --completion bash)"
  -h, --help          Show this help and exit; for one command: voiceband
                      COMMAND --help.
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
    with missing(name):
        return function(**_arguments.read(name, function, words))


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
