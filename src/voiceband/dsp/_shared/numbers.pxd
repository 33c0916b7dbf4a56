"""Chunk numbers and timestamps as a peer sends them: ints, decimal strings, floats, nothing at all, or garbage."""

from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.unicode cimport PyUnicode_CheckExact
from libc.math cimport floor, isfinite
from libc.stdint cimport int64_t

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL


cdef inline int _digits(object text, int64_t *value) except -1:
    """Read a decimal string of up to 16 digits with an optional sign; 0 if it is anything else."""
    cdef Py_ssize_t n, i = 0
    cdef const char *s
    cdef int64_t v = 0
    try:
        s = PyUnicode_AsUTF8AndSize(text, &n)
    except UnicodeEncodeError:
        return 0
    if n > 0 and s[0] == c"-":
        i = 1
    if n == i or n - i > 16:
        return 0
    while i < n:
        if s[i] < c"0" or s[i] > c"9":
            return 0
        v = 10 * v + (s[i] - c"0")
        i += 1
    value[0] = -v if s[0] == c"-" else v
    return 1


cdef inline bint _is_plain(str text):
    """Digits with an optional minus and one point: no spaces, exponents or underscores."""
    cdef str digits = text[1:] if text.startswith("-") else text
    return len(text) <= 40 and digits.isascii() and digits.replace(".", "", 1).isdigit()


cdef inline int read_number(object given, double *value) except -1:
    """Read a finite number of magnitude below 2**53: 1 if it is one, 0 if absent, 2 if unreadable. Never raises."""
    cdef int64_t i = 0
    cdef int overflow = 0
    cdef double d
    if given is None:
        return 0
    if PyLong_CheckExact(given):
        i = PyLong_AsLongLongAndOverflow(given, &overflow)
        if overflow:
            return 2
        d = <double>i
    elif PyUnicode_CheckExact(given):
        if _digits(given, &i):
            d = <double>i
        else:
            if not _is_plain(given):
                return 2
            d = float(given)
    elif isinstance(given, bool):
        return 2
    else:
        try:
            d = <double>given
        except Exception:
            return 2
    if not isfinite(d) or not -9007199254740992.0 < d < 9007199254740992.0:
        return 2
    value[0] = d
    return 1


cdef inline int read_integer(object given, int64_t *value) except -1:
    """Read a whole number likewise."""
    cdef double d = 0.0
    cdef int found = read_number(given, &d)
    if found == 1:
        if d != floor(d):
            return 2
        value[0] = <int64_t>d
    return found
