"""One-time tokens in a stream's path."""

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceband.callbacks import NonceCache, NonceFile, path_token, verify_path_token


def test_a_token_is_taken_once_by_all_who_share_nonces(tmp_path):
    token = path_token("secret")
    first, second = NonceFile(tmp_path / "nonces"), NonceFile(tmp_path / "nonces")
    assert verify_path_token(token, "secret", 60, nonces=first)
    assert not verify_path_token(token, "secret", 60, nonces=second)
    assert verify_path_token(path_token("secret"), ["new", "secret"], 60, nonces=second)


@pytest.mark.parametrize(
    ("age_s", "good"), [(-60, False), (-2, True), (0, True), (59, True), (62, False), (10**9, False)]
)
def test_a_token_lives_for_a_while(monkeypatch, age_s, good):
    token = path_token("secret")
    now = time.time() + age_s
    monkeypatch.setattr(time, "time", lambda: now)
    assert verify_path_token(token, "secret", 60, nonces=NonceCache()) is good


def test_a_wrong_token_takes_no_room():
    nonces = NonceCache()
    token = path_token("another")
    assert not verify_path_token(token, "secret", 60, nonces=nonces)
    assert len(nonces) == 0


@given(st.integers(0, 42), st.characters())
def test_every_character_counts(at, character):
    token = path_token("secret")
    changed = token[:at] + character + token[at + 1 :]
    assert verify_path_token(changed, "secret", 60, nonces=NonceCache()) is (changed == token)


def test_a_token_has_one_spelling():
    """Decoders of base64 take other ones too: the usual two characters, and what is left over in the last."""
    tokens = iter(lambda: path_token("secret"), None)
    token = next(t for t in tokens if "-" in t and "_" in t)
    letters = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    twins = [token[:-1] + letter for letter in letters if letter != token[-1]]
    for changed in (token.replace("-", "+"), token.replace("_", "/"), *twins):
        assert not verify_path_token(changed, "secret", 60, nonces=NonceCache())
    assert verify_path_token(token, "secret", 60, nonces=NonceCache())


@given(st.text() | st.none() | st.binary())
def test_whatever_comes_gives_an_answer(token):
    assert not verify_path_token(token, "secret", 60, nonces=NonceCache())


def test_tokens_are_of_an_url_and_differ():
    tokens = {path_token("secret") for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(len(token) == 43 and token.replace("-", "").replace("_", "").isalnum() for token in tokens)


@pytest.mark.parametrize("secret", ["", None, b"x"])
def test_an_empty_secret_is_refused(secret):
    with pytest.raises(ValueError if secret == "" else TypeError, match=r"auth_token|secret"):
        path_token(secret)
