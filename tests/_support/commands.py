"""The `voiceband` command: in this process, where the process is not the point, or as a program."""

import contextlib
import io
import os
import subprocess
import sys

from voiceband.cli import main

PROGRAM = [sys.executable, "-m", "voiceband"]


def voiceband(*arguments):
    """Run the command here; return its exit code and what it printed, as `subprocess.run` would."""
    return here(main, "voiceband", *arguments)


def here(function, *arguments):
    """Call what would be a process's own main function; its exit code is what `sys.exit` is given."""
    command = [*map(str, arguments)]
    outputs = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    argv, sys.argv = sys.argv, command
    try:
        with contextlib.redirect_stdout(outputs[0]), contextlib.redirect_stderr(outputs[1]):
            try:
                function()
                code = 0
            except SystemExit as ended:
                code = ended.code or 0
                if isinstance(code, str):
                    print(code, file=sys.stderr)
                    code = 1
    finally:
        sys.argv = argv
    return subprocess.CompletedProcess(command, code, *(file.buffer.getvalue().decode() for file in outputs))


def program(*arguments, env=None, **options):
    """Run the command in a process of its own."""
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(env or {})}, **options)
