"""What is closed to others is closed to the tests as well, though root runs them."""

import contextlib
import ctypes
import os
import sys

import pytest

# Linux: linux/capability.h. These two let root read, write and search whatever it likes.
VERSION_3 = 0x20080522
DAC_OVERRIDE, DAC_READ_SEARCH = 1, 2


@contextlib.contextmanager
def permissions_that_count():
    """Give up root's right to open every file, in this thread and for as long as this lasts.

    The user stays the same, so what is theirs can still be read, wherever the checkout and the interpreter lie.
    """
    if os.name != "posix":
        pytest.skip("needs POSIX permissions")
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("nothing is closed to root, who cannot give that up here")
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(VERSION_3, 0)
    held = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable, twice
    if libc.capget(head, held) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    fewer = (ctypes.c_uint32 * 6)(*held)
    fewer[0] &= ~(1 << DAC_OVERRIDE | 1 << DAC_READ_SEARCH)
    if libc.capset(head, fewer) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    try:
        yield
    finally:
        libc.capset(head, held)
