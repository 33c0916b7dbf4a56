"""One-time tokens in the path of a stream's URL: an alternative to signatures.

Whoever answers the call with XML puts a token into the URL, ``wss://voice.example.com/ws/TOKEN``, and the server of the
stream takes it once, for a short time. It holds when it was made and what makes it unique, and an HMAC-SHA256 of both,
so that the two need nothing in common but a secret.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
from typing import TYPE_CHECKING

from voiceband._checks import check_text
from voiceband.callbacks.signatures import read_tokens

if TYPE_CHECKING:
    from voiceband.callbacks.nonces import Nonces
    from voiceband.callbacks.signatures import Tokens

_TIME_BYTES, _BODY_BYTES, _MAC_BYTES = 5, 16, 16
_CHARS = 43
_PURPOSE = b"voiceband path token\0"
_AHEAD_S = 5
"""How far the clock of the one that makes tokens may be ahead."""


def path_token(secret: str) -> str:
    """Make a token for the path of one stream's URL.

    Parameters
    ----------
    secret : str
        What the server has as ``auth_token``: the account's token, or any other secret.

    Returns
    -------
    token : str
        43 letters, digits, ``-`` and ``_``.

    Raises
    ------
    TypeError
        If `secret` is no text.
    ValueError
        If it is empty.

    Examples
    --------
    >>> len(path_token("secret"))
    43
    """
    (key,) = read_tokens(check_text("secret", secret))
    now = int(time.time())
    body = now.to_bytes(_TIME_BYTES, "big") + secrets.token_bytes(_BODY_BYTES - _TIME_BYTES)
    return _written(body + _mac(key, body))


def verify_path_token(token: str, secret: Tokens, ttl_s: float, *, nonces: Nonces) -> bool:
    """Tell whether a token is genuine, no older than `ttl_s` seconds, and new to `nonces`, which remember it.

    Parameters
    ----------
    token : str
        From the path; whatever it is gives an answer.
    secret : str or iterable of str
        One that it may have been made with, or several.
    ttl_s : float
        Its age at most. `nonces` must remember as long.
    nonces : NonceCache or NonceFile
        What makes it a token for one time.

    Returns
    -------
    genuine : bool

    Raises
    ------
    ValueError
        If `secret` is empty.
    """
    keys = read_tokens(secret)
    if not isinstance(token, str) or len(token) != _CHARS or not token.isascii():
        return False
    try:
        raw = base64.urlsafe_b64decode(token + "=")
    except (binascii.Error, ValueError):
        return False
    if _written(raw) != token:  # decoders take "+" for "-" too, and any bits that are left over in the last character
        return False
    body, mac = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
    genuine = False
    for key in keys:
        genuine |= hmac.compare_digest(_mac(key, body), mac)
    age_s = time.time() - int.from_bytes(body[:_TIME_BYTES], "big")
    return genuine and -_AHEAD_S <= age_s <= ttl_s and nonces.add(f"path:{body.hex()}")


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _mac(key: str, body: bytes) -> bytes:
    return hmac.digest(key.encode(), _PURPOSE + body, "sha256")[:_MAC_BYTES]
