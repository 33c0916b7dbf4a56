"""The HTTP requests that Plivo sends to an application: what they say, and whether they are Plivo's."""

from voiceband.callbacks.nonce_file import NonceFile
from voiceband.callbacks.nonces import NonceCache
from voiceband.callbacks.path_tokens import path_token, verify_path_token
from voiceband.callbacks.signatures import sign_v2, sign_v3, verify_upgrade, verify_v2, verify_v3
from voiceband.callbacks.status import StatusCallback, StreamState

__all__ = [
    "NonceCache",
    "NonceFile",
    "StatusCallback",
    "StreamState",
    "path_token",
    "sign_v2",
    "sign_v3",
    "verify_path_token",
    "verify_upgrade",
    "verify_v2",
    "verify_v3",
]
