# What outbound.py's Outbound is when compiled: its parts are known, not looked up.
cimport cython

from voiceband.session.outbound.ledger cimport Utterance, end_utterance
from voiceband.session.outbound.sender cimport Sender
from voiceband.session.outbound.talk cimport Talk
from voiceband.session.transport cimport Transport


cdef class Outbound:
    cdef public object stream_id, on_end
    cdef public bint stopped, held, hangup_due
    cdef public Sender sender
    cdef public Talk talk
    cdef public double due
    cdef Transport _transport
    cdef object _events, _count, _recorder, _observe, _unsent, _drain, _options
    cdef object _control
    cdef list _ahead
    cdef bint _cut_off

    @cython.locals(due=double, sender=Sender)
    cpdef reschedule(self)

    cpdef _queued(self)

    @cython.locals(utterance=Utterance)
    cpdef Utterance play(self, data, rate, format, name, end)

    @cython.locals(texts=list, stalled_s=double)
    cpdef list poll(self, double now, list notes)
