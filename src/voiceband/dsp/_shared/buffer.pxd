"""How a kernel's arguments become pointers.

At 160 samples the handling of arguments costs more than the kernel, so it is done by hand: exact `bytes` and `ndarray`
objects are read directly, other buffers through the buffer protocol. What has no row of the right items in memory is
converted first (convert.py). A `View` holds what it points to until `release`.
"""

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_IsContiguous, PyBuffer_Release, PyObject_CheckBuffer,
    PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
cimport numpy as cnp

from voiceband.dsp._shared.samples cimport item_name, item_size, not_finite
from voiceband.dsp.cpu cimport VB_OK, vb_status


cdef struct View:
    char *data
    Py_ssize_t n         # items
    bint held            # buffer must be released
    Py_buffer buffer


cdef inline void release(View *v) noexcept:
    if v.held:
        PyBuffer_Release(&v.buffer)
        v.held = False


cdef inline char item_code(const Py_buffer *b) noexcept:
    """Return the struct code of a buffer's items in native byte order, 0 for anything else."""
    cdef const char *f = b.format
    if f == NULL:
        return c"B"
    if f[0] == c"@" or f[0] == c"=" or f[0] == (c"<" if little_endian() else c">"):
        f += 1
    if f[0] == 0 or f[1] != 0:
        return 0
    return f[0]


cdef inline bint little_endian() noexcept:
    cdef unsigned short one = 1
    return (<unsigned char *>&one)[0] == 1


cdef inline bint _open(object obj, View *v) except -1:
    """Take the buffer of an object that has a one-dimensional contiguous one; return whether it has."""
    v.held = False
    if not PyObject_CheckBuffer(obj):
        return False
    try:
        PyObject_GetBuffer(obj, &v.buffer, PyBUF_STRIDES | PyBUF_FORMAT)
    except (BufferError, TypeError, ValueError):  # items that no buffer can describe, a closed mmap
        return False
    v.held = True
    v.data = <char *>v.buffer.buf
    if v.buffer.ndim != 1 or not PyBuffer_IsContiguous(&v.buffer, c"C"):
        release(v)
        return False
    return True


cdef inline int _hold(object array, View *v) except -1:
    """View an array that `convert` has made."""
    PyObject_GetBuffer(array, &v.buffer, PyBUF_STRIDES)
    v.held = True
    v.data = <char *>v.buffer.buf
    v.n = v.buffer.shape[0]
    return 0


cdef inline bint _is_bytes(object obj, const View *v) noexcept:
    """Whether a buffer's items are bytes without a meaning: those of an ndarray are numbers."""
    cdef char code = item_code(&v.buffer)
    return (code == c"B" or code == c"c") and v.buffer.itemsize == 1 and not cnp.PyArray_Check(obj)


cdef inline int view_bytes(object obj, View *v, str name) except -1:
    """View wire bytes: anything that holds a row of uint8 items."""
    if PyBytes_CheckExact(obj):
        v.data = PyBytes_AS_STRING(obj)
        v.n = PyBytes_GET_SIZE(obj)
        v.held = False
        return 0
    return _view_other_bytes(obj, v, name)


cdef inline int _view_other_bytes(object obj, View *v, str name) except -1:
    if _open(obj, v):
        if v.buffer.itemsize == 1 and item_code(&v.buffer) in (c"B", c"c"):
            v.n = v.buffer.len
            return 0
        release(v)
    from voiceband.dsp._shared.convert import as_bytes
    return _hold(as_bytes(obj, name), v)


cdef inline int view_samples(object obj, View *v, str name, int type_num) except -1:
    """View samples of NPY_INT16 or NPY_FLOAT32 without a copy where they are such, else as `as_samples` converts them.

    Buffers of bytes have no item type; they are read as samples in native byte order.
    """
    cdef cnp.ndarray a
    if cnp.PyArray_CheckExact(obj):
        a = <cnp.ndarray>obj
        if cnp.PyArray_TYPE(a) == type_num and cnp.PyArray_NDIM(a) == 1 and cnp.PyArray_IS_C_CONTIGUOUS(a) \
                and cnp.PyArray_ISNOTSWAPPED(a):
            v.data = <char *>cnp.PyArray_DATA(a)
            v.n = cnp.PyArray_DIM(a, 0)
            v.held = False
            return 0
    return _view_other_samples(obj, v, name, type_num)


cdef inline int _view_other_samples(object obj, View *v, str name, int type_num) except -1:
    cdef Py_ssize_t size = item_size(type_num)
    if not cnp.PyArray_Check(obj) and _open(obj, v):  # an array of a class of its own may be masked
        if item_code(&v.buffer) == (c"h" if type_num == cnp.NPY_INT16 else c"f") and v.buffer.itemsize == size:
            v.n = v.buffer.len // size
            return 0
        if _is_bytes(obj, v) and v.buffer.len % size == 0:
            v.n = v.buffer.len // size
            return 0
        release(v)
    from voiceband.dsp._shared.convert import as_samples
    return _hold(as_samples(obj, item_name(type_num), name=name), v)


cdef inline int sample_type_of(object obj, str name) except -1:
    """Return NPY_FLOAT32 for floats of any width, NPY_INT16 for integers, and for bytes without an item type."""
    cdef View v
    cdef char code
    if cnp.PyArray_Check(obj):
        return cnp.NPY_FLOAT32 if cnp.PyArray_ISFLOAT(<cnp.ndarray>obj) else cnp.NPY_INT16
    if _open(obj, &v):
        code = item_code(&v.buffer)
        release(&v)
        if code:
            return cnp.NPY_FLOAT32 if code in (c"f", c"d", c"e", c"g") else cnp.NPY_INT16
    from voiceband.dsp._shared.convert import as_array
    return cnp.NPY_FLOAT32 if as_array(obj, name).dtype.kind == "f" else cnp.NPY_INT16


cdef inline int view_out(object obj, View *v, str name, int type_num) except -1:
    """View a destination: a writable contiguous row of items of that type, or for NPY_UINT8 of any."""
    cdef char wanted = c"h" if type_num == cnp.NPY_INT16 else c"f"
    cdef Py_ssize_t size = item_size(type_num)
    v.held = False
    try:
        PyObject_GetBuffer(obj, &v.buffer, PyBUF_STRIDES | PyBUF_FORMAT | PyBUF_WRITABLE)
    except TypeError:
        raise TypeError(f"{name} must be a buffer of {item_name(type_num)} items, not {type(obj).__name__}") from None
    except (BufferError, ValueError) as error:
        raise ValueError(f"{name} must be a writable buffer: {error}") from None
    v.held = True
    v.data = <char *>v.buffer.buf
    v.n = v.buffer.len // size
    problem = None
    if v.buffer.ndim != 1:
        problem = f"must be one-dimensional, not of shape {tuple([v.buffer.shape[i] for i in range(v.buffer.ndim)])}"
    elif not PyBuffer_IsContiguous(&v.buffer, c"C"):
        problem = f"must be C-contiguous, not of stride {v.buffer.strides[0]} bytes"
    elif type_num != cnp.NPY_UINT8 and (item_code(&v.buffer) != wanted or v.buffer.itemsize != size):
        got = obj.dtype if hasattr(obj, "dtype") else f"format {(<bytes>v.buffer.format).decode('ascii', 'replace')!r}"
        problem = f"must hold {item_name(type_num)} items, not {got} ({type(obj).__name__})"
    if problem is not None:
        release(v)
        raise ValueError(f"{name} {problem}")
    return 0


cdef inline int view_out_exactly(object obj, View *v, str name, int type_num, Py_ssize_t n) except -1:
    """View such a destination of exactly n items."""
    view_out(obj, v, name, type_num)
    if v.n != n:
        got = v.n
        release(v)
        items = "bytes" if type_num == cnp.NPY_UINT8 else "samples"
        raise ValueError(f"{name} must have room for exactly {n} {items}, not {got}")
    return 0


cdef inline int refuse_overlap(View *src, Py_ssize_t src_bytes, View *dst, Py_ssize_t dst_bytes, str name) except -1:
    if src.data < dst.data + dst_bytes and dst.data < src.data + src_bytes:
        release(src)
        release(dst)
        raise ValueError(f"out must not overlap {name}")
    return 0


# A kernel without a state: n source items to as many results.
ctypedef vb_status (*Mapping)(const char *src, char *dst, size_t n) noexcept nogil


cdef inline object mapped(View *src, str name, Py_ssize_t src_bytes, Mapping kernel, size_t n, object out, int type_num,
                          Py_ssize_t n_out, Py_ssize_t nogil_from):
    """Apply such a kernel to what `src` views, and release that.

    The results go to `out` or, if that is None, to a new array of NPY_INT16 or NPY_FLOAT32, or to `bytes` for
    NPY_UINT8. From `nogil_from` items on other threads may run meanwhile.
    """
    cdef View dst
    cdef cnp.npy_intp length = n_out
    cdef vb_status status
    dst.held = False
    try:
        if out is not None:
            result = out
            view_out_exactly(out, &dst, "out", type_num, n_out)
            refuse_overlap(src, src_bytes, &dst, n_out * item_size(type_num), name)
        elif type_num == cnp.NPY_UINT8:
            result = PyBytes_FromStringAndSize(NULL, n_out)
            dst.data = PyBytes_AS_STRING(result)
        else:
            result = cnp.PyArray_EMPTY(1, &length, type_num, 0)
            dst.data = <char *>cnp.PyArray_DATA(<cnp.ndarray>result)
        if n < <size_t>nogil_from:
            status = kernel(src.data, dst.data, n)
        else:
            with nogil:
                status = kernel(src.data, dst.data, n)
        if status != VB_OK:
            raise ValueError(not_finite(src.data, n, name))
    finally:
        release(src)
        release(&dst)
    return result
