"""How a kernel's arguments become pointers.

At 160 samples the handling of arguments costs more than the kernel, so it is done by hand: exact `bytes` and `ndarray`
objects are read directly, everything else goes through the buffer protocol. A `View` holds its argument until
`release`; nothing is copied.
"""

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_IsContiguous, PyBuffer_Release, PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
cimport numpy as cnp


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


cdef inline int _open(object obj, View *v, str name, str wanted, int writable) except -1:
    """Take obj's buffer as it is, and check that it is one-dimensional and contiguous."""
    v.held = False
    try:
        PyObject_GetBuffer(obj, &v.buffer, PyBUF_STRIDES | PyBUF_FORMAT | (PyBUF_WRITABLE if writable else 0))
    except TypeError:
        raise TypeError(f"{name} must be a buffer of {wanted} items, not {type(obj).__name__}") from None
    except (BufferError, ValueError) as error:
        raise ValueError(f"{name} must be a {'writable ' if writable else ''}buffer: {error}") from None
    v.held = True
    if v.buffer.ndim != 1:
        shape = tuple([v.buffer.shape[i] for i in range(v.buffer.ndim)])
        release(v)
        raise ValueError(f"{name} must be one-dimensional, not of shape {shape}")
    if not PyBuffer_IsContiguous(&v.buffer, c"C"):
        stride = v.buffer.strides[0]
        release(v)
        raise ValueError(f"{name} must be C-contiguous, not of stride {stride} bytes")
    v.data = <char *>v.buffer.buf
    return 0


cdef inline int _refuse(object obj, View *v, str name, str wanted) except -1:
    got = v.buffer.format.decode("ascii", "replace") if v.buffer.format != NULL else "B"
    if hasattr(obj, "dtype"):
        got = str(obj.dtype)
    else:
        got = f"format {got!r}"
    release(v)
    raise ValueError(f"{name} must hold {wanted} items, not {got} ({type(obj).__name__})")


cdef inline int view_bytes(object obj, View *v, str name) except -1:
    """View wire bytes: anything with a contiguous buffer of uint8 items."""
    if PyBytes_CheckExact(obj):
        v.data = PyBytes_AS_STRING(obj)
        v.n = PyBytes_GET_SIZE(obj)
        v.held = False
        return 0
    _open(obj, v, name, "uint8", False)
    if v.buffer.itemsize != 1 or item_code(&v.buffer) not in (c"B", c"c"):
        _refuse(obj, v, name, "uint8")
    v.n = v.buffer.len
    return 0


cdef inline int view_samples(object obj, View *v, str name, int type_num) except -1:
    """View samples of NPY_INT16 or NPY_FLOAT32: an ndarray, or any contiguous buffer of such items.

    `bytes`, `bytearray` and memoryviews of bytes have no item type; they are read as samples in native byte order.
    """
    cdef cnp.ndarray a
    cdef char code
    cdef Py_ssize_t size = 2 if type_num == cnp.NPY_INT16 else 4
    if cnp.PyArray_CheckExact(obj):
        a = <cnp.ndarray>obj
        if cnp.PyArray_TYPE(a) == type_num and cnp.PyArray_NDIM(a) == 1 and cnp.PyArray_IS_C_CONTIGUOUS(a) \
                and cnp.PyArray_ISNOTSWAPPED(a):
            v.data = <char *>cnp.PyArray_DATA(a)
            v.n = cnp.PyArray_DIM(a, 0)
            v.held = False
            return 0
    wanted = "int16" if type_num == cnp.NPY_INT16 else "float32"
    _open(obj, v, name, wanted, False)
    code = item_code(&v.buffer)
    if code == (c"h" if type_num == cnp.NPY_INT16 else c"f") and v.buffer.itemsize == size:
        v.n = v.buffer.len // size
        return 0
    if code == c"B" and not cnp.PyArray_Check(obj) and isinstance(obj, (bytes, bytearray, memoryview)):
        v.n = v.buffer.len // size
        if v.n * size != v.buffer.len:
            odd = v.buffer.len
            release(v)
            raise ValueError(f"{name} must hold whole {wanted} samples of {size} bytes, not {odd} bytes")
        return 0
    _refuse(obj, v, name, wanted)
    return 0


cdef inline int sample_type_of(object obj, str name) except -1:
    """Return NPY_INT16 or NPY_FLOAT32 for a buffer of either; bytes without an item type are int16 samples."""
    cdef View v
    cdef char code
    _open(obj, &v, name, "int16 or float32", False)
    code = item_code(&v.buffer)
    if code == c"f" and v.buffer.itemsize == 4:
        release(&v)
        return cnp.NPY_FLOAT32
    if code == c"h" or (code == c"B" and not cnp.PyArray_Check(obj)
                        and isinstance(obj, (bytes, bytearray, memoryview))):
        release(&v)
        return cnp.NPY_INT16
    return _refuse(obj, &v, name, "int16 or float32")


cdef inline int view_out_any(object obj, View *v, str name, int type_num) except -1:
    """View a destination of samples of NPY_INT16 or NPY_FLOAT32: a writable ndarray or buffer of them."""
    cdef Py_ssize_t size = 2 if type_num == cnp.NPY_INT16 else 4
    wanted = "int16" if type_num == cnp.NPY_INT16 else "float32"
    _open(obj, v, name, wanted, True)
    if item_code(&v.buffer) != (c"h" if type_num == cnp.NPY_INT16 else c"f") or v.buffer.itemsize != size:
        _refuse(obj, v, name, wanted)
    v.n = v.buffer.len // size
    return 0


cdef inline int view_out_samples(object obj, View *v, str name, int type_num, Py_ssize_t n) except -1:
    """View such a destination of exactly n samples."""
    view_out_any(obj, v, name, type_num)
    if v.n != n:
        got = v.n
        release(v)
        raise ValueError(f"{name} must have room for exactly {n} samples, not {got}")
    return 0


cdef inline int view_out_bytes(object obj, View *v, str name, Py_ssize_t n) except -1:
    """View the destination of exactly n bytes: a writable contiguous buffer of any item type."""
    _open(obj, v, name, "uint8", True)
    v.n = v.buffer.len
    if v.n != n:
        got = v.n
        release(v)
        raise ValueError(f"{name} must have room for exactly {n} bytes, not {got}")
    return 0


cdef inline int refuse_overlap(View *src, Py_ssize_t src_bytes, View *dst, Py_ssize_t dst_bytes, str name) except -1:
    if src.data < dst.data + dst_bytes and dst.data < src.data + src_bytes:
        release(src)
        release(dst)
        raise ValueError(f"out must not overlap {name}")
    return 0
