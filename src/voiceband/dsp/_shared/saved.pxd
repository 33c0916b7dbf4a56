"""How a kernel's flat state becomes bytes for a pickle, and how such bytes are checked before they are state again."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

from voiceband.dsp._shared.guard cimport enter, vb_guard, vb_guard_leave


cdef inline bytes save_state(const void *state, Py_ssize_t size):
    from zlib import crc32

    blob = PyBytes_FromStringAndSize(<const char *>state, size)
    return crc32(blob).to_bytes(4, "little") + blob


cdef inline bytes save_own(vb_guard *guard, object owner, const void *state, Py_ssize_t size):
    """Save the state of a kernel that nobody else is inside of."""
    enter(guard, owner)
    try:
        return save_state(state, size)
    finally:
        vb_guard_leave(guard)


cdef inline int load_state(object saved, void *state, Py_ssize_t size, str name) except -1:
    """Copy a saved state of exactly `size` bytes to `state`; a ValueError for anything that was not saved as such."""
    from zlib import crc32

    if type(saved) is not bytes or PyBytes_GET_SIZE(saved) != size + 4 \
            or crc32(saved[4:]).to_bytes(4, "little") != saved[:4]:
        raise ValueError(f"the pickled state of this {name} is damaged, or of another build of voiceband")
    memcpy(state, PyBytes_AS_STRING(saved) + 4, size)
    return 0
