"""Other ways to the results of `voiceband bench`, one module per subject; what is not installed is None."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from contextlib import closing

from benchmarks.costs.rivals.codecs import codec_rivals
from benchmarks.costs.rivals.messages import message_rivals
from benchmarks.costs.rivals.resamplers import resampler_rivals
from benchmarks.costs.rivals.sessions import session_rivals
from benchmarks.costs.rivals.suppressors import suppressor_rivals

from voiceband.bench.cases import Case
from voiceband.bench.passes import every_case


def raced_cases() -> Iterator[Case]:
    """Yield the cases of `voiceband bench`, each with its rivals."""
    with closing(asyncio.new_event_loop()) as loop:
        rivals = codec_rivals() | resampler_rivals() | suppressor_rivals() | message_rivals() | session_rivals(loop)
        for case in every_case():
            yield dataclasses.replace(case, others=rivals.pop((case.group, case.name), {}))
        assert not rivals, f"rivals of no case: {list(rivals)}"
