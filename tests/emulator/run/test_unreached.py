"""Why nothing was reached, in words."""

import asyncio
import errno
import os
import socket

import httpx
import pytest

from voiceband.emulator.run.unreached import why_unreached

REFUSED = "connection refused: nothing listens there"
NUMBER = f"[Errno {errno.ECONNREFUSED}]"


def asked(url):
    async def ask():
        async with httpx.AsyncClient() as client:
            await client.get(url)

    with pytest.raises(httpx.ConnectError) as raised:
        asyncio.run(ask())
    return raised.value


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)"), REFUSED),
        (OSError(f"Multiple exceptions: {NUMBER} Connect call failed, {NUMBER} Connect call failed"), REFUSED),
        (OSError(errno.EHOSTUNREACH, "Connect call failed"), os.strerror(errno.EHOSTUNREACH)),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (EOFError("the stream\nends"), "the stream ends"),
        (TimeoutError(), "TimeoutError"),
    ],
)  # fmt: skip
def test_the_system_s_numbers_are_left_out(error, words):
    assert why_unreached(error) == words


def test_what_httpx_says_is_looked_behind():
    assert why_unreached(asked("http://127.0.0.1:1/")) == REFUSED
