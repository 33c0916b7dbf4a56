"""One object, one thread at a time: what every stateful kernel's methods do before they touch the state."""

cdef extern from "vb_guard.h":
    ctypedef int vb_guard
    int vb_guard_enter(vb_guard *g) nogil
    void vb_guard_leave(vb_guard *g) nogil


cdef inline int enter(vb_guard *guard, object owner) except -1:
    if not vb_guard_enter(guard):
        name = type(owner).__name__
        raise RuntimeError(f"this {name} is in use by another thread; give each stream a {name} of its own")
    return 0
