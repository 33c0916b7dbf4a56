"""Plain elements that stand beside a ``<Stream>``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from voiceband.markup import values
from voiceband.markup.element import Element

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Speak(Element):
    """Read a text to the caller.

    Parameters
    ----------
    text : str
        Plain text; not blank. White space around it is dropped. Markup inside (SSML) is not supported, and is escaped.
    voice, language : str, optional
        As the carrier names them, such as "Polly.Amy" and "en-GB".
    loop : int, optional
        How often; 0 means without end, and 1 when not given.

    Raises
    ------
    TypeError, ValueError
        If an argument is of a wrong type, or breaks its rule.

    Examples
    --------
    >>> Speak("Tom & Jerry", language="en-US").to_xml()
    '<Speak language="en-US">Tom &amp; Jerry</Speak>'
    """

    __slots__ = ()
    tag = "Speak"
    _text_name = "text"
    _readers: ClassVar[Mapping[str, Callable[[str], object]]] = {
        "voice": str,
        "language": str,
        "loop": values.read_whole,
    }

    def __init__(
        self, text: str, *, voice: str | None = None, language: str | None = None, loop: int | None = None
    ) -> None:
        attributes = {
            "voice": values.text("voice", voice),
            "language": values.text("language", language),
            "loop": values.whole("loop", loop, 0),
        }
        if text is None:
            raise ValueError("text must be a text, not None")
        self._write((values.text("text", text) or "").strip(), attributes)

    @property
    def text(self) -> str:
        """Text that is read."""
        return self._text

    @property
    def voice(self) -> str | None:
        """Whose voice."""
        return self.attributes.get("voice")

    @property
    def language(self) -> str | None:
        """Language of the text."""
        return self.attributes.get("language")

    @property
    def loop(self) -> int:
        """Number of repetitions; 0 means without end."""
        return self._number("loop", 1)


class Play(Element):
    """Play a file to the caller.

    Parameters
    ----------
    url : str
        Of an MP3 or WAV file, ``http://`` or ``https://``.
    loop : int, optional
        How often; 0 means without end, and 1 when not given.

    Raises
    ------
    TypeError, ValueError
        If an argument is of a wrong type, or breaks its rule.
    """

    __slots__ = ()
    tag = "Play"
    _text_name = "url"
    _readers: ClassVar[Mapping[str, Callable[[str], object]]] = {"loop": values.read_whole}

    def __init__(self, url: str, *, loop: int | None = None) -> None:
        self._write(values.url("url", url, ("https", "http")), {"loop": values.whole("loop", loop, 0)})

    @property
    def url(self) -> str:
        """Address of the file."""
        return self._text

    @property
    def loop(self) -> int:
        """Number of repetitions; 0 means without end."""
        return self._number("loop", 1)


class Wait(Element):
    """Wait silently; as the first element, before the call is answered.

    Parameters
    ----------
    length : int, optional
        Seconds, at least 1; 1 when not given.
    silence : bool, optional
        Whether silence ends the wait early; False when not given.
    min_silence : int, optional
        How long that silence must be, in milliseconds, at least 1; 2000 when not given.
    beep : bool, optional
        Whether the beep of an answering machine ends the wait; False when not given.

    Raises
    ------
    TypeError, ValueError
        If an argument is of a wrong type, or breaks its rule.
    """

    __slots__ = ()
    tag = "Wait"
    _readers: ClassVar[Mapping[str, Callable[[str], object]]] = {
        "length": values.read_whole,
        "silence": values.read_flag,
        "min_silence": values.read_whole,
        "beep": values.read_flag,
    }

    def __init__(
        self,
        length: int | None = None,
        *,
        silence: bool | None = None,
        min_silence: int | None = None,
        beep: bool | None = None,
    ) -> None:
        attributes = {
            "length": values.whole("length", length, 1, unit=" second"),
            "silence": values.flag("silence", silence),
            "min_silence": values.whole("min_silence", min_silence, 1, unit=" millisecond"),
            "beep": values.flag("beep", beep),
        }
        self._write("", attributes)

    @property
    def length(self) -> int:
        """Seconds."""
        return self._number("length", 1)

    @property
    def silence(self) -> bool:
        """Whether silence ends the wait early."""
        return self.attributes.get("silence") == "true"

    @property
    def min_silence(self) -> int:
        """Length of that silence, in milliseconds."""
        return self._number("minSilence", 2000)

    @property
    def beep(self) -> bool:
        """Whether a beep ends the wait."""
        return self.attributes.get("beep") == "true"


class Hangup(Element):
    """End the call.

    Parameters
    ----------
    reason : {"rejected", "busy"}, optional
        Why a call is not answered.
    schedule : int, optional
        End it this many seconds from now, at least 1, while the next elements run.

    Raises
    ------
    TypeError, ValueError
        If an argument is of a wrong type, or breaks its rule.
    """

    __slots__ = ()
    tag = "Hangup"
    _readers: ClassVar[Mapping[str, Callable[[str], object]]] = {"reason": str, "schedule": values.read_whole}

    def __init__(self, *, reason: str | None = None, schedule: int | None = None) -> None:
        attributes = {
            "reason": values.one_of("reason", reason, ("rejected", "busy")),
            "schedule": values.whole("schedule", schedule, 1, unit=" second"),
        }
        self._write("", attributes)

    @property
    def reason(self) -> str | None:
        """Why."""
        return self.attributes.get("reason")

    @property
    def schedule(self) -> int | None:
        """Seconds from now; None means now."""
        return self._number("schedule", 0) or None


class Redirect(Element):
    """Go on with the XML of another URL.

    Parameters
    ----------
    url : str
        Where it is, ``http://`` or ``https://``.
    method : {"POST", "GET"}, optional
        How to ask for it; POST when not given.

    Raises
    ------
    TypeError, ValueError
        If an argument is of a wrong type, or breaks its rule.
    """

    __slots__ = ()
    tag = "Redirect"
    _text_name = "url"
    _readers: ClassVar[Mapping[str, Callable[[str], object]]] = {"method": str}

    def __init__(self, url: str, *, method: str | None = None) -> None:
        self._write(values.url("url", url, ("https", "http")), {"method": values.method("method", method)})

    @property
    def url(self) -> str:
        """Address of the XML to go on with."""
        return self._text

    @property
    def method(self) -> str:
        """HTTP method: "POST" or "GET"."""
        return self.attributes.get("method", "POST")
