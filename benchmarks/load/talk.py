"""The agent of a conversation: it speaks 2 s of every 5, as a synthesiser gives speech: faster than it is heard."""

import asyncio
import contextlib

import numpy as np

RATE, PIECE_S = 24_000, 0.2
TURN_S, SPEECH_S, PIECES_APART_S = 5.0, 2.0, 0.04
PIECE = (np.sin(np.arange(round(RATE * PIECE_S)) * 0.1) * 8000).astype(np.int16)


async def agent(call):
    speaking = asyncio.create_task(speak(call))
    try:
        async for _ in call:
            pass
    finally:
        speaking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await speaking


async def speak(call):
    while True:
        n = round(SPEECH_S / PIECE_S)
        for k in range(n):
            await call.play(PIECE, RATE, end=k == n - 1)
            await asyncio.sleep(PIECES_APART_S)
        await asyncio.sleep(TURN_S - n * PIECES_APART_S)
