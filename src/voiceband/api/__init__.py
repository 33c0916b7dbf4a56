"""Plivo's REST API as far as streams need it: start, list, read and stop them, and hang up the call. Needs `httpx`."""

from voiceband.api.client import AsyncPlivoClient, PlivoClient
from voiceband.api.errors import ApiConnectionError, ApiError
from voiceband.api.records import StartedStream, StreamInfo, StreamPage

__all__ = [
    "ApiConnectionError",
    "ApiError",
    "AsyncPlivoClient",
    "PlivoClient",
    "StartedStream",
    "StreamInfo",
    "StreamPage",
]
