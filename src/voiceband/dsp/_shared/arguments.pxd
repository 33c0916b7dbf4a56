"""Numbers, numpy's too, and choices as callers give them: with errors that name the argument and its value.

A wrong type is a TypeError, a wrong value a ValueError. A bool is no number.
"""

from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_CheckExact
from cpython.number cimport PyNumber_Index
from libc.math cimport INFINITY


cdef inline str shown(object value):
    """A bad value as an error shows it: not endless, and whatever its repr does."""
    try:
        text = repr(value)
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


cdef inline bint _is_bool(object value):
    return not PyLong_CheckExact(value) and type(value).__name__ in ("bool", "bool_")  # Python's and numpy's


cdef inline bint _is_number(object value, double *number) noexcept:
    """Read a number, and return whether it is one."""
    if PyFloat_CheckExact(value):  # nearly all are
        number[0] = PyFloat_AS_DOUBLE(value)
        return True
    if _is_bool(value) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):  # text has neither
        return False
    try:
        number[0] = <double>value
    except OverflowError:
        number[0] = INFINITY if value > 0 else -INFINITY
    except Exception:
        return False
    return True


cdef inline double read_milliseconds(str name, object value) except? -1.0:
    """Read a time in seconds of any origin, and return it in ms."""
    cdef double seconds = 0.0
    if PyFloat_CheckExact(value):  # nearly all are
        seconds = PyFloat_AS_DOUBLE(value)
    elif not _is_number(value, &seconds):
        raise TypeError(f"{name} must be a time in seconds, not {shown(value)}")
    if not -1e12 < seconds < 1e12:
        raise ValueError(f"{name} must be a finite time in seconds, of magnitude below 1e12, not {shown(value)}")
    return seconds * 1000.0


cdef inline double read_setting(str name, object value, double low, double high) except? -1.0:
    """Read a number from low to high."""
    cdef double number = 0.0
    if not _is_number(value, &number):
        raise TypeError(f"{name} must be a number from {low:g} to {high:g}, not {shown(value)}")
    if not low <= number <= high:
        raise ValueError(f"{name} must be from {low:g} to {high:g}, not {shown(value)}")
    return number


cdef inline object read_index(str name, object value, str what):
    """Read an integer of any size; `what` names its unit in an error."""
    if PyLong_CheckExact(value):
        return value
    if not _is_bool(value):
        try:
            return PyNumber_Index(value)
        except Exception:  # an array of more than one, or not of integers
            pass
    raise TypeError(f"{name} must be an integer number of {what}, not {shown(value)}")


cdef inline Py_ssize_t read_count(str name, object value, str what, Py_ssize_t low, Py_ssize_t high) except -1:
    """Read an integer from low to high, which are not negative."""
    number = read_index(name, value, what)
    if not low <= number <= high:
        raise ValueError(f"{name} must be from {low} to {high} {what}, not {shown(value)}")
    return number


cdef inline int read_rate(object rate) except -1:
    """Read the sampling rate of telephone audio in Hz."""
    number = read_index("rate", rate, "Hz")
    if number != 8000 and number != 16000:
        raise ValueError(f"rate must be 8000 or 16000 Hz, not {shown(rate)}")
    return number


cdef inline int read_choice(str name, object value, tuple choices) except -1:
    """Return which one of some texts, or None among them, a value is."""
    if (isinstance(value, str) or value is None) and value in choices:
        return choices.index(value)
    listed = f"{', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}"
    raise (ValueError if isinstance(value, str) else TypeError)(f"{name} must be {listed}, not {shown(value)}")
