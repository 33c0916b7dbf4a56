"""Where a call's iteration waits: what wakes it gives it its turn at once, without a round of the event loop."""

from __future__ import annotations

import asyncio
import contextvars
from asyncio import _enter_task, _leave_task  # documented, for implementations of tasks
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, Self


class Wake:
    """A future for one task at a time, again and again.

    A future of asyncio's wakes its task by way of the loop's queue, which costs more than all that a call does with a
    message. `now` lets the task run up to where it next waits before it returns, as an eager task begins: within what
    has read the socket, whose task, if it has one, is set aside meanwhile.

    Parameters
    ----------
    loop : AbstractEventLoop
        The loop of the task.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False
        self._awaited = False
        self._loop = loop
        self._callback: Callable[[Wake], object] | None = None
        self._context: contextvars.Context | None = None
        self._cancelled: tuple[object, ...] | None = None

    def now(self) -> None:
        """Let the task run, if it waits."""
        callback = self._callback
        if callback is None:
            return
        self._callback = None
        context = self._context
        assert context is not None
        task = asyncio.current_task(self._loop)
        if task is not None:
            _leave_task(self._loop, task)
        try:
            context.run(callback, self)
        except RuntimeError:  # it could not begin: its context is that of what reads, say; then in its turn
            self._loop.call_soon(callback, self, context=context)
        finally:
            if task is not None:
                _enter_task(self._loop, task)

    def soon(self) -> None:
        """Let the task run in its turn, if it waits."""
        callback = self._callback
        if callback is not None:
            self._callback = None
            self._loop.call_soon(callback, self, context=self._context)

    @property
    def waited_for(self) -> bool:
        """Whether a task waits."""
        return self._callback is not None

    # ---- what asyncio's tasks ask of a future

    def __await__(self) -> Generator[Any, None, None]:
        self._asyncio_future_blocking = self._awaited = True
        return self  # type: ignore[return-value]  # as its own iterator; a generator would be made for each waiting

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Self:
        if self._awaited:
            self._awaited = False
            return self
        raise StopIteration

    def close(self) -> None:
        """Forget the task; its coroutine is closed where it waits."""
        self._callback = None

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop of the task."""
        return self._loop

    def add_done_callback(
        self, callback: Callable[[Wake], object], *, context: contextvars.Context | None = None
    ) -> None:
        """Note what lets the task run."""
        self._callback = callback
        self._context = contextvars.copy_context() if context is None else context

    def cancel(self, msg: object = None) -> bool:
        """Let the task run in its turn, and find that it was cancelled; False if it does not wait."""
        if self._callback is None:
            return False
        self._cancelled = () if msg is None else (msg,)
        self.soon()
        return True

    def result(self) -> None:
        """Return, or raise the cancellation."""
        cancelled, self._cancelled = self._cancelled, None
        if cancelled is not None:
            raise asyncio.CancelledError(*cancelled)
