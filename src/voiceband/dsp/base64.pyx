# cython: freethreading_compatible=True
"""Base64 between payload bytes and the text of a message."""

from libc.string cimport memcpy
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_Check, PyUnicode_GET_LENGTH

from voiceband.dsp._shared.buffer cimport View, release, view_bytes
from voiceband.dsp.cpu cimport VB_OK, import_level

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    unsigned char *PyUnicode_1BYTE_DATA(object text)
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)

vb_base64_select(import_level())


def base64_encode(data, str head not None="", str tail not None=""):
    """Encode bytes as base64 text, between a head and a tail, in one pass.

    Parameters
    ----------
    data : bytes-like, shape (n,), uint8
        What to encode.
    head, tail : str, optional
        ASCII text to put before and after.

    Returns
    -------
    text : str
        ``head``, the characters with padding and without line breaks, ``tail``.

    Raises
    ------
    TypeError
        If `data` has no buffer.
    ValueError
        If a shape or item type does not match, or `head` or `tail` is not ASCII.

    Notes
    -----
    Keeps no state; safe from any thread.

    References
    ----------
    .. [1] RFC 4648, section 4.

    Examples
    --------
    >>> base64_encode(b"\\xff\\x7f", '"', '"')
    '"/38="'
    """
    cdef View src
    cdef char *dst
    cdef Py_ssize_t n_head = PyUnicode_GET_LENGTH(head), n_tail = PyUnicode_GET_LENGTH(tail), n_text
    if not (PyUnicode_IS_ASCII(head) and PyUnicode_IS_ASCII(tail)):
        raise ValueError(f"head and tail must be ASCII, not {head!r} and {tail!r}")
    view_bytes(data, &src, "data")
    try:
        n_text = <Py_ssize_t>vb_base64_encoded_len(src.n)
        text = PyUnicode_New(n_head + n_text + n_tail, 127)
        if n_head + n_text + n_tail == 0:
            return text
        dst = <char *>PyUnicode_1BYTE_DATA(text)
        memcpy(dst, PyUnicode_1BYTE_DATA(head), n_head)
        vb_base64_encode(<const uint8_t *>src.data, dst + n_head, src.n)
        memcpy(dst + n_head + n_text, PyUnicode_1BYTE_DATA(tail), n_tail)
    finally:
        release(&src)
    return text


def base64_decode(text):
    """Decode base64 text, accepting nothing but whole quads of the standard alphabet.

    Parameters
    ----------
    text : str or bytes-like
        Characters with padding, no white space.

    Returns
    -------
    data : bytes
        The bytes; bits that the last character has to spare are ignored.

    Raises
    ------
    TypeError
        If `text` is neither text nor a buffer.
    ValueError
        If it has a character outside the alphabet, misplaced padding, or a length that is no multiple of 4.

    Notes
    -----
    Keeps no state; safe from any thread.

    References
    ----------
    .. [1] RFC 4648, section 4.

    Examples
    --------
    >>> base64_decode("/38=")
    b'\\xff\\x7f'
    """
    cdef View src
    cdef size_t n
    if PyUnicode_Check(text):
        if not PyUnicode_IS_ASCII(text):
            raise ValueError("text must be base64, but has a character outside ASCII")
        src.data = <char *>PyUnicode_1BYTE_DATA(text)
        src.n = PyUnicode_GET_LENGTH(text)
        src.held = False
    else:
        view_bytes(text, &src, "text")
    try:
        if vb_base64_decoded_len(src.data, src.n, &n) != VB_OK:
            raise ValueError(f"text must be base64 in whole quads, not {src.n} characters")
        data = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>n)
        if vb_base64_decode(src.data, <uint8_t *>PyBytes_AS_STRING(data), src.n) != VB_OK:
            raise ValueError("text must be base64, but has a character outside the alphabet or misplaced padding")
    finally:
        release(&src)
    return data
