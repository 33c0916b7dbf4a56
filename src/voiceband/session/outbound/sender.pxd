# What sender.py's Sender is when compiled: its parts are known, not looked up.
cimport cython

from voiceband.session.outbound.far cimport FarEnd
from voiceband.session.outbound.ledger cimport Utterance
from voiceband.session.outbound.pacer cimport Pacer
from voiceband.session.outbound.playout cimport PlayoutClock
from voiceband.session.transport cimport Transport


cdef class Sender:
    cdef public object wire, stream_id, ledger, converters, checkpoints, observe, on_sent, encode
    cdef public FarEnd far
    cdef public PlayoutClock clock
    cdef public Pacer pacer
    cdef public long long late_answers, half_samples
    cdef public bint last_by_clock, lost, wants_marks
    cdef Transport _transport
    cdef double _every
    cdef long long _marked, _names, _probes, _sample_bytes
    cdef double _probe_at, _between_at

    cpdef follow(self, Sender before)

    @cython.locals(pacer=Pacer, frames=bytes, utterance=Utterance)
    cpdef take(self, double now, list texts, list notes)

    @cython.locals(position="long long")
    cpdef _left(self, bytes frames, double now)

    cpdef _ended(self, Utterance utterance, double now, list texts, list notes)

    cpdef between(self, double now, list texts, list notes)

    @cython.locals(since="long long")
    cpdef bint _wants_mark(self, double now)
