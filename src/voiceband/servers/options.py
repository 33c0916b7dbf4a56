"""What drivers take: the options of a call and of its upgrade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from voiceband.servers.sending import check_idle
from voiceband.servers.upgrade import refusal
from voiceband.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Literal

    from voiceband.api import AsyncPlivoClient
    from voiceband.callbacks import NonceCache
    from voiceband.formats import AudioFormat
    from voiceband.session import Capture, Recorder


class SessionOptions(TypedDict, total=False):
    """What `Session` takes."""

    rate: int | None
    dtype: Literal["int16", "float32"]
    denoise: float | None
    buffer: Literal["timeline", "jitter"] | None
    tracks: tuple[str, ...]
    lead_ms: float | None
    byteorder_in: Literal["little", "big", "auto"]
    byteorder_out: Literal["little", "big"]
    fallback_format: AudioFormat
    gain_in_db: float
    gain_out_db: float
    checkpoint_every_ms: float | None
    max_queued_ms: float
    guard: bool
    recorder: Recorder | None
    capture: Capture | None
    metrics: Callable[[str, float], object] | None


class CallOptions(SessionOptions, total=False):
    """What `CallHandle` takes: a session's options, and its own."""

    session: Session | None
    api: AsyncPlivoClient | None
    idle_timeout_s: float | None


class UpgradeOptions(TypedDict, total=False):
    """Who may open a socket: what `voiceband.callbacks.verify_upgrade` takes."""

    auth_token: str | Iterable[str] | None
    public_base_url: str | None
    nonces: NonceCache | None


class ServerOptions(CallOptions, UpgradeOptions, total=False):
    """Both, for drivers that see the upgrade and the call."""


def session_of(session: Session | None, options: SessionOptions) -> Session:
    """Return the session that is given, or one that is made from options; ValueError for both."""
    if session is None:
        return Session(**options)
    if options:
        raise ValueError(f"{next(iter(options))} must be given to session, which is there already")
    return session


UPGRADE_NAMES = frozenset(UpgradeOptions.__annotations__)
ONE_CALLS_OWN = ("session", "recorder", "capture")


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
    refusal("/", {}, **upgrade)
    check_idle(call.get("idle_timeout_s"))
    Session(**{name: value for name, value in call.items() if name not in ("api", "idle_timeout_s", "session")})
