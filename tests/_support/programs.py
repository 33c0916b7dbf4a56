"""Programs in processes of their own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
ENDINGS = {
    name: (getattr(signal, name, None), code) for name, code in (("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129))
}
"""Signals that end a program, by name: number (None where there is none) and the code that it ends with."""


def surroundings(env=None):
    """Return the environment in which a program imports what tests import, `_support` too."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)]), **(env or {})}


def begin(*arguments, env=None, **options):
    """Start the interpreter; its streams are text."""
    return subprocess.Popen([sys.executable, *map(str, arguments)], text=True, env=surroundings(env), **options)


def python(*arguments, env=None, **options):
    """Run the interpreter to its end, and keep its output."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=surroundings(env), **options)
