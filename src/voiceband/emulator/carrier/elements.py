"""What a call runs through besides the elements that `voiceband.markup` writes, as far as its caller would notice."""

from __future__ import annotations

import msgspec

from voiceband.markup import Element, Stream


class StreamElement(msgspec.Struct, frozen=True):
    """Open a stream, with its extra headers as they were written."""

    stream: Stream
    extra_headers: str

    tag = "Stream"


class Break(msgspec.Struct, frozen=True):
    """Say nothing for a while: a break within ``<Speak>``."""

    wait_s: float

    tag = "Speak"


class WithAction(msgspec.Struct, frozen=True, kw_only=True):
    """An element whose outcome may be sent to a URL.

    Attributes
    ----------
    action : str
        Where; empty for nowhere.
    method : {"GET", "POST"}
        How.
    redirect : bool
        Whether the call goes on with the XML that is answered, instead of the next element.
    """

    action: str
    method: str
    redirect: bool


class RecordElement(WithAction, frozen=True, kw_only=True):
    """Record what the caller says after a beep; nobody hears the emulated caller here, who says nothing."""

    beep: bool
    wait_s: float

    tag = "Record"


class InputElement(WithAction, frozen=True, kw_only=True):
    """Wait for keys or words of the caller, who presses those that the carrier was given."""

    by_keys: bool
    n_keys: int
    wait_s: float

    tag = "GetInput"


class DialElement(WithAction, frozen=True, kw_only=True):
    """Call somebody else, who does not answer: the caller hears it ring."""

    ring_s: float

    tag = "Dial"


class ConferenceElement(msgspec.Struct, frozen=True):
    """Put the caller into a room where nobody else is, until the call ends."""

    name: str

    tag = "Conference"


AnyElement = Element | StreamElement | Break | RecordElement | InputElement | DialElement | ConferenceElement
