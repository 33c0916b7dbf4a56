# What schedule.py's Schedule is when compiled: its parts are known, not looked up.
cimport cython

from voiceband.session.outbound.outbound cimport Outbound
from voiceband.session.outbound.sender cimport Sender
from voiceband.session.transport cimport Transport


cdef class Schedule:
    cdef Transport _transport
    cdef Outbound _outbound
    cdef object _inbound, _meter, _recorder
    cdef double _pull_at

    cpdef double arrived(self, double now) except? -1.0

    @cython.locals(texts=list)
    cpdef list poll(self, double now, list notes)

    cpdef update(self)

    @cython.locals(deadline=double, sender=Sender)
    cpdef _set_deadline(self)

    cpdef _expire(self, double now)
