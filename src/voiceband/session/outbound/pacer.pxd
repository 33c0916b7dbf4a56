# What pacer.py's Pacer is when compiled: numbers instead of objects.
cimport cython

from voiceband.session.outbound.ledger cimport Utterance
from voiceband.session.outbound.playout cimport PlayoutClock

cdef double FRAME_S, EARLY_S, MAX_PIECE_MS, STALL_S, MAX_AHEAD_S, _INF


cdef class Pacer:
    cdef public object wire, queue
    cdef public Utterance utterance
    cdef public double sent_until, late_sum_s, late_max_s, lead_s, stalled_s
    cdef public long long queued, frames, sends, underruns
    cdef public bint waiting, last
    cdef object _ledger
    cdef PlayoutClock _clock
    cdef double _lead_s, _ms, _message_s
    cdef long long _rate, _sample_bytes, _frame_bytes, _max_bytes, _step_bytes

    cpdef add(self, Utterance utterance, bytes data)

    @cython.locals(size="long long")
    cpdef bint append(self, Utterance utterance, data, double limit_ms) except *

    cpdef double dry_at(self, Utterance utterance)

    @cython.locals(head=Utterance)
    cpdef double next_due(self)

    @cython.locals(
        utterance=Utterance, pending=bytearray, frames=bytes, waiting="long long", size="long long",
        frame_bytes="long long", playing=bint, last=bint,
    )
    cpdef bytes take(self, double now)

    @cython.locals(late=double, n="long long")
    cpdef _leave(self, Utterance utterance, long long size, bint playing, double now)
