# What pacer.py's Pacer is when compiled: numbers instead of objects.
cimport cython

from voiceband.session.outbound.ledger cimport Utterance
from voiceband.session.outbound.playout cimport PlayoutClock


cdef class Pacer:
    cdef public object wire, queue, names
    cdef public double sent_until, late_sum_s, late_max_s, lead_s
    cdef public long long queued, frames, sends, underruns, bytes_per_s
    cdef object _ledger
    cdef PlayoutClock _clock
    cdef public bint waiting
    cdef double _lead_s
    cdef long long _sample_bytes, _frame_bytes, _frame_samples, _max_bytes

    cpdef add(self, Utterance utterance, bytes data)

    @cython.locals(n="long long", size="long long")
    cpdef bint go_on(self, Utterance utterance, data, double rate, double limit_ms) except *

    @cython.locals(head=Utterance)
    cpdef double next_due(self)

    @cython.locals(utterance=Utterance, pending=bytearray, late=double, n="long long")
    cpdef bytes steady(self, double now)

    cpdef bytes relay(self, Utterance utterance, data, double rate, double limit_ms, double now)
