"""No phone number is left in a redacted capture, however it is written."""

import html
import json
import re
from urllib.parse import unquote

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from _support.dose import dose
from _support.wires import START
from voiceband.session import Capture, Session, capture, redaction
from voiceband.session.redaction import LONGEST_READ, REDACTED, may_have_phone_number, redact

SPELLINGS = [
    *("+15551234567", "call +15551234567 now", "Call +15551234567.", "Is it 555-123-4567?", "(555) 123-4567."),
    *("555-123-4567-", "+1\u00a0555\u00a0123\u00a04567", "+1 555\u2013123\u20134567", "+1\u2011555\u2011123\u20114567"),
    *("tel:+15551234567", "sip:+15551234567@x.com", "id15551234567", "num_15551234567", "+15551234567x12"),
    *("\uff15\uff15\uff15\uff11\uff12\uff13\uff14\uff15\uff16\uff17", "0044 20 7946 0958", "+44 (0)20 7946 0958,"),
    *("+1 (555) 123-4567 ext 5", "+1 555 123 4567 ext. 0815", "5551234567;ext=99", "5551234567 extension 12"),
    *("555 12 34", "+1.555.123.4567.", "[555] 123 4567", "+1/555/123/4567", "555\u200b123\u200b4567", "a5551234567b"),
    *("+49 30 / 901820", "*67 555 123 4567", "+1 - 555 - 123 - 4567", "555_123_4567", "5\u00ad551\u00ad234567"),
    *("+1      555  -  123   -   4567", "555\n\n\n\n\n\n\n123 4567", "+1  --  (555)  --  123  --  4567"),
    *("555,123,4567", "1, 555, 123, 4567", "+33,6,12,34,56,78", "06, 12, 34, 56, 78", "5, 5, 5, 1, 2, 3, 4"),
    *("%2B33%206%2012%2034%2056%2078", "from=%2B15551234567&to=%2B15557654321", "%28555%29%20123%2D4567"),
    *(
        "%252B33%25206%252012%252034%252056%252078",
        "%35%35%35%31%32%33%34",
        "555%C2%A0123%E2%80%934567",
        "555%A01234567",
    ),
    *("&#43;1&nbsp;555&#x2d;123&#x2d;4567", "&#49;555&#160;123&ndash;4567", "&amp;#43;1&amp;nbsp;555&amp;nbsp;1234567"),
    *("\\u002b1\\u00a0555\\u2013123 4567", "555\\x2d123\\x2d4567", "555\\n123\\n4567", "5551\\/234567"),
    *(
        "+33 1 23 45 67 89 poste 12",
        "01 23 45 67 89, poste n\u00b0 12",
        "555 123 4567 app 7",
        "+55 11 5555 1234 anexo 33",
    ),
    *("+49 30 901820 Durchwahl 12", "+49 30 901820-0, #12", "5551234567 x1234567890123", "5551234567 (ext. 12)"),
    *(
        "5551234567,,,12#",
        "5551234567p12",
        "5551234567;postd=22",
        "5551234567 ext. no. 12-34",
        "5551234567%20ext%2012",
    ),
    *("555|123|4567", "555'123'4567", "555\u2019123\u20194567", "555\u2044123\u20444567", "555\\123\\4567"),
    *("+7 495 123 45 67 \u0434\u043e\u0431. 12", "03-1234-5678\u5185\u7dda12", "5\ufe0f\u20e3551234\u2007567"),
]


def written(folder, *texts, closed=None):
    path = folder / "call.jsonl"
    with Capture(path) as kept:
        session = Session(capture=kept)
        for text in texts:
            session.receive(text, 0.0)
        session.close(closed)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def digits_of(text):
    return [c for c in text.replace("redacted-1", "") if c.isdigit()]


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_number_is_left_nowhere(tmp_path, text):
    message = json.dumps({"event": "note", "text": text, "name": text, text: True, "list": [text]})
    received, *_, closed = written(tmp_path, message, closed=text)
    assert not digits_of(received["text"])
    assert REDACTED in received["text"]
    assert not digits_of(closed["reason"])


GAPS = " \n\t-._()[]/+*#~|'\u2019\u2044"
GAPS += "\u00a0\u2007\u2009\u202f\u2010\u2011\u2012\u2013\u2014\u2212\u00b7\u200b\u2060\ufeff\uff0d"
WORDS = [
    "ext",
    "ext.",
    "extn",
    "extension",
    "x",
    "X",
    "#",
    "poste",
    "app",
    "app.",
    "anexo",
    "ramal",
    "Durchwahl",
    "int.",
]
digits = st.text("0123456789", min_size=1)
ascii_or_not = st.sampled_from(["0", "\uff10", "\u0660", "\u0966"])  # the zeros of some scripts
groups = st.lists(st.text("0123456789", min_size=1, max_size=5), min_size=2, max_size=8).filter(
    lambda parts: sum(map(len, parts)) >= 7
)
gap = st.text(GAPS, max_size=12) | st.sampled_from([" " * 9, "   -   ", " .  ", "----------", "\n\n\n\n\n\n"])
around = st.text(st.characters(exclude_categories=["Nd", "Nl", "No", "Cs"]), max_size=4)
ways_to_write = st.sampled_from(["plain", "percent", "percent twice", "decimal", "hexadecimal", "ampersand", "json"])


def in_escapes(character, way):
    """Return the character as a URL, a page or JSON may hold it."""
    match way:
        case "percent":
            return "".join(f"%{byte:02x}" for byte in character.encode())
        case "percent twice":
            return "".join(f"%25{byte:02X}" for byte in character.encode())
        case "decimal":
            return f"&#{ord(character)};"
        case "hexadecimal":
            return f"&#x{ord(character):X};"
        case "ampersand":
            return f"&amp;#{ord(character)};"
        case "json":
            return f"\\u{ord(character):04x}"
    return character


@st.composite
def numbers(draw):
    """Draw a phone number: groups of digits with gaps, perhaps brackets and an extension, in any script and escapes."""
    parts = draw(groups)
    if draw(st.booleans()):
        bracketed = draw(st.integers(0, len(parts) - 1))
        parts[bracketed] = draw(st.sampled_from(["({})", "[{}]", " ( {} ) "])).format(parts[bracketed])
    text = draw(st.sampled_from(["", "+", "(", "00", "+(", "( +", "tel:", "sip:+"])) + parts[0]
    text += "".join(draw(gap) + part for part in parts[1:])
    if draw(st.booleans()):
        text += draw(st.sampled_from(["", " ", ", ", ";", "   ", " (", "\u00a0"])) + draw(st.sampled_from(WORDS))
        text += draw(st.sampled_from(["", " ", ": ", "=", "   ", "\u00a0", " no. "])) + draw(digits)
    zero = ord(draw(ascii_or_not)) - ord("0")
    text = "".join(chr(ord(c) + zero) if c in "0123456789" else c for c in text)
    ways = draw(st.lists(ways_to_write, min_size=1, max_size=3))
    return "".join(in_escapes(c, draw(st.sampled_from(ways))) if not c.isalpha() else c for c in text)


def unescaped(text):
    """Return the text as its reader sees it at last."""
    text = re.sub(r"\\u([0-9a-f]{4})", lambda escape: chr(int(escape[1], 16)), text)
    for _ in range(3):
        text = html.unescape(unquote(text))
    return text


@settings(max_examples=dose(300, 5000))
@given(numbers(), around, around)
def test_no_spelling_is_left(tmp_path_factory, number, before, after):
    text = before + number + after
    (received, *_) = written(tmp_path_factory.mktemp("c"), json.dumps({"event": "note", "text": text}))
    left = json.loads(received["text"])["text"]
    assert not digits_of(unescaped(left))


@given(
    st.lists(st.text("0123456789", min_size=1, max_size=4), min_size=3, max_size=8).filter(
        lambda parts: sum(map(len, parts)) >= 9
    ),
    st.sampled_from([",", ", ", " , "]),
    st.sampled_from(["+", "00", "+ ", "(+"]),
)
def test_commas_join_what_opens_as_a_number(parts, comma, opening):
    assert not digits_of(redact(f"Call {opening}{comma.join(parts)}."))


@pytest.mark.parametrize(
    "text",
    [
        "press 1, then 12 34 56; it costs $12.50 at 10:45, room 4711",
        "It costs $1,234,567.00, not 2,345,678 or 1,234,567,890.",
        *("the rate must be one of 8000, 16000, 24000", "[8000,16000,24000]", "at 160, 320 and 8000 samples"),
        *("June 5, 2026, 10:45", "June 05, 2026, 10:45", "20:05:40,123", "T20:05:40.12Z"),
        *("48.8566, 2.3522", "0.1, 0.25, 0.125", "+3, -6, +10, +12, -20 dB", "20, 40, 60, 80", "+1,234,567 calls"),
        *(
            "10.0.0.1:8080",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "&#128512; 100%20of 20%",
            "UklGRiQ1AABXQVZFZm10IBA2",
        ),
        *("1920x1080, 60", "a%3D1%26b%3D2", "&nbsp;&nbsp;12", "\\u00e9t\\u00e9"),
    ],
)
def test_what_is_shorter_or_no_number_stays(tmp_path, text):
    (received, *_) = written(tmp_path, json.dumps({"event": "note", "text": text}))
    assert json.loads(received["text"])["text"] == text


@given(st.integers(1, 10**12), st.sampled_from(["{:,}", "${:,}", "{:,}.00", "({:,})", "EUR {:,}.5"]))
def test_amounts_stay(amount, form):
    text = form.format(amount)
    assert redact(text) == (text if amount >= 1000 or len(digits_of(text)) < 7 else REDACTED)


@given(st.text(st.characters(exclude_categories=["Nd", "Cs"])), st.integers(1, 3))
def test_texts_without_digits_stay(text, times):
    text = text * times
    assert redact(text) == text


def test_a_key_that_comes_twice_hides_nothing(tmp_path):
    (received, *_) = written(tmp_path, '{"event":"note","text":"+15551234567","text":"nothing"}')
    assert "555" not in received["text"]


@pytest.mark.parametrize(
    "part",
    [
        *("(", "+", " ", "%", "&", "\\", "&#", "%25", "&amp;", "+ ", "( ", "1      ", "12345 - ", "1,", "12, "),
        *("0, ", "0" + " " * 5000 + ",", "1" + " " * 5000, "123456" + "-" * 5000 + "x", "5551234567 ", "%2"),
        *("5551234567 ext ", "5551234567" + "-" * 5000 + "poste" + "." * 5000, "555, 123, 456, ", "5551234567,,"),
    ],
)  # fmt: skip
def test_texts_that_nearly_are_numbers_are_read_to_their_end(tmp_path, monkeypatch, part):
    for module in (redaction, capture):
        monkeypatch.setattr(module, "LONGEST_READ", 1_000_000)
    text = part * (200_000 // len(part)) + "x"  # quadratic work on it would take hours
    (received, *_) = written(tmp_path, json.dumps({"event": "note", "text": text}))
    assert received["text"]


class Counting:
    """Stands for a pattern and counts the characters that it is given."""

    def __init__(self, pattern):
        self.pattern, self.n = pattern, 0

    def __getattr__(self, name):
        def call(*args):
            self.n += len(args[-1])
            return getattr(self.pattern, name)(*args)

        return call


@pytest.mark.parametrize("part", ["%20", "&amp;1", "aaa1", "%252525", "%35", "5551234567 "])
@pytest.mark.parametrize("piece", [100, 5000, 1_000_000])
def test_a_message_of_any_length_costs_what_a_short_one_does(tmp_path, monkeypatch, part, piece):
    patterns = [Counting(redaction._PHONE), Counting(redaction._ESCAPE)]
    monkeypatch.setattr(redaction, "_PHONE", patterns[0])
    monkeypatch.setattr(redaction, "_ESCAPE", patterns[1])
    texts = [part * (piece // len(part))] * (1_000_000 // piece)
    (received, *_) = written(tmp_path, json.dumps({"event": "note", "texts": texts, "name": texts[0]}))
    assert json.loads(received["text"])["texts"][-1] == REDACTED
    assert sum(pattern.n for pattern in patterns) <= 14 * LONGEST_READ  # a few passes for each of four levels


def test_a_second_of_messages_costs_what_one_message_does(tmp_path, monkeypatch):
    pattern = Counting(redaction._PHONE)
    monkeypatch.setattr(redaction, "_PHONE", pattern)
    text = "5551234x" * 1000
    notes = [json.dumps({"event": "note", "text": text, "name": text})] * 100
    with Capture(tmp_path / "call.jsonl") as kept:
        session = Session(capture=kept)
        for second in range(3):
            for i, note in enumerate(notes):
                session.receive(note, second + i / 1000)
    assert 3 * LONGEST_READ - 3 * len(text) <= pattern.n <= 4 * LONGEST_READ


def test_answers_are_found_however_much_was_read(tmp_path):
    """The names that an agent gives cost nothing of what may be read, and stay what they are."""
    path = tmp_path / "call.jsonl"
    with Capture(path) as kept:
        session = Session(capture=kept)
        session.receive(START, 0.0)
        for name in ("order 1234567", "a1b2c3d4"):
            session.play(np.zeros(160, np.int16), rate=8000, name=name, end=True)
        session.poll(0.0)
        session.receive(json.dumps({"event": "note", "text": "5551234x" * (LONGEST_READ // 8)}), 0.2)
        for name in ("order 1234567", "a1b2c3d4", "call 7654321"):
            session.receive(json.dumps({"event": "playedStream", "streamId": "s", "name": name}), 0.2)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    (order, item) = dict.fromkeys(line["utterance"] for line in lines if line.get("call") == "play")
    assert order.startswith("[redacted-")
    assert item == "a1b2c3d4"
    answers = [json.loads(line["text"])["name"] for line in lines[-3:]]
    assert answers == [order, item, REDACTED]


def test_long_texts_without_the_digits_of_a_number_stay(tmp_path):
    text = "&amp;\\ 1" * 3 + "a%" * 50_000
    (received, *_) = written(tmp_path, json.dumps({"event": "note", "text": text}))
    assert json.loads(received["text"])["text"] == text


def test_digits_whose_escapes_have_none_are_found():
    assert redact("&#xAEA;" * 7) == REDACTED
    assert may_have_phone_number("&#xAEA;" * 7)


def test_each_digit_has_a_digit_or_an_ampersand_in_its_escapes():
    for digit in re.findall(r"\d", "".join(map(chr, range(0x110000)))):
        for way in ("plain", "percent", "percent twice", "decimal", "hexadecimal", "json"):
            assert re.search(r"[\d&]", in_escapes(digit, way))
