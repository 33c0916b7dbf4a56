"""What the tests share: doses, and the hypothesis profile."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

PROVE = os.environ.get("VOICEBAND_PROVE", "") not in ("", "0")

# The background jobs of a shell ignore Ctrl-C, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Deadlines measure the machine, not the code.
settings.register_profile("quick", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("prove", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("prove" if PROVE else "quick")


@pytest.fixture
def dose():
    """Choose how much of a long proof to do: `dose(few, many)` is `many` under `make prove`."""
    return lambda few, many: many if PROVE else few
