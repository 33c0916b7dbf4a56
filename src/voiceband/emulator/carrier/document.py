"""`read_document`: the XML of an answer as the carrier runs it, which is more than this package writes.

`voiceband.markup` reads what it writes, and refuses the rest; agents that exist answer with more. What a caller would
notice becomes an element of its own; what does not matter is skipped, with a note.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from voiceband.emulator.carrier.elements import (
    Break,
    ConferenceElement,
    DialElement,
    InputElement,
    RecordElement,
    StreamElement,
)
from voiceband.formats import PLIVO_L16_16K
from voiceband.markup import Hangup, Play, Redirect, Speak, Stream, Wait
from voiceband.markup.values import url as check_url
from voiceband.markup.xml import feed, open_parser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voiceband.emulator.carrier.elements import AnyElement

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
BREAK_S = {"none": 0.0, "x-weak": 0.0, "weak": 0.25, "medium": 0.5, "strong": 1.0, "x-strong": 2.0}
"""How long the breaks of SSML are."""
MAX_BREAK_S = 10.0
_BARE_AMPERSAND = re.compile(rb"&(?!#?\w+;)")
_HEADER_TEXT = re.compile(r"[A-Za-z0-9=,_-]*")


class Note(NamedTuple):
    """What is not as documented, and went on: a note, or doubtful where documents and programs disagree."""

    text: str
    degree: str = "note"


class Document(NamedTuple):
    """What is to be done, in order, and what there is to say of it: texts, and the degrees of findings."""

    elements: list[AnyElement]
    notes: list[Note]


class Node:
    """An element as it was written."""

    def __init__(self, tag: str, attributes: dict[str, str], line: int) -> None:
        self.tag = tag
        self.attributes = attributes
        self.line = line
        self.content: list[str | Node] = []

    @property
    def text(self) -> str:
        """Its own text."""
        return "".join(part for part in self.content if isinstance(part, str)).strip()

    @property
    def children(self) -> list[Node]:
        """Its elements."""
        return [part for part in self.content if isinstance(part, Node)]


def read_document(xml: bytes) -> Document:
    """Read the XML of an answer.

    Parameters
    ----------
    xml : bytes
        At most 256 KB.

    Returns
    -------
    document : Document
        Its elements and notes.

    Raises
    ------
    ValueError
        If it is no ``<Response>``, has a document type, or a ``<Stream>`` in it breaks a rule.
    """
    if len(xml) > MAX_BYTES:
        raise ValueError(f"it must have at most {MAX_BYTES} bytes, not {len(xml)}")
    notes: list[Note] = []
    root = _parse(xml, notes)
    if root.tag != "Response":
        raise ValueError(f"the document must be a <Response>, not a <{root.tag}>")
    reader = _ElementReader(notes)
    return Document([element for node in root.children for element in reader.read(node)], notes)


def _parse(xml: bytes, notes: list[Note]) -> Node:
    stripped = xml.lstrip()
    if stripped != xml and stripped.startswith(b"<?xml"):
        notes.append(Note("there is white space before the XML declaration, where XML allows none"))
        xml = stripped
    try:
        return _Tree().parse(xml)
    except ValueError:
        mended = _BARE_AMPERSAND.sub(b"&amp;", xml)
        if mended == xml:
            raise
    root = _Tree().parse(mended)
    notes.append(Note("an & is not written as &amp;, as XML demands"))
    return root


class _Tree:
    """Builds the tree of one document."""

    def __init__(self) -> None:
        self._open: list[Node] = []
        self._root: Node | None = None
        self._parser = open_parser(self._start, self._end, self._characters)

    def parse(self, xml: bytes) -> Node:
        feed(self._parser, xml)
        assert self._root is not None
        return self._root

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._open) == MAX_DEPTH:
            raise ValueError(f"line {self._parser.CurrentLineNumber}: elements are nested too deeply")
        node = Node(tag, attributes, self._parser.CurrentLineNumber)
        if self._open:
            self._open[-1].content.append(node)
        else:
            self._root = node
        self._open.append(node)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        self._open[-1].content.append(text)


class _ElementReader:
    """Makes elements of nodes."""

    def __init__(self, notes: list[Note]) -> None:
        self._notes = notes
        self._readers: dict[str, Callable[[Node], Iterator[AnyElement]]] = {
            "Stream": self._stream,
            "Speak": self._speak,
            "Play": self._play,
            "Wait": self._wait,
            "Redirect": self._redirect,
            "Hangup": self._hangup,
            "PreAnswer": self._pre_answer,
            "Record": self._record,
            "GetInput": self._ask,
            "GetDigits": self._ask,
            "Dial": self._dial,
            "Conference": self._conference,
            "MultiPartyCall": self._conference,
        }

    def read(self, node: Node) -> Iterator[AnyElement]:
        """Give what one element comes to."""
        reader = self._readers.get(node.tag)
        if reader is None:
            self._note(node, "the emulated caller would not notice it; skipped")
            return
        try:
            yield from reader(node)
        except (TypeError, ValueError) as error:
            if node.tag in ("Stream", "Redirect", "Hangup"):
                raise ValueError(f"line {node.line}: <{node.tag}>: {error}") from None
            self._note(node, f"{error}; skipped")

    def _note(self, node: Node, text: str, degree: str = "note") -> None:
        self._notes.append(Note(f"line {node.line}: <{node.tag}>: {text}", degree))

    def _known(self, node: Node, element: type[Stream | Speak | Play | Wait | Redirect | Hangup]) -> dict[str, str]:
        """Return the attributes that an element may have, and note the others."""
        names = element.attribute_names()
        unknown = [name for name in node.attributes if name not in names]
        if unknown:
            self._note(node, f"unknown attribute {', '.join(unknown)}, which does nothing")
        return {name: value for name, value in node.attributes.items() if name in names}

    def _stream(self, node: Node) -> Iterator[AnyElement]:
        attributes = self._known(node, Stream)
        headers = attributes.pop("extraHeaders", "")
        if headers and not _HEADER_TEXT.fullmatch(headers):
            what = "extraHeaders holds more than letters and digits, with = and , between them, which one document"
            self._note(node, f"{what} promises and Plivo's own samples do not keep to", "doubtful")
        if len(headers.encode()) > 512:
            self._note(node, f"extraHeaders has {len(headers.encode())} bytes, of at most 512")
        if attributes.get("contentType", "").replace(" ", "").lower() == "audio/x-l16;rate=24000":
            what = "L16 at 24000 Hz is on one page of Plivo's API, and not on that of the element"
            self._note(node, f"{what}; the stream runs at 16000 Hz here", "doubtful")
            attributes["contentType"] = str(PLIVO_L16_16K)
        with warnings.catch_warnings(record=True) as doubts:
            warnings.simplefilter("always")
            stream = Stream.from_wire(node.text, attributes)
        self._notes += [Note(f"line {node.line}: {doubt.message}", "doubtful") for doubt in doubts]
        yield StreamElement(stream, headers)

    def _speak(self, node: Node) -> Iterator[AnyElement]:
        attributes = self._known(node, Speak)
        if not node.children:
            yield Speak.from_wire(node.text, attributes)
            return
        # SSML: the words as they are, and the silence between them.
        for part in _spoken(node):
            if isinstance(part, float):
                yield Break(part)
            else:
                yield Speak.from_wire(part, attributes)

    def _play(self, node: Node) -> Iterator[AnyElement]:
        yield Play.from_wire(node.text, self._known(node, Play))

    def _wait(self, node: Node) -> Iterator[AnyElement]:
        yield Wait.from_wire(node.text, self._known(node, Wait))

    def _redirect(self, node: Node) -> Iterator[AnyElement]:
        yield Redirect.from_wire(node.text, self._known(node, Redirect))

    def _hangup(self, node: Node) -> Iterator[AnyElement]:
        yield Hangup.from_wire(node.text, self._known(node, Hangup))

    def _pre_answer(self, node: Node) -> Iterator[AnyElement]:
        for child in node.children:
            if child.tag in ("Speak", "Play", "Wait"):
                yield from self.read(child)
            else:
                self._note(child, "it does not belong into <PreAnswer>; skipped")

    def _record(self, node: Node) -> Iterator[AnyElement]:
        whole = any(node.attributes.get(name, "").lower() == "true" for name in ("recordSession", "startOnDialAnswer"))
        if whole:  # the call is recorded while the next elements run, and its caller notices nothing
            return
        most_s = _number(node, "maxLength", 60)
        yield RecordElement(
            beep=node.attributes.get("playBeep", "true").lower() != "false",
            wait_s=min(_number(node, "timeout", 15), most_s),
            **self._action(node),
        )

    def _ask(self, node: Node) -> Iterator[AnyElement]:
        prompts: list[AnyElement] = []
        for child in node.children:
            if child.tag in ("Speak", "Play"):
                prompts += self.read(child)
            else:
                self._note(child, f"it does not belong into <{node.tag}>; skipped")
        kinds = node.attributes.get("inputType", "dtmf").lower().split()
        yield from prompts
        yield InputElement(
            by_keys=node.tag == "GetDigits" or "dtmf" in kinds,
            n_keys=int(_number(node, "numDigits", 99)),
            wait_s=_number(node, "timeout" if node.tag == "GetDigits" else "executionTimeout", 15),
            **self._action(node),
        )

    def _dial(self, node: Node) -> Iterator[AnyElement]:
        yield DialElement(ring_s=_number(node, "timeout", 120), **self._action(node))

    def _action(self, node: Node) -> dict[str, Any]:
        """Return where the outcome of an element is sent, and whether the call goes on with what is answered."""
        action = node.attributes.get("action", "").strip()
        if action:
            try:
                check_url("action", action, ("https", "http"))
            except ValueError as error:
                self._note(node, f"{error}; nobody is told")
                action = ""
        return {
            "action": action,
            "method": "GET" if node.attributes.get("method", "").upper() == "GET" else "POST",
            "redirect": node.attributes.get("redirect", "true").lower() != "false",
        }

    def _conference(self, node: Node) -> Iterator[AnyElement]:
        yield ConferenceElement(node.text)


def _spoken(node: Node) -> Iterator[str | float]:
    """Give the words of SSML, and the length of the breaks between them in seconds."""
    for part in node.content:
        if isinstance(part, str):
            if part.strip():
                yield part
        elif part.tag == "break":
            yield _break_s(part)
        else:
            yield from _spoken(part)


def _break_s(node: Node) -> float:
    time = node.attributes.get("time", "").strip().lower()
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)(ms|s)", time)
    if found is None:
        return BREAK_S.get(node.attributes.get("strength", "medium"), 0.5)
    return min(float(found[1]) / (1000 if found[2] == "ms" else 1), MAX_BREAK_S)


def _number(node: Node, name: str, default: float) -> float:
    """Return a number that is not negative, or the default."""
    text = node.attributes.get(name, "").strip()
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text) else default
