"""What drivers take: the options of a call and of its upgrade."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypedDict

from voiceband._checks import check_integer
from voiceband.servers.alarm import check_idle
from voiceband.servers.joining import check_redials, check_rejoin
from voiceband.servers.upgrade import check_upgrade
from voiceband.session import Session, SessionOptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voiceband.api import AsyncPlivoClient
    from voiceband.callbacks.nonces import Nonces
    from voiceband.servers.joining import Redials


class CallOptions(SessionOptions, total=False):
    """What `CallHandle` takes: a session's options, and its own."""

    session: Session | None
    api: AsyncPlivoClient | None
    idle_timeout_s: float | None
    rejoin_s: float
    redials: Redials | None


class UpgradeOptions(TypedDict, total=False):
    """Who may open a socket, and where: what `voiceband.callbacks.verify_upgrade` takes, and `path`."""

    auth_token: str | Iterable[str] | None
    public_base_url: str | None
    nonces: Nonces | None
    path: str | None
    token_ttl_s: float | None


class ServerOptions(CallOptions, UpgradeOptions, total=False):
    """Both, for drivers that see the upgrade and the call."""


def session_of(session: Session | None, options: SessionOptions) -> Session:
    """Return the session that is given, or one that is made from options; ValueError for both."""
    if session is None:
        return Session(**options)
    if not isinstance(session, Session):
        raise TypeError(f"session must be a Session or None, not {session!r}")
    if options:
        raise ValueError(f"{next(iter(options))} must be given to session, which is there already")
    return session


UPGRADE_NAMES = frozenset(UpgradeOptions.__annotations__)
CALL_NAMES = frozenset(CallOptions.__annotations__) - frozenset(SessionOptions.__annotations__)
SENDABLE_CODES = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})
"""Close codes that a close frame may have."""
ONE_CALLS_OWN = ("session", "recorder", "capture")


def check_api(api: AsyncPlivoClient | None) -> None:
    """Raise TypeError unless `api` is None or a client whose `hangup` can be awaited."""
    if api is not None and not inspect.iscoroutinefunction(getattr(api, "hangup", None)):
        raise TypeError(f"api must be an AsyncPlivoClient or None, not {api!r}")


def split_options(options: ServerOptions) -> tuple[UpgradeOptions, CallOptions]:
    """Return the options of upgrades, and those of calls."""
    upgrade: Any = {name: value for name, value in options.items() if name in UPGRADE_NAMES}
    call: Any = {name: value for name, value in options.items() if name not in UPGRADE_NAMES}
    return upgrade, call


def check_shared(options: ServerOptions) -> None:
    """Check the options of a server of many calls before any comes; ValueError or TypeError for bad ones."""
    upgrade, call = split_options(options)
    for name in ONE_CALLS_OWN:
        if call.get(name) is not None:
            raise ValueError(f"{name} belongs to one call, and a server has many: give it to `accept`")
    check_upgrade(**upgrade)
    check_api(call.get("api"))
    check_idle(call.get("idle_timeout_s"))
    if "rejoin_s" in call:
        check_rejoin(call["rejoin_s"])
    check_redials(call.get("redials"))
    session: Any = {name: value for name, value in call.items() if name not in CALL_NAMES}
    Session(**session)


def check_code(code: int) -> int:
    """Return a close code that may be sent; TypeError or ValueError for anything else."""
    code = check_integer("code", code, 1000, 4999)
    if code not in SENDABLE_CODES:
        raise ValueError(f"code must be 1000 to 1003, 1007 to 1014, or 3000 to 4999, not {code}")
    return code
