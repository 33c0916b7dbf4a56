"""What the API answers. What it leaves out, or says in words that cannot be read, is None."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from voiceband._values import read_bool, read_format, read_int, read_text, read_time
from voiceband.formats import AudioFormat


class StartedStream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that has been started.

    Attributes
    ----------
    stream_id : str
        As in its events.
    message, api_id : str or None
        For people, and for the carrier's support.
    """

    stream_id: str
    message: str | None = None
    api_id: str | None = None

    @classmethod
    def from_json(cls, answer: dict[str, Any]) -> StartedStream:
        """Read an answer; ValueError without ``stream_id``."""
        stream_id = read_text(answer.get("stream_id"))
        if stream_id is None:
            raise ValueError("the answer has no stream_id")
        return cls(
            stream_id=stream_id, message=read_text(answer.get("message")), api_id=read_text(answer.get("api_id"))
        )


class StreamInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A stream, running or over.

    Attributes
    ----------
    stream_id, call_id, account_id : str or None
        Of the stream, its call and its account.
    service_url : str or None
        Where it goes.
    bidirectional : bool or None
        Whether the agent may speak.
    audio_track : str or None
        What the agent hears.
    content_type : AudioFormat or None
        What its messages carry.
    status, status_callback_url : str or None
        Only older answers have them.
    created_at, start_time, end_time : datetime or None
        With a time zone; UTC where none was given.
    bill_duration_s, rounded_bill_duration_s : int or None
        Seconds that are charged, measured and rounded up.
    billed_amount : Decimal or None
        In the account's currency.
    resource_uri : str or None
        Path of the stream.
    raw : dict
        The whole answer.
    """

    stream_id: str | None = None
    call_id: str | None = None
    account_id: str | None = None
    service_url: str | None = None
    bidirectional: bool | None = None
    audio_track: str | None = None
    content_type: AudioFormat | None = None
    status: str | None = None
    status_callback_url: str | None = None
    created_at: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    bill_duration_s: int | None = None
    rounded_bill_duration_s: int | None = None
    billed_amount: Decimal | None = None
    resource_uri: str | None = None
    raw: dict[str, Any] = {}

    @classmethod
    def from_json(cls, answer: dict[str, Any]) -> StreamInfo:
        """Read an answer, or one object of a list."""
        return cls(
            stream_id=read_text(answer.get("stream_id")),
            call_id=read_text(answer.get("call_uuid")),
            account_id=read_text(answer.get("plivo_auth_id")),
            service_url=read_text(answer.get("service_url")),
            bidirectional=read_bool(answer.get("bidirectional")),
            audio_track=read_text(answer.get("audio_track")),
            content_type=read_format(answer.get("content_type")),
            status=read_text(answer.get("status")),
            status_callback_url=read_text(answer.get("status_callback_url")),
            created_at=read_time(answer.get("created_at")),
            start_time=read_time(answer.get("start_time")),
            end_time=read_time(answer.get("end_time")),
            bill_duration_s=read_int(answer.get("bill_duration")),
            rounded_bill_duration_s=read_int(answer.get("rounded_bill_duration")),
            billed_amount=_read_decimal(answer.get("billed_amount")),
            resource_uri=read_text(answer.get("resource_uri")),
            raw=answer,
        )

    def __repr__(self) -> str:
        # `raw`, the account and addresses stay out of logs.
        shown = ("stream_id", "call_id", "status", "start_time", "end_time", "bill_duration_s")
        fields = [f"{name}={value!r}" for name in shown if (value := getattr(self, name)) is not None]
        return f"StreamInfo({', '.join(fields)})"

    def __rich_repr__(self) -> Any:
        yield repr(self)


class StreamPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a call's streams.

    Attributes
    ----------
    streams : tuple of StreamInfo
        In the API's order.
    limit, offset, total_count : int or None
        Which of how many.
    has_next : bool
        Whether there are more; ask with a greater `offset`.
    """

    streams: tuple[StreamInfo, ...]
    limit: int | None = None
    offset: int | None = None
    total_count: int | None = None
    has_next: bool = False

    @classmethod
    def from_json(cls, answer: dict[str, Any]) -> StreamPage:
        """Read an answer; ValueError without a list of objects."""
        objects = answer.get("objects")
        if not isinstance(objects, list) or not all(isinstance(item, dict) for item in objects):
            raise ValueError("the answer has no list of objects")
        meta = answer.get("meta")
        meta = meta if isinstance(meta, dict) else {}
        total = read_int(meta.get("total_count"))
        return cls(
            streams=tuple(StreamInfo.from_json(item) for item in objects),
            limit=read_int(meta.get("limit")),
            offset=read_int(meta.get("offset")),
            total_count=read_int(meta.get("count")) if total is None else total,
            has_next=bool(meta.get("next")),
        )


def _read_decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None
