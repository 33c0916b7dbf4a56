"""The context that every driver opens around the agent's code, and the check of what it is given."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from voiceband.servers.call import CallEndedError
from voiceband.servers.sending import check_idle
from voiceband.servers.upgrade import refusal
from voiceband.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from typing import Any

    from voiceband.servers.call import CallHandle


@contextlib.asynccontextmanager
async def running(call: CallHandle, read: Coroutine[Any, Any, None] | None = None) -> AsyncIterator[CallHandle]:
    """Give the call to the agent's code; leave no task and no socket behind, however that ends.

    Parameters
    ----------
    call : CallHandle
        The call.
    read : coroutine, optional
        Feeds the call until the socket ends, and says so with `CallHandle.lost`; it runs in a task.
    """
    reader = asyncio.create_task(_read(call, read)) if read is not None else None
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
            await call.link.wait_closed()
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


async def _read(call: CallHandle, read: Coroutine[Any, Any, None]) -> None:
    try:
        await read
    except Exception as error:  # a mistake of the driver: nobody else would say so
        call.fail(error)
    finally:
        call.lost()


def split_options(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a server's options for `upgrade.refusal` and for `CallHandle`; ValueError or TypeError for bad ones."""
    names = ("auth_token", "public_base_url", "nonces")
    upgrade: dict[str, Any] = {name: value for name, value in options.items() if name in names}
    call = {name: value for name, value in options.items() if name not in upgrade}
    refusal("/", {}, **upgrade)
    check_idle(call.get("idle_timeout_s"))
    Session(**{name: value for name, value in call.items() if name not in ("api", "idle_timeout_s")})
    return upgrade, call
