"""What every element is: a text and attributes, fixed once made, and written as XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from xml.sax.saxutils import escape

from voiceband.markup import values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Self

# What a parser would turn into spaces or newlines must be a reference.
_IN_TEXT = {"\r": "&#13;"}
_IN_ATTRIBUTE = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


class Element:
    """An element of a `Response`; use its subclasses.

    Elements cannot be changed, compare by what they write, and can be pickled and hashed. An argument that is None is
    not written, and the carrier's default holds; properties tell the effective value.

    Attributes
    ----------
    tag : str
        The element's name.
    """

    tag: ClassVar[str]
    _text_name: ClassVar[str | None] = None
    """The constructor's argument that is the element's text."""
    _readers: ClassVar[Mapping[str, Callable[[str], object]]] = {}
    """The constructor's other arguments, each with what reads it from an attribute."""

    __slots__ = ("_attributes", "_text")
    _text: str
    _attributes: tuple[tuple[str, str], ...]

    def _write(self, text: str, attributes: Mapping[str, str | None]) -> None:
        """Set what is written; attributes have the arguments' names, and None leaves one out."""
        self._text = text
        self._attributes = tuple((values.wire_name(name), v) for name, v in attributes.items() if v is not None)

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes as they are written, a new dict."""
        return dict(self._attributes)

    def _number(self, wire: str, default: int) -> int:
        return int(self.attributes.get(wire, default))

    def to_xml(self) -> str:
        """Write this element alone.

        Returns
        -------
        xml : str
            On one line, without a declaration.
        """
        attributes = "".join(f' {name}="{escape(value, _IN_ATTRIBUTE)}"' for name, value in self._attributes)
        if not self._text:
            return f"<{self.tag}{attributes}/>"
        return f"<{self.tag}{attributes}>{escape(self._text, _IN_TEXT)}</{self.tag}>"

    @classmethod
    def attribute_names(cls) -> tuple[str, ...]:
        """Return the names of the attributes that it may have, as XML spells them."""
        return tuple(values.wire_name(name) for name in cls._readers)

    @classmethod
    def from_wire(cls, text: str, attributes: Mapping[str, str]) -> Self:
        """Make the element that has this text and these attributes.

        Parameters
        ----------
        text : str
            White space around it does not count.
        attributes : mapping of str to str
            By their names in XML.

        Returns
        -------
        element : Element
            Of the class that this is called on.

        Raises
        ------
        ValueError
            If an attribute is unknown or breaks its rule, or there is text where none belongs.
        """
        known = dict(zip(cls.attribute_names(), cls._readers, strict=True))
        arguments: dict[str, Any] = {}
        for wire, value in attributes.items():
            if wire not in known:
                allowed = ", ".join(known) or "none"
                raise ValueError(f"unknown attribute {wire}={value!r}; those of <{cls.tag}> are: {allowed}")
            arguments[known[wire]] = cls._readers[known[wire]](value)
        text = text.strip()
        if cls._text_name is not None:
            arguments[cls._text_name] = text
        elif text:
            raise ValueError(f"text where none belongs: {text[:60]!r}")
        try:
            return cls(**arguments)
        except TypeError as error:  # an attribute that reads as none of what it must be: "maybe" for a flag
            raise ValueError(str(error)) from None

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, Element)
        return self._text == other._text and dict(self._attributes) == dict(other._attributes)

    def __hash__(self) -> int:
        return hash((self.tag, self._text, frozenset(self._attributes)))

    def __repr__(self) -> str:
        # Extra headers may name people; like those of events they stay out of logs.
        shown = [f"{n}={v!r}" for n, v in self._attributes if n != "extraHeaders"]
        text = f": {self._text!r}" if self._text else ""
        return f"<{' '.join([self.tag, *shown])}{text}>"
