"""The context that every driver opens around the agent's code."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from voiceband.servers.errors import CallEndedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    from voiceband.servers.call import Agent, CallHandle
    from voiceband.servers.link import Link

__all__ = ["run_agent", "running"]


@contextlib.asynccontextmanager
async def running(call: CallHandle, read: Coroutine[Any, Any, None] | None = None) -> AsyncIterator[CallHandle]:
    """Give the call to the agent's code; leave no task and no socket behind, however that ends.

    Parameters
    ----------
    call : CallHandle
        The call.
    read : coroutine, optional
        Feeds `link.feed` until the socket ends, and says so with `link.lost`; it runs in a task.
    """
    link = call.link
    reader = asyncio.create_task(_read(link, read)) if read is not None else None
    code, reason = 1011, "internal error"
    try:
        yield call
        call.reraise()
        code, reason = 1000, ""
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and not task.cancelling():  # a server would take it for the end that it has asked for
            raise RuntimeError("the agent let a CancelledError out, but nobody has cancelled it") from error
        code, reason = 1001, "going away"
        raise
    except BaseException as error:
        if not _is_end_of(call, error):
            raise
        code, reason = 1000, ""
    finally:
        call.end(code, reason)
        try:
            await call.wait_ended(link)
        finally:
            if reader is not None and read is not None:
                reader.cancel()
                await asyncio.wait({reader})
                read.close()  # if the task ended before it began


def _is_end_of(call: CallHandle, error: BaseException) -> bool:
    """Whether this says only that the call has ended, also from several tasks at once."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_end_of(call, one) for one in error.exceptions)
    return isinstance(error, CallEndedError) and error.call is call


async def _read(link: Link, read: Coroutine[Any, Any, None]) -> None:
    try:
        await read
    except Exception as error:  # a mistake of the driver: nobody else would say so
        link.owner.fail(error)
    finally:
        if not link.gone:
            link.lost()


async def run_agent(
    agent: Agent, accepting: AbstractAsyncContextManager[CallHandle], tasks: set[asyncio.Task[Any]] | None
) -> CallHandle:
    """Run the agent on a call that a driver accepts, and return the call; this task is in `tasks` meanwhile."""
    task = asyncio.current_task()
    assert task is not None
    tasks = set() if tasks is None else tasks
    tasks.add(task)
    try:
        async with accepting as call:
            await agent(call)
    finally:
        tasks.discard(task)
    return call
