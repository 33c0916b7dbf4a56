"""Base64 against the standard library's."""

import base64
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceband.dsp.base64 import base64_decode, base64_encode

ALPHABET = string.ascii_letters + string.digits + "+/"


@given(st.binary(max_size=1000))
def test_encodes_and_decodes_as_the_standard_library_does(data):
    text = base64.b64encode(data).decode()
    assert base64_encode(data) == text
    assert base64_decode(text) == data
    assert base64_decode(text.encode()) == data


def test_every_length_and_every_byte():
    for n in range(200):
        data = np.random.default_rng(n).bytes(n)
        assert base64_decode(base64_encode(data)) == data == base64.b64decode(base64_encode(data))


def test_head_and_tail():
    assert base64_encode(memoryview(b"abc"), '{"', '"}') == '{"YWJj"}'
    assert base64_encode(b"") == ""
    with pytest.raises(ValueError, match="head and tail must be ASCII"):
        base64_encode(b"", "\u20ac")


@pytest.mark.parametrize("length", [4, 32, 64, 132])
def test_every_character_outside_the_alphabet_is_refused_at_every_place(length):
    good = ("Az09+/" * length)[:length].encode()
    for place in range(length):
        for code in range(256):
            text = good[:place] + bytes([code]) + good[place + 1 :]
            if chr(code) in ALPHABET:
                assert base64_decode(text) == base64.b64decode(text)
            elif chr(code) != "=" or place != length - 1:
                with pytest.raises(ValueError, match="outside the alphabet or misplaced padding"):
                    base64_decode(text)


@pytest.mark.parametrize("text", ["=", "A", "AB", "ABC", "AAAAA", "A" * 41])
def test_parts_of_a_quad_are_refused(text):
    with pytest.raises(ValueError, match="whole quads"):
        base64_decode(text)


@pytest.mark.parametrize("text", ["====", "A===", "=AAA", "AA=A", "AAAA=AAA", "AA==AAAA", "\u20acAAA", "AA A"])
def test_misplaced_padding_is_refused(text):
    with pytest.raises(ValueError, match="text must be base64"):
        base64_decode(text)


def test_spare_bits_are_ignored():
    assert base64_decode("QR==") == base64_decode("QQ==") == b"A"


def test_other_types_are_refused():
    with pytest.raises(TypeError):
        base64_encode(b"a", None)
    assert base64_decode(type("Text", (str,), {})("/w==")) == b"\xff"
    with pytest.raises(TypeError, match="text must be an array or a buffer, not int"):
        base64_decode(5)
    with pytest.raises(ValueError, match="data must hold uint8 items, not int16"):
        base64_encode(np.zeros(3, np.int16))
