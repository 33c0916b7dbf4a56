"""Make docs/commands.md: what all commands share, what each says of itself, and what it prints, at 80 columns.

Without options the help is made, and the screens of the page are kept. --screens runs the commands of the screens too,
which takes some minutes; --screens NAME those of one command only. --check changes nothing, and exits with 1 when the
help of the page is not current, or a screen is missing or too wide; with --screens NAME, or it is another one today.
"""

import argparse
import contextlib
import io
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "commands.md"
WIDTH = 80
SCREENS = {
    "": ["voiceband --version", "voiceband covert in.wav out.wav"],
    "batch": ["voiceband batch calls clean --denoise 85 --rate 16000"],
    "bench": [],
    "call": [],
    "convert": ["voiceband convert call.ulaw call.flac --rate 16000", "voiceband convert cut.wav part.wav"],
    "demo": [],
    "denoise": ["voiceband denoise noisy.wav quiet.wav --plot quiet.png", "voiceband denoise noisy.wav quiet.xyz"],
    "load": [],
    "report": ["voiceband report noisy.wav -o noisy.html"],
    "serve": ["voiceband serve agent.py:agent --workers 2"],
}
"""What is run for the screens, in a folder of its own; other pages show the rest."""
SERVED_S = 8.0
MOST_LINES = 18
"""So many lines of what a command prints are shown."""
HEAD = """# Commands

`voiceband`, or `python -m voiceband`. `voiceband --help` lists the extra that each command needs.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | done, and something is wrong: findings, bad files, failed calls, slower cases |
| 2 | it could not run, or not to its end: wrong arguments, no such file, a missing extra, a full disk |
| 130, 143, 129 | ended by Ctrl-C, SIGTERM or SIGHUP; what had been written is whole |
| 141 | the program that read its output has gone |

Results go to standard output, progress and errors to standard error. An error is one line that names the command, the
value, and the remedy:

```text
voiceband denoise: --level must be from 60 to 100, not 50
voiceband call: there is no option --snrr; did you mean --snr?
```

`--json` prints the result for other programs. Colours and progress are shown on terminals only; `NO_COLOR` turns
colours off. Tables fit 80 columns, or `COLUMNS`. `eval "$(voiceband --completion bash)"` completes commands, options
and files in bash; `zsh` and `fish` are there too.
"""


def help_of(*words):
    """Return what a command says of itself."""
    from voiceband.cli import main

    out = io.StringIO()
    sys.argv = ["voiceband", *words, "--help"]
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main()
    return out.getvalue().rstrip()


def prepare(folder):
    """Write the files that the screens are about."""
    from voiceband import ulaw_encode
    from voiceband.emulator.caller.sounds import load_sound, shipped

    pcm, rate = load_sound(shipped("@caller"))
    noisy = np.clip(pcm + np.random.default_rng(1).normal(0, 250, len(pcm)), -32768, 32767).astype(np.int16)
    soundfile.write(folder / "noisy.wav", noisy, rate)
    whole = (folder / "noisy.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[:40_000])
    (folder / "call.ulaw").write_bytes(ulaw_encode(noisy))
    (folder / "agent.py").write_bytes((ROOT / "examples" / "agent.py").read_bytes())
    calls = folder / "calls"
    (calls / "monday").mkdir(parents=True)
    for name in ("1.wav", "monday/2.wav"):
        (calls / name).write_bytes(whole)
    (calls / "monday" / "3.ulaw").write_bytes(ulaw_encode(noisy))
    (calls / "monday" / "4.wav").write_bytes(whole[:40_000])
    (calls / "monday" / "4.raw").write_bytes(noisy.tobytes())
    (calls / "notes.txt").write_text("from Monday on\n")


def screen_of(name, folder):
    """Return what the commands of a screen print, as a terminal of 80 columns has it."""
    lines = []
    for command in SCREENS[name]:
        words = shlex.split(command)[1:]
        if name == "serve":
            words += ["--port", str(free_port())]
        output = printed(words, folder, SERVED_S if name == "serve" else None)
        output = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8080", output)
        shown = [part for line in output.splitlines() for part in folded(line)]
        more = [f"({len(shown) - MOST_LINES} more lines)"] if len(shown) > MOST_LINES else []
        lines += [*folded(f"$ {command}"), *shown[:MOST_LINES], *more]
    return "\n".join(lines)


def folded(line):
    """Return the parts of a line as a terminal shows it."""
    return [line[at : at + WIDTH].rstrip() for at in range(0, len(line), WIDTH)] or [""]


def printed(words, folder, ended_after_s):
    """Run a command; return what it prints."""
    command = [sys.executable, "-m", "voiceband", *words]
    environment = {**os.environ, "COLUMNS": str(WIDTH), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder, env=environment
    ) as process:
        try:
            return process.communicate(timeout=ended_after_s)[0]
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            return process.communicate()[0]


def free_port():
    """Return a port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def made(names):
    """Return the screens of some commands."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        return {name: screen_of(name, folder) for name in names if SCREENS[name]}


def page(screens):
    """Return the page's text."""
    os.environ["COLUMNS"] = str(WIDTH)
    sections = [
        f"## {f'voiceband {name}'.rstrip()}\n\n```text\n{help_of(*name.split())}\n```\n"
        + (f"\n```text\n{screens.get(name, '')}\n```\n" if SCREENS[name] else "")
        for name in SCREENS
    ]
    return "\n".join([HEAD, *sections])


def kept():
    """Return the screens that the page has."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^## voiceband ?(\w*)\n\n```text\n[^`]*\n```\n\n```text\n([^`]*)\n```\n", text, re.MULTILINE)
    return dict(found)


def complaint(again):
    """Return what is wrong with the page, or nothing; the screens of `again` are made again."""
    screens = kept()
    if PAGE.read_text(encoding="utf-8") != page(screens):
        return f"{PAGE} is not current: python tools/make_commands.py"
    for name, text in screens.items():
        if not text or "\x1b" in text or "..." in text or max(map(len, text.splitlines())) > WIDTH:
            return f"the screen of {name!r} is not in order: python tools/make_commands.py --screens {name}"
    for name, text in made(again).items():
        if re.sub(r"[\d.]+", "0", text) != re.sub(r"[\d.]+", "0", screens[name]):
            return f"the screen of {name!r} is not current: python tools/make_commands.py --screens {name}"
    return None


def main():
    """Write it, or look at it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when the page is not current")
    parser.add_argument("--screens", nargs="*", metavar="NAME", help="run the commands of the screens, or of some")
    arguments = parser.parse_args()
    if arguments.check:
        sys.exit(complaint(arguments.screens or []))
    again = made(arguments.screens or list(SCREENS)) if arguments.screens is not None else {}
    PAGE.write_text(page(kept() | again), encoding="utf-8")


if __name__ == "__main__":
    main()
