"""Finds phone numbers in text, so that a capture can leave them out.

One grammar describes a number:

    number     = opening, digits with gaps between them, extension
    gap        = any run of blanks, dashes, dots, brackets, slashes, bars, quotes, keypad signs and invisible
                 characters
    extension  = a word such as "ext", "poste" or "#", or the pauses of a dialler, and digits

Seven decimal digits or more, of any script, are a phone number, whatever stands beside them. Commas also separate the
items of lists and the thousands of amounts, so a comma is part of a gap only where the rest shows a phone number: nine
digits from a plus or a zero on, American groups of three, three and four, or seven single digits.

The same grammar reads the text as it is and as it is after its percent, HTML and JSON escapes are decoded.

What only looks like a number goes too: dates ("2026-11-30"), seconds, long decimals, two addresses in a row, amounts
with blanks between the thousands, and after a number what reads as its extension ("x 3"). Not found are numbers with
colons, semicolons, letters or markup between the digits, other digits with commas ("49,30,901820"), circled digits, and
words.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REDACTED = "[redacted]"
LONGEST_READ = 16 * 1024
"""Characters: a text that is longer, and has the digits of a number, is left out unread."""

_GAP_EXCEPT_HASH = (
    r"\s\-_.()\[\]/\\|'+*~"  # blanks of all kinds, and what is on a keyboard
    r"\u2018\u2019\u2044\u2215"  # quotes and slashes
    r"\u00b7\u2010-\u2015\u2022\u2024\u2027\u2043\u2212\u2219\u22c5\u30fb\ufe58\ufe63"  # dashes and dots
    r"\uff08\uff09\uff0a\uff0b\uff0d\uff0e\uff0f\uff3b\uff3d\uff65"  # the same in full and half width
    r"\x00-\x1f\x7f\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"  # invisible
    r"\u20e3\ufe00-\ufe0f\ufeff"
)
_GAP = rf"[{_GAP_EXCEPT_HASH}#\uff03]*+"
_COMMA_GAP = rf"{_GAP}(?:,\s*+)?"
_OPENING = r"(?:[+(\[\uff08\uff0b\uff3b]\s*+){0,3}"
_PLUS = r"[(\[\uff08\uff3b]?[+\uff0b]\s*+"
_EXTENSION_WORDS = (
    *("ext", "extn", "extension", "extensi[oó]n", "x", "isub", "postd"),  # English, Spanish, RFC 3966
    *("poste", "p", "w", "app", "apparat", "durchwahl", "dw", "nebenstelle", "nst", "klappe"),  # French, pauses, German
    *("int", "interno", "interne", "internal", "intern", "anexo", "ramal", "toestel", "tst"),
    *("wewn", "wew", "linka", "доб", "добавочный", "вн", "dahili", "内線", "内线", "內線", "分机", "分機", "转", "轉"),
)
_WORD = "|".join(sorted(_EXTENSION_WORDS, key=len, reverse=True))
_EXTENSION = rf"""
    (?:[{_GAP_EXCEPT_HASH},;:]*+ (?:[#\uff03]|{_WORD}) | {_GAP} ,\s*,[,\s]*+ )
    (?:[{_GAP_EXCEPT_HASH}]*+ (?:number|nummer|n[uú]m[eé]ro|no|nr|n[°º]))?
    [{_GAP_EXCEPT_HASH}#\uff03:=,]*+ \d++ (?:[-.]\d++)*+
"""
_PHONE = re.compile(
    rf"""
    (?=[\d+(\[\uff08\uff0b\uff3b])  # most places are refused here, at once
    (?: {_OPENING} \d (?:{_GAP}\d){{6,}}
      | (?:{_PLUS}|(?<!\d)(?<!\d,)(?=0\d)) \d (?:{_COMMA_GAP}\d){{8,}}                            # 06, 12, 34, 56, 78
      | (?<!\d) (?:1{_COMMA_GAP})? [2-9]\d\d {_COMMA_GAP} \d\d\d {_COMMA_GAP} \d{{4}} (?!\d)  # 555, 123, 4567
      | (?<!\d) \d (?:{_GAP},{_GAP}\d(?!\d)){{6,}}                                      # 5, 5, 5, 1, 2, 3, 4
    )
    (?:{_EXTENSION})?
    [)\]\uff09\uff3d]?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ESCAPE = re.compile(
    r"""
    % (?P<bytes>[0-7][0-9a-f] | [cd][0-9a-f]%[89ab][0-9a-f] | e[0-9a-f](?:%[89ab][0-9a-f]){2}
        | f[0-7](?:%[89ab][0-9a-f]){3} | [89a-f][0-9a-f])                       # one character in UTF-8, or in Latin-1
    | & (?:\#[0-9]{1,12} | \#x[0-9a-f]{1,12} | [a-z][a-z0-9]{1,31}) ;
    | \\ (?: u(?P<utf16>[0-9a-f]{4}) | x(?P<latin1>[0-9a-f]{2}) | (?P<named>[nrt/]) )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_NAMED = {"n": "\n", "r": "\r", "t": "\t", "/": "/"}
_LEVELS = 3
"""An escape may itself be escaped: "%2520", "&amp;nbsp;"."""
_SEVEN_DIGITS = re.compile(r"(?:[^\d&]*+[\d&]){7}")


def redact(text: str) -> str:
    """Return `text` with each phone number replaced by `REDACTED`; decoded, if escapes hid a number.

    Examples
    --------
    >>> redact("Call +1 (555) 123-4567 ext. 12, or %2B33%206%2012%2034%2056%2078.")
    'Call [redacted], or [redacted].'
    >>> redact("It costs $1,234,567.00.")
    'It costs $1,234,567.00.'
    """
    if not may_have_phone_number(text):
        return text
    if len(text) > LONGEST_READ:
        return REDACTED
    clean = text
    for level in _levels(text):
        cleaner, n_found = _PHONE.subn(REDACTED, level)
        if n_found:  # deeper levels show more of the same numbers
            clean = cleaner
    return clean


def may_have_phone_number(text: str) -> bool:
    """Return whether `text` has digits enough, which takes little time: each escape of a digit has a digit or `&`."""
    return _SEVEN_DIGITS.match(text) is not None


def _levels(text: str) -> Iterator[str]:
    """Yield the text as it is, and then with each level of its escapes decoded."""
    yield text
    for _ in range(_LEVELS):
        decoded = _ESCAPE.sub(lambda escape: _character(escape[0]), text)
        if decoded == text:
            return
        yield decoded
        text = decoded


@lru_cache(maxsize=1024)
def _character(text: str) -> str:
    escape = _ESCAPE.fullmatch(text)
    assert escape is not None
    if escape["bytes"]:
        raw = bytes.fromhex(escape["bytes"].replace("%", ""))
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin-1")
    if escape["utf16"] or escape["latin1"]:
        return chr(int(escape["utf16"] or escape["latin1"], 16))
    if escape["named"]:
        return _NAMED[escape["named"].lower()]
    return html.unescape(text)
