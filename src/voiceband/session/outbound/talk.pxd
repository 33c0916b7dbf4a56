# What talk.py's Talk is when compiled: its parts are known, not looked up.
cimport cython

from voiceband.session.outbound.ledger cimport Utterance, end_utterance
from voiceband.session.outbound.sender cimport Sender

cdef double _INF


cdef class Talk:
    cdef public Sender sender
    cdef public Utterance utterance
    cdef public object given
    cdef public bint watched
    cdef public long long own_rate, n
    cdef object _unsent, _count, _header, _kept, _cancelled
    cdef long long _fallback_rate, _names
    cdef double _max_queued_ms, _join_s, _seen_at

    @cython.locals(utterance=Utterance)
    cpdef Utterance play(self, data, rate, format, name, end)

    cpdef bint _same_rate(self, Utterance utterance, rate) except *

    @cython.locals(dry_at=double)
    cpdef bint lapse(self, double now) except *

    @cython.locals(late=double, dry_at=double)
    cpdef double due(self)
