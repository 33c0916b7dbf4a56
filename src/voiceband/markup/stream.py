"""The ``<Stream>`` element: forks a call's audio onto a WebSocket."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from voiceband.formats import PLIVO_FORMATS, PLIVO_L16_8K, PLIVO_L16_16K, AudioFormat, Encoding
from voiceband.markup import values
from voiceband.markup.element import Element
from voiceband.protocol.extra_headers import parse_extra_headers

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

MAX_EXTRA_HEADERS_BYTES = 512
MIN_NOISE_CANCELLATION_LEVEL = 60
MAX_NOISE_CANCELLATION_LEVEL = 100

_TRACKS = ("inbound", "outbound", "both")


class Stream(Element):
    """Stream the call's audio to a WebSocket server.

    Only what is given is written, and ``contentType`` always is, since documents disagree about its default.

    Parameters
    ----------
    url : str
        Where your server listens: ``wss://`` (or ``ws://``, which documents do not promise), at most 2048 characters.
    bidirectional : bool, optional
        Whether the agent may speak; False when not given.
    audio_track : {"inbound", "outbound", "both"}, optional
        What the agent hears: the caller, what the caller hears, or both; "inbound" when not given. A bidirectional
        stream takes "inbound" only.
    stream_timeout : int, optional
        Seconds after which the stream (not the call) ends, at least 1; 86400 when not given.
    content_type : AudioFormat or str, optional
        Mu-law at 8000 Hz or L16 at 8000 or 16000 Hz, or its MIME type. The default is L16 at 16000 Hz: the widest band
        that a stream can carry, without companding, for 2.4 times the bytes of mu-law.
    keep_call_alive : bool, optional
        Whether elements after this one wait until the stream has ended; False when not given, and then a call
        with nothing after the stream ends at once.
    extra_headers : mapping of str to str or int, or str, optional
        What your server finds in each message, or its text: ``key=value`` pairs with commas between. Letters and
        digits are promised; ``-`` and ``_`` have been seen to work. At most 512 bytes in all.
    status_callback_url : str, optional
        Where Plivo tells what becomes of the stream: ``http://`` or ``https://``; see `voiceband.callbacks`.
    status_callback_method : {"POST", "GET"}, optional
        POST when not given.
    noise_cancellation : bool, optional
        Whether the carrier suppresses noise; False when not given.
    noise_cancellation_level : int, optional
        How strongly, 60 to 100, with `noise_cancellation` only; 85 when not given.

    Raises
    ------
    TypeError, ValueError
        If an argument is of a wrong type, or breaks its rule; the text names it and shows the value.

    Warns
    -----
    UserWarning
        If `extra_headers` holds ``-`` or ``_``.

    Examples
    --------
    >>> Stream("wss://agent.example.com/ws", bidirectional=True).to_xml()
    '<Stream bidirectional="true" contentType="audio/x-l16;rate=16000">wss://agent.example.com/ws</Stream>'
    >>> Stream("wss://agent.example.com/ws", content_type="audio/x-mulaw;rate=16000")
    Traceback (most recent call last):
    ...
    ValueError: content_type (contentType) must be mu-law at 8000 Hz: 'audio/x-mulaw;rate=16000'
    """

    __slots__ = ()
    tag = "Stream"
    _text_name = "url"
    _readers: ClassVar[Mapping[str, Callable[[str], object]]] = {
        "bidirectional": values.read_flag,
        "audio_track": str,
        "stream_timeout": values.read_whole,
        "status_callback_url": str.strip,
        "status_callback_method": str,
        "content_type": str,
        "extra_headers": str,
        "keep_call_alive": values.read_flag,
        "noise_cancellation": values.read_flag,
        "noise_cancellation_level": values.read_whole,
    }

    def __init__(
        self,
        url: str,
        *,
        bidirectional: bool | None = None,
        audio_track: str | None = None,
        stream_timeout: int | None = None,
        content_type: AudioFormat | str = PLIVO_L16_16K,
        keep_call_alive: bool | None = None,
        extra_headers: Mapping[str, str | int] | str | None = None,
        status_callback_url: str | None = None,
        status_callback_method: str | None = None,
        noise_cancellation: bool | None = None,
        noise_cancellation_level: int | None = None,
    ) -> None:
        url = values.url("url", url, ("wss", "ws"), values.MAX_URL_CHARS)
        if "#" in url:
            raise ValueError(f"url must not have a fragment, as no WebSocket URL may: {url!r}")
        # In the order that the official package writes them, then what it cannot write.
        attributes = {
            "bidirectional": values.flag("bidirectional", bidirectional),
            "audio_track": values.one_of("audio_track", audio_track, _TRACKS),
            "stream_timeout": values.whole("stream_timeout", stream_timeout, 1, unit=" second"),
            "status_callback_url": None
            if status_callback_url is None
            else values.url("status_callback_url", status_callback_url, ("https", "http")),
            "status_callback_method": values.method("status_callback_method", status_callback_method),
            "content_type": str(_format(content_type)),
            "extra_headers": _extra_headers(extra_headers),
            "keep_call_alive": values.flag("keep_call_alive", keep_call_alive),
            "noise_cancellation": values.flag("noise_cancellation", noise_cancellation),
            "noise_cancellation_level": values.whole(
                "noise_cancellation_level",
                noise_cancellation_level,
                MIN_NOISE_CANCELLATION_LEVEL,
                MAX_NOISE_CANCELLATION_LEVEL,
            ),
        }
        if bidirectional and audio_track not in (None, "inbound"):
            raise ValueError(
                f"audio_track (audioTrack) must be 'inbound' with bidirectional=True, not {audio_track!r}: "
                "the call would end at once"
            )
        if noise_cancellation_level is not None and not noise_cancellation:
            raise ValueError(
                f"noise_cancellation_level (noiseCancellationLevel) needs noise_cancellation=True; "
                f"it is {noise_cancellation_level!r} with noise_cancellation={noise_cancellation!r}"
            )
        self._write(url, attributes)

    @classmethod
    def from_wire(cls, text: str, attributes: Mapping[str, str]) -> Self:
        """Read a parsed element; without ``contentType``, assume L16 at 8000 Hz with a UserWarning."""
        if "contentType" not in attributes:
            warnings.warn(
                f"<Stream> without contentType: documents disagree about its default; taken as {PLIVO_L16_8K}",
                stacklevel=2,
            )
            attributes = {**attributes, "contentType": str(PLIVO_L16_8K)}
        return super().from_wire(text, attributes)

    @property
    def url(self) -> str:
        """Address of the agent's WebSocket."""
        return self._text

    @property
    def bidirectional(self) -> bool:
        """Whether the agent may speak."""
        return self.attributes.get("bidirectional") == "true"

    @property
    def audio_track(self) -> str:
        """Tracks that the agent hears: "inbound", "outbound" or "both"."""
        return self.attributes.get("audioTrack", "inbound")

    @property
    def stream_timeout(self) -> int:
        """Seconds after which the stream ends."""
        return self._number("streamTimeout", 86400)

    @property
    def content_type(self) -> AudioFormat:
        """Format of the audio, as a MIME type."""
        return AudioFormat.parse(self.attributes["contentType"])

    @property
    def keep_call_alive(self) -> bool:
        """Whether later elements wait until the stream has ended."""
        return self.attributes.get("keepCallAlive") == "true"

    @property
    def extra_headers(self) -> Mapping[str, str]:
        """The extra headers, read-only, in order; empty without any."""
        return parse_extra_headers(self.attributes.get("extraHeaders"))

    @property
    def status_callback_url(self) -> str | None:
        """Address of the status callbacks."""
        return self.attributes.get("statusCallbackUrl")

    @property
    def status_callback_method(self) -> str:
        """HTTP method of the status callbacks: "POST" or "GET"."""
        return self.attributes.get("statusCallbackMethod", "POST")

    @property
    def noise_cancellation(self) -> bool:
        """Whether the carrier suppresses noise."""
        return self.attributes.get("noiseCancellation") == "true"

    @property
    def noise_cancellation_level(self) -> int | None:
        """Strength of the suppression, 60 to 100; None without noise cancellation."""
        return self._number("noiseCancellationLevel", 85) if self.noise_cancellation else None


def _format(value: AudioFormat | str) -> AudioFormat:
    name = values.label("content_type")
    if not isinstance(value, AudioFormat):
        try:
            value = AudioFormat.parse(value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name} must be an AudioFormat or a MIME type, not {value!r}: {error}") from None
    if value not in PLIVO_FORMATS:
        if value.encoding is Encoding.MULAW:
            raise ValueError(f"{name} must be mu-law at 8000 Hz: {str(value)!r}")
        raise ValueError(f"{name} must be one of {', '.join(map(str, PLIVO_FORMATS))}, not {str(value)!r}")
    return value


def _extra_headers(value: Mapping[str, str | int] | str | None) -> str | None:
    """Check the pairs and join them; None when there are none."""
    name = values.label("extra_headers")
    pairs: list[tuple[str, str | int]]
    if value is None:
        return None
    if isinstance(value, str):
        pairs = []
        for part in value.split(",") if value else ():
            key, equals, value_text = part.strip().partition("=")
            if not equals:
                raise ValueError(f"{name} must be key=value pairs with commas between; {part!r} in {value!r} is none")
            pairs.append((key, value_text))
    elif isinstance(value, Mapping):
        pairs = list(value.items())
    else:
        raise TypeError(f"{name} must be a mapping or a text of key=value pairs, not {value!r}")
    texts: dict[str, str] = {}
    doubtful = []
    for key, content in pairs:
        if isinstance(content, int) and not isinstance(content, bool):
            content = str(content)
        if not isinstance(key, str) or not key:
            raise ValueError(f"{name} must have keys that are texts and not empty, not {key!r} (with {content!r})")
        if not isinstance(content, str):
            raise ValueError(f"{name} must have texts or integers as values; {key!r} has {content!r}")
        if key in texts:
            raise ValueError(f"{name} must not have a key twice: {key!r}")
        for what, part in (("key", key), ("value", content)):
            if not re.fullmatch(r"[A-Za-z0-9_-]*", part):
                raise ValueError(f"{name} may hold letters and digits only, not {part!r}, a {what}")
            if "-" in part or "_" in part:
                doubtful.append(part)
        texts[key] = content
    text = ",".join(f"{key}={content}" for key, content in texts.items())
    if len(text) > MAX_EXTRA_HEADERS_BYTES:
        raise ValueError(f"{name} must have at most {MAX_EXTRA_HEADERS_BYTES} bytes, not {len(text)}: {text[:60]!r}...")
    if doubtful:
        warnings.warn(
            f"{name} has '-' or '_' in {', '.join(map(repr, doubtful))}: seen to work, but only letters and digits "
            "are promised",
            stacklevel=3,
        )
    return text or None
