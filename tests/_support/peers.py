"""WebSocket peers by hand, on plain sockets: for what no library would send."""

import asyncio
import contextlib
import re
import secrets
import socket
import struct

from voiceband.callbacks import sign_v3

TOKEN = "secret"


def frame(content, opcode=1, *, fin=True, masked=True):
    content = content.encode() if isinstance(content, str) else content
    n = len(content)
    length = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 2**16 else b"\x7f" + struct.pack(">Q", n)
    if not masked:
        return bytes([opcode | fin << 7]) + length + content
    # Masked with zeros, so the content stays as it is.
    return bytes([opcode | fin << 7, length[0] | 0x80]) + length[1:] + b"\0\0\0\0" + content


class Peer:
    """A WebSocket by hand."""

    def __init__(self, url):
        self.host, self.port, self.path = re.fullmatch(r"ws://([\d.]+):(\d+)(/.*)", url).groups()

    async def dial(self):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect((self.host, int(self.port)))
        self.reader, self.writer = await asyncio.open_connection(sock=connection)
        # However the task ends that has dialled, nothing stays open.
        asyncio.current_task().add_done_callback(lambda _: self.writer.transport.abort())
        return self

    def request(self, token=TOKEN, key="dGhlIHNhbXBsZSBub25jZQ=="):
        """Return the bytes of a signed upgrade."""
        host = f"{self.host}:{self.port}"
        nonce = secrets.token_hex(8)
        signature = sign_v3("GET", f"http://{host}{self.path}", nonce, token)
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"X-Plivo-Signature-V3: {signature}\r\nX-Plivo-Signature-V3-Nonce: {nonce}\r\n\r\n"
        ).encode()

    async def upgrade(self, token=TOKEN, **options):
        await self.dial()
        self.writer.write(self.request(token, **options))
        status = int((await self.reader.readuntil(b"\r\n\r\n")).split()[1])
        assert status == (101 if token == TOKEN else 403)
        return self

    async def read(self):
        """Return opcode and content of a frame."""
        opcode, n = await self.reader.readexactly(2)
        if n == 126:
            (n,) = struct.unpack(">H", await self.reader.readexactly(2))
        elif n == 127:
            (n,) = struct.unpack(">Q", await self.reader.readexactly(8))
        return opcode & 15, await self.reader.readexactly(n)

    async def until_closed(self, *, pong=False):
        """Read until the server has closed the connection; return the code of its close frame, if that has come.

        With `pong` the server's pings are answered.
        """
        code = None
        try:
            while code is None:
                opcode, content = await self.read()
                if opcode == 8:
                    (code,) = struct.unpack(">H", content[:2])
                elif opcode == 9 and pong:
                    self.writer.write(frame(content, opcode=10))
        except (ConnectionError, EOFError):
            pass
        self.writer.close()
        return code

    async def until_gone(self):
        """Read until the server has closed the connection, which is no WebSocket."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(2**16):
                pass
        self.writer.close()
