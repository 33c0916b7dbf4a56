"""The ``<Response>`` that an answer URL gives, written and read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from voiceband.markup.element import Element
from voiceband.markup.neighbours import Hangup, Play, Redirect, Speak, Wait
from voiceband.markup.stream import Stream
from voiceband.markup.xml import feed, open_parser

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_RESPONSE_BYTES = 256 * 1024
"""What `Response.from_xml` reads at most."""

_ELEMENTS: dict[str, type[Element]] = {cls.tag: cls for cls in (Stream, Speak, Play, Wait, Hangup, Redirect)}


class Response:
    """The elements that a call runs through, in order.

    Parameters
    ----------
    *elements : Element
        `Stream`, `Speak`, `Play`, `Wait`, `Hangup`, `Redirect`.

    Attributes
    ----------
    elements : tuple of Element
        As given.

    Raises
    ------
    TypeError
        If one is no `Element`.

    Examples
    --------
    >>> answer = Response(Wait(1), Hangup())
    >>> answer.to_xml()
    '<Response><Wait length="1"/><Hangup/></Response>'
    >>> Response.from_xml(answer.to_xml()) == answer
    True
    """

    __slots__ = ("elements",)
    elements: tuple[Element, ...]

    def __init__(self, *elements: Element) -> None:
        for place, element in enumerate(elements):
            if not isinstance(element, Element):
                raise TypeError(f"elements[{place}] must be one of {', '.join(_ELEMENTS)}, not {element!r}")
        self.elements = elements

    def __iter__(self) -> Iterator[Element]:
        return iter(self.elements)

    def __eq__(self, other: object) -> bool:
        return self.elements == other.elements if isinstance(other, Response) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.elements)

    def __repr__(self) -> str:
        return f"Response({', '.join(map(repr, self.elements))})"

    def to_xml(self, *, pretty: bool = False) -> str:
        """Write the whole document.

        Parameters
        ----------
        pretty : bool, optional
            One element a line, for people.

        Returns
        -------
        xml : str
            Without a declaration, so send it as UTF-8, with the content type ``application/xml``.
        """
        start, between, end = ("\n  ", "\n  ", "\n") if pretty else ("", "", "")
        if not self.elements:
            return f"<Response/>{end}"
        inside = between.join(element.to_xml() for element in self.elements)
        return f"<Response>{start}{inside}{end}</Response>{end}"

    @classmethod
    def from_xml(cls, xml: str | bytes) -> Response:
        """Read a document.

        Comments and processing instructions are skipped. A document type, and with it every entity that is not one of
        XML's own five, is refused before anything is expanded or fetched.

        Parameters
        ----------
        xml : str or bytes
            At most 256 KB; bytes say their own encoding, or are UTF-8.

        Returns
        -------
        response : Response
            Whose elements passed every rule that their constructors have.

        Raises
        ------
        TypeError
            If `xml` is neither text nor bytes.
        ValueError
            If it is not well-formed, too long, has a document type, an unknown element or attribute, text or elements
            where none belong, or breaks an element's rule; the text says in which line.

        Warns
        -----
        UserWarning
            As `Stream` does, and if a ``<Stream>`` has no ``contentType``.
        """
        if not isinstance(xml, str | bytes | bytearray):
            raise TypeError(f"xml must be str or bytes, not {type(xml).__name__}")
        if len(xml) > MAX_RESPONSE_BYTES:
            raise ValueError(f"xml must have at most {MAX_RESPONSE_BYTES} bytes, not {len(xml)}")
        return cls(*_Reader().read(xml))


class _Reader:
    """Collects the elements of one document; two levels deep, and that is all there is."""

    def __init__(self) -> None:
        self._elements: list[Element] = []
        self._open: list[str] = []
        self._line = 0
        self._attributes: dict[str, str] = {}
        self._text: list[str] = []
        self._parser = open_parser(self._start, self._end, self._characters)

    def read(self, xml: str | bytes) -> list[Element]:
        feed(self._parser, xml)
        return self._elements

    def _fail(self, reason: str) -> NoReturn:
        raise ValueError(f"line {self._parser.CurrentLineNumber}: {reason}")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._open:
            if name != "Response":
                self._fail(f"the document must be a <Response>, not a <{name}>")
            if attributes:
                self._fail(f"<Response> has no attributes, not {attributes!r}")
        elif len(self._open) == 1:
            if name not in _ELEMENTS:
                self._fail(f"<{name}> is not read here, only {', '.join(_ELEMENTS)}")
            self._line, self._attributes, self._text = self._parser.CurrentLineNumber, attributes, []
        else:
            self._fail(f"<{self._open[-1]}> must not hold elements, not <{name}>")
        self._open.append(name)

    def _characters(self, text: str) -> None:
        if len(self._open) == 2:
            self._text.append(text)
        elif text.strip():
            self._fail(f"text between elements: {text.strip()[:60]!r}")

    def _end(self, name: str) -> None:
        self._open.pop()
        if self._open:
            try:
                self._elements.append(_ELEMENTS[name].from_wire("".join(self._text), self._attributes))
            except ValueError as error:
                raise ValueError(f"line {self._line}: <{name}>: {error}") from None
