"""What the timeline and the jitter buffer report: kinds of audio, and statistics."""

import enum

import msgspec


class SegmentKind(enum.Enum):
    """Where a segment of a timeline comes from."""

    AUDIO = "audio"
    """Received."""
    FILL = "fill"
    """Made up, to the exact length of what is missing."""


class RunKind(enum.Enum):
    """How a stretch of played audio was made."""

    NORMAL = "normal"
    """Received audio, as it is."""
    FAST = "fast"
    """Received audio in less than its own time: a pause was cut, or speech lost a pitch period."""
    SLOW = "slow"
    """Received audio in more than its own time."""
    CONCEAL = "conceal"
    """Made up: audio was late or missing."""
    WAIT = "wait"
    """Silence or background noise where there is nothing to conceal: before the first audio, while a pause is held
    until the next talk spurt, and while nothing comes in a pause or for longer than 400 ms."""


class Push(enum.Enum):
    """What the jitter buffer did with a message."""

    OK = "ok"
    """It is in the buffer."""
    DUPLICATE = "duplicate"
    """It was there before, and was dropped."""
    LATE = "late"
    """Its place was already played or filled; dropped."""
    EPOCH = "epoch"
    """It is in the buffer, and its numbers began a new epoch."""


class TimelineStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a `Timeline` since it was made or reset. Times are in ms."""

    messages: int
    """Messages pushed, duplicates and late ones too."""
    samples: int
    """Samples of received audio given out."""
    gaps: int
    """Holes between received messages."""
    filled_samples: int
    """Length of these holes, in samples."""
    duplicates: int
    """Messages dropped because they had been received before."""
    late: int
    """Messages dropped because their place had been filled."""
    epochs: int
    """Times that the numbering or the clock started again."""
    unreadable: int
    """Chunks, timestamps and sequence numbers that were no numbers, and were taken as absent."""
    sequence_gaps: int
    """Steps of other than one in `seq` (which counts every event of a connection, so this proves no loss of audio)."""
    bursts: int
    """Runs of more than five messages that arrived within 2 ms of one another."""
    longest_burst: int
    """Messages in the longest such run."""
    transport_p50_ms: float
    """Delay over the least of the last 30 s that half of the messages stayed within."""
    transport_p95_ms: float
    """The same for 95 %."""
    transport_p99_ms: float
    """The same for 99 %."""
    transport_max_ms: float
    """The greatest such delay."""
    drift_ppm: float | None
    """Growth of arrival minus media time in parts per million; None before a minute has passed."""


class JitterStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a `JitterBuffer` since it was made or reset. Times are in ms."""

    messages: int
    """Messages pushed."""
    duplicates: int
    """Messages dropped because they had been received before."""
    late: int
    """Messages dropped because their place had been played or filled."""
    epochs: int
    """Times that the numbering or the clock started again."""
    unreadable: int
    """Chunks and timestamps that were no numbers, and were taken as absent."""
    gaps: int
    """Holes between received messages."""
    overflows: int
    """Times that more than the buffer holds was waiting, and its oldest audio was jumped over."""
    stalls: int
    """Times that the buffer ran dry in speech."""
    played_ms: float
    """Audio given out by `pull`, of every kind."""
    normal_ms: float
    """Given out as received."""
    fast_ms: float
    """Given out faster than received."""
    slow_ms: float
    """Given out slower than received."""
    conceal_ms: float
    """Made up for what was late in speech or missing."""
    wait_ms: float
    """Silence or background where there was nothing to conceal."""
    jumped_ms: float
    """Received audio jumped over by overflows."""
    transport_p50_ms: float
    """Delay over the least of the last 30 s that half of the messages stayed within."""
    transport_p95_ms: float
    """The same for 95 %."""
    transport_p99_ms: float
    """The same for 99 %."""
    transport_max_ms: float
    """The greatest such delay."""
    drift_ppm: float | None
    """Growth of arrival minus media time in parts per million; None before a minute has passed."""
