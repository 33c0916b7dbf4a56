"""What a sample is, int16 or float32: its type as an argument, its size, and where a float one is not finite."""

import numpy as np

from libc.string cimport memcpy
cimport numpy as cnp


cdef inline int sample_type(object dtype) except -1:
    """Return NPY_INT16 or NPY_FLOAT32 for anything that names one of them."""
    try:
        given = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype must be int16 or float32, not {dtype!r}") from None
    if given == np.int16:
        return cnp.NPY_INT16
    if given == np.float32:
        return cnp.NPY_FLOAT32
    raise ValueError(f"dtype must be int16 or float32, not {given}")


cdef inline object sample_dtype(int type_num):
    """Return the numpy dtype of NPY_INT16 or NPY_FLOAT32."""
    return np.dtype(np.int16 if type_num == cnp.NPY_INT16 else np.float32)


cdef inline Py_ssize_t item_size(int type_num) noexcept:
    """Return the bytes of an item of NPY_INT16, NPY_FLOAT32 or, on the wire, NPY_UINT8."""
    return 2 if type_num == cnp.NPY_INT16 else 4 if type_num == cnp.NPY_FLOAT32 else 1


cdef inline str item_name(int type_num):
    """Return the name of such an item's type."""
    return "int16" if type_num == cnp.NPY_INT16 else "float32" if type_num == cnp.NPY_FLOAT32 else "uint8"


cdef inline str not_finite(const char *data, Py_ssize_t n, str name):
    """Say which float32 of an argument is not finite; the data need not be aligned."""
    cdef Py_ssize_t i
    cdef float f
    for i in range(n):
        memcpy(&f, data + 4 * i, 4)
        if not (f - f == 0):
            return f"{name} must be finite, but {name}[{i}] is {f}"
    return f"{name} must be finite"
