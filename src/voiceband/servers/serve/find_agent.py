"""Finds the agent that a command line names."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from voiceband.servers.serve.sockets import StartError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from voiceband.servers.call import CallHandle

    Agent = Callable[[CallHandle], Awaitable[object]]


def load_agent(where: str) -> Agent:
    """Return the agent at ``file.py:function`` or ``module:function``; StartError if there is none."""
    place, colon, name = where.rpartition(":")
    if not colon or not place or not name:
        raise StartError(f"the agent must be FILE.py:FUNCTION or MODULE:FUNCTION, not {where!r}")
    module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    agent: Any = module
    for part in name.split("."):
        agent = getattr(agent, part, None)
    if agent is None:
        raise StartError(f"{place} has no {name}")
    if inspect.isclass(agent):
        raise StartError(
            f"{where} must be a coroutine function (async def), not a class; an instance may have __call__"
        )
    if not inspect.iscoroutinefunction(agent) and not inspect.iscoroutinefunction(getattr(agent, "__call__", None)):  # noqa: B004
        raise StartError(f"{where} must be a coroutine function (async def), not {type(agent).__name__}")
    try:
        inspect.signature(agent).bind(None)
    except TypeError:
        raise StartError(f"{where} must take one argument, the call, not {inspect.signature(agent)}") from None
    return agent  # type: ignore[no-any-return]


def _load_file(path: Path) -> Any:
    if not path.is_file():
        raise StartError(f"there is no file {path}")
    path = path.resolve()
    sys.path.insert(0, str(path.parent))  # for what lies beside it, as when Python runs a file
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    return _import(str(path), lambda: spec.loader.exec_module(module)) or module  # type: ignore[union-attr]


def _load_module(name: str) -> Any:
    sys.path.insert(0, str(Path.cwd()))
    return _import(name, lambda: importlib.import_module(name))


def _import(what: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except (Exception, SystemExit) as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        said = " ".join(f"{type(error).__name__}: {error}".split())
        where = "" if at.filename.startswith("<") else f" ({Path(at.filename).name}, line {at.lineno})"
        raise StartError(f"{what} cannot be imported: {said}{where}") from None
