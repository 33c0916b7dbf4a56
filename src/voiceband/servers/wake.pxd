# What wake.py's Wake is when compiled: a call of it costs next to nothing beside what it runs.


cdef class Wake:
    cdef public bint _asyncio_future_blocking
    cdef bint _awaited
    cdef object _callback, _cancelled, _context, _loop
