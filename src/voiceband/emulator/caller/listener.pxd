# What listener.py's Listener is when compiled: numbers instead of objects.
cimport cython

from voiceband.emulator.caller.tap cimport PlayerTap


cdef class Listener:
    cdef public double speech_ms, last_speech, next_s
    cdef object _stream, _floor, _doubtful
    cdef double _surely
    cdef PlayerTap _tap
    cdef long long _size, _frames

    @cython.locals(started=double, frames="long long")
    cpdef listen(self, double now)
