"""The pytest plugin: the fixture `plivo_call`. Nothing of voiceband is imported before a test asks for it.

It is a module of its own, since pytest imports the plugins of every installed package in every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from voiceband.emulator.call.testing import Caller


@pytest.fixture
def plivo_call() -> Caller:
    """Call an agent as the carrier would: ``plivo_call("ws://...")``; see `voiceband.emulator.call.testing.Caller`."""
    try:
        from voiceband.emulator.call.testing import Caller
    except ModuleNotFoundError as error:
        pytest.fail(str(error), pytrace=False)
    return Caller()
