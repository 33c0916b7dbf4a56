"""No phone number is left in a redacted capture, however it is written."""

import json

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from _support.dose import dose
from voiceband.session import Capture, Session
from voiceband.session.capture import REDACTED

SPELLINGS = [
    *("+15551234567", "call +15551234567 now", "Call +15551234567.", "Is it 555-123-4567?", "(555) 123-4567."),
    *("555-123-4567-", "+1\u00a0555\u00a0123\u00a04567", "+1 555\u2013123\u20134567", "+1\u2011555\u2011123\u20114567"),
    *("tel:+15551234567", "sip:+15551234567@x.com", "id15551234567", "num_15551234567", "+15551234567x12"),
    *("\uff15\uff15\uff15\uff11\uff12\uff13\uff14\uff15\uff16\uff17", "0044 20 7946 0958", "+44 (0)20 7946 0958,"),
    *("+1 (555) 123-4567 ext 5", "+1 555 123 4567 ext. 0815", "5551234567;ext=99", "5551234567 extension 12"),
    *("555 12 34", "+1.555.123.4567.", "[555] 123 4567", "+1/555/123/4567", "555\u200b123\u200b4567", "a5551234567b"),
    *("+49 30 / 901820", "*67 555 123 4567", "+1 - 555 - 123 - 4567", "555_123_4567", "5\u00ad551\u00ad234567"),
]


def written(folder, *texts, closed=None):
    path = folder / "call.jsonl"
    with Capture(path) as capture:
        session = Session(capture=capture)
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


groups = st.lists(st.text("0123456789", min_size=1, max_size=5), min_size=2, max_size=6).filter(
    lambda parts: sum(map(len, parts)) >= 7
)
between = st.text(" -.()/\u00a0\u2009\u202f\u2010\u2011\u2012\u2013\u2014\u2212\u200b", max_size=3)
around = st.text(st.characters(exclude_categories=["Nd", "Nl", "No", "Cs"]), max_size=4)
extension = st.sampled_from(["", " ext 123", "x7", ", ext. 55", ";ext=1234", " #9"])


@settings(max_examples=dose(100, 1000))
@given(
    groups, st.lists(between, min_size=5, max_size=5), around, around, extension, st.sampled_from(["", "+", "(", "00"])
)
def test_no_spelling_is_left(tmp_path_factory, groups, between, before, after, extension, prefix):
    number = prefix + "".join(part + gap for part, gap in zip(groups, [*between, "", ""], strict=False)).strip()
    text = before + number + extension + after
    (received, *_) = written(tmp_path_factory.mktemp("c"), json.dumps({"event": "note", "text": text}))
    assert not digits_of(json.loads(received["text"])["text"])


def test_what_is_shorter_or_no_number_stays(tmp_path):
    text = "press 1, then 12 34 56; it costs $12.50 at 10:45, room 4711"
    (received, *_) = written(tmp_path, json.dumps({"event": "note", "text": text}))
    assert json.loads(received["text"])["text"] == text


def test_a_key_that_comes_twice_hides_nothing(tmp_path):
    (received, *_) = written(tmp_path, '{"event":"note","text":"+15551234567","text":"nothing"}')
    assert "555" not in received["text"]


@pytest.mark.parametrize("text", ["(" * 200_000, "1      " * 30_000, "12345 - " * 25_000 + "x", "+" * 200_000])
def test_texts_that_nearly_are_numbers_cost_no_more_than_their_length(tmp_path, text):
    (received, *_) = written(tmp_path, json.dumps({"event": "note", "text": text}))
    assert received["text"]
