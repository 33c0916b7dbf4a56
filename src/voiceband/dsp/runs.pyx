# cython: freethreading_compatible=True
"""What a jitter buffer gives out: the audio of a tick, and how it was made."""

cimport cython
from libc.stdint cimport uint32_t

from voiceband.dsp.playout_stats import RunKind

cdef tuple _KINDS = (RunKind.NORMAL, RunKind.FAST, RunKind.SLOW, RunKind.CONCEAL, RunKind.WAIT)


@cython.freelist(16)
cdef class Run:
    """Run(kind, ms, media_start_ms=None, media_end_ms=None)\n--\n\n\
    How a stretch of pulled audio was made.

    Attributes
    ----------
    kind : RunKind
        NORMAL, FAST, SLOW, CONCEAL or WAIT.
    ms : float
        How long it is heard.
    media_start_ms, media_end_ms : float or None
        The media it renders, in the sender's timestamps; None where it renders none (CONCEAL, WAIT).
    """

    def __init__(self, kind, ms, media_start_ms=None, media_end_ms=None):
        self.kind = kind
        self.ms = ms
        self.media_start_ms = media_start_ms
        self.media_end_ms = media_end_ms

    def __repr__(self):
        return f"Run({self.kind}, {self.ms}, {self.media_start_ms}, {self.media_end_ms})"

    def __eq__(self, other):
        return isinstance(other, Run) and self.__reduce__() == other.__reduce__()

    def __hash__(self):
        return hash((self.kind, self.ms, self.media_start_ms, self.media_end_ms))

    def __reduce__(self):
        return Run, (self.kind, self.ms, self.media_start_ms, self.media_end_ms)


@cython.freelist(16)
cdef class Pulled:
    """Pulled(pcm, runs)\n--\n\n\
    One tick of audio.

    Attributes
    ----------
    pcm : ndarray, shape (n,), int16
        The samples to play.
    runs : tuple of Run
        What they are, in order; the `ms` of the runs add up to the tick.
    """

    def __init__(self, pcm, runs):
        self.pcm = pcm
        self.runs = tuple(runs)

    def __repr__(self):
        return f"Pulled(<{len(self.pcm)} samples>, {self.runs})"

    def __reduce__(self):
        return Pulled, (self.pcm, self.runs)


cdef tuple runs_of(const vb_run *runs, uint32_t n, uint32_t rate_hz):
    """Return the runs of a tick: mostly one."""
    cdef uint32_t i
    cdef list made
    if n == 1:
        return (_run(runs, rate_hz),)
    made = []
    for i in range(n):
        made.append(_run(&runs[i], rate_hz))
    return tuple(made)


cdef Run _run(const vb_run *r, uint32_t rate_hz):
    cdef Run run = Run.__new__(Run)
    run.kind = _KINDS[r.kind]
    run.ms = r.n * 1000.0 / rate_hz
    if r.from_ <= r.to:
        run.media_start_ms = r.media_ms[0]
        run.media_end_ms = r.media_ms[1]
    return run
