"""Scripts that complete commands and options in a shell."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from voiceband.commands._arguments import parser_of
from voiceband.commands._catalog import COMMANDS, command
from voiceband.commands._console import refuse

if TYPE_CHECKING:
    import argparse

BASH = """\
_voiceband() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} options=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{commands}" -- "$word"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{cases}
  esac
  case "$word" in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}}
complete -o filenames -F _voiceband voiceband
"""
ZSH = "autoload -U +X bashcompinit && bashcompinit\n"
SHELLS = ("bash", "zsh", "fish")


def script(shell: str) -> str:
    """Return what a shell evaluates to complete `voiceband`; a command whose extra is missing has no options."""
    if shell not in SHELLS:
        refuse(f"--completion must be followed by one of {', '.join(SHELLS)}, not {shell!r}")
    options = {name: _options(name) for name in COMMANDS}
    if shell == "fish":
        lines = ["complete -c voiceband -n __fish_use_subcommand -l version -l help -l completion"]
        for name, actions in options.items():
            about = shlex.quote(COMMANDS[name].summary)
            lines.append(f"complete -c voiceband -n __fish_use_subcommand -f -a {name} -d {about}")
            for action in actions:
                long = max(action.option_strings, key=len).removeprefix("--")
                text = shlex.quote((action.help or "").partition(" [")[0].replace("%%", "%"))
                lines.append(f"complete -c voiceband -n '__fish_seen_subcommand_from {name}' -l {long} -d {text}")
        return "\n".join(lines)
    cases = "\n".join(
        f'    {name}) options="{" ".join(max(action.option_strings, key=len) for action in actions)}" ;;'
        for name, actions in options.items()
    )
    commands = " ".join(("--version", "--help", "--completion", *COMMANDS))
    return (ZSH if shell == "zsh" else "") + BASH.format(commands=commands, cases=cases).rstrip()


def _options(name: str) -> list[argparse.Action]:
    try:
        function = command(name)
    except ModuleNotFoundError:
        return []
    return [action for action in parser_of(name, function)._actions if action.option_strings]
