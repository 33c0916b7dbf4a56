"""Make docs/commands.md: what all commands share, and what each of them says of itself on a screen of 80 columns.

--check changes nothing, and exits with 1 when the page is not current.
"""

import argparse
import os
import sys
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"
HEAD = """# Commands

`voiceband`, or `python -m voiceband`. The base install tells `--version` and `--help`, which lists the extra that
each command needs.

## What they share

| exit code | |
|---|---|
| 0 | done |
| 1 | done, and something is wrong: errors that were found, bad files, calls that failed, slower cases |
| 2 | it could not run, or not to its end: wrong arguments, no such file, an extra that is missing, a full disk |
| 130, 143, 129 | it was ended by Ctrl-C, SIGTERM or SIGHUP, and what it had written is whole |
| 141 | the program that read its output has gone |

What is asked for goes to standard output; everything else, progress and complaints, to standard error. What is wrong
is said in one line that names the command, the value, and what to do:

```text
voiceband denoise: --level must be from 60 to 100, not 50
voiceband call: there is no option --snrr; did you mean --snr?
voiceband convert: call.pcm: .pcm does not say what it holds: name its format with --format, as audio/x-mulaw;rate=8000
```

`--json` prints the result for other programs. Progress is shown on terminals only (not where `TERM` is `dumb`), and
nothing else has colours or moves the cursor, so output can go through pipes and into logs. Tables fit 80 columns, or
`COLUMNS`, and are wrapped, not cut. What a terminal's encoding lacks is written in ASCII.

`eval "$(voiceband --completion bash)"` completes commands, options and files in bash; `zsh` and `fish` are there too.
"""


def screen(*words):
    """Return what a command prints on a screen of 80 columns."""
    import contextlib
    import io

    from voiceband.cli import main

    out = io.StringIO()
    sys.argv = ["voiceband", *words]
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main()
    return f"## {' '.join(['voiceband', *words]).removesuffix(' --help')}\n\n```text\n{out.getvalue().rstrip()}\n```\n"


def page():
    """Return the page's text."""
    from voiceband.commands._catalog import COMMANDS

    os.environ["COLUMNS"] = "80"
    screens = [screen("--help"), *(screen(name, "--help") for name in COMMANDS)]
    return "\n".join([HEAD, *screens])


def main():
    """Write it, or look at it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when the page is not current")
    check = parser.parse_args().check
    text = page()
    if check:
        sys.exit(PAGE.read_text(encoding="utf-8") != text and f"{PAGE} is not current: python tools/make_commands.py")
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
