# What playout.py's classes are when compiled: numbers instead of objects.
cimport cython

from voiceband.session.transport cimport Transport


cdef class Stretch:
    cdef public double sent_at, early, late
    cdef public long long position, n
    cdef public bint idle, observed


cdef class PlayoutClock:
    cdef public list stretches
    cdef public object round_trip_s, _idle, _observations, _waiting
    cdef public long long position
    cdef Transport _transport
    cdef long long _rate
    cdef double _arrives, _holds, _last_at, _sent_at

    @cython.locals(stretches=list, stretch=Stretch, last=Stretch)
    cpdef sent(self, long long n, double now)

    @cython.locals(last=Stretch)
    cpdef bint surely_playing(self, double now)

    @cython.locals(sent_at=double, jitter=double, early=double, late=double, early_end=double, late_end=double)
    cpdef _place(self, Stretch stretch, Stretch before, double now)

    @cython.locals(stretch=Stretch, follower=Stretch, sent_at=double, position="long long")
    @cython.locals(index=Py_ssize_t, i=Py_ssize_t)
    cpdef acknowledged(self, name, double now)
