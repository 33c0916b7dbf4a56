"""The one way that XML from outside is parsed: without document types, entities or anything outside of the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn
from xml.parsers import expat

if TYPE_CHECKING:
    from collections.abc import Callable


def open_parser(
    start: Callable[[str, dict[str, str]], object],
    end: Callable[[str], object],
    characters: Callable[[str], object],
) -> expat.XMLParserType:
    """Return a parser that calls these for each tag and text, and raises ValueError where a document type begins."""
    parser = expat.ParserCreate()

    def refuse(*_: object) -> NoReturn:
        raise ValueError(f"line {parser.CurrentLineNumber}: document types and entities are refused")

    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    # The first is called before any declaration inside; the others stand in case a parser ever comes without it.
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.UnparsedEntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    return parser


def feed(parser: expat.XMLParserType, document: str | bytes) -> None:
    """Parse a whole document; ValueError for one that is not well-formed."""
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, LookupError, UnicodeError) as error:
        raise ValueError(f"not well-formed XML: {error}") from None
