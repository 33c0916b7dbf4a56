"""Test an installed voiceband beside the checkout or sdist that holds this file: kernels, a session and a call.

A wheel needs no more, for the whole suite runs on every platform from a checkout.

Usage: test_wheel.py [PYTEST OPTION...]
"""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
FILES = [
    "dsp/test_golden.py",
    "dsp/test_base64.py",
    "dsp/test_companding.py",
    "dsp/test_simd.py",
    "dsp/test_threads_shared.py",
    "session/test_session.py",
    "emulator/call/test_call.py",
]

if __name__ == "__main__":
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not source_tree", *sys.argv[1:]]
    sys.exit(subprocess.run([*command, *(TESTS / name for name in FILES)], cwd=TESTS.parent, check=False).returncode)
