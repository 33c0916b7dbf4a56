"""What the fragment of a URL says of how the carrier asks it: ``https://agent.example.com/answer#ct=2000&rc=2``."""

from __future__ import annotations

from urllib.parse import parse_qsl, urldefrag

import msgspec

RANGES = {"ct": (100, 10_000), "rt": (100, 40_000), "tt": (100, 55_000), "rc": (0, 5)}
POLICIES = frozenset({"4xx", "5xx", "ct", "rt"})


class WebhookSettings(msgspec.Struct, frozen=True):
    """How a URL is asked.

    Attributes
    ----------
    connect_s, read_s, total_s : float
        How long a connection, an answer and both may take.
    retries : int
        How often it is asked again.
    retry_on : frozenset of str
        After what: "ct" no connection, "rt" no answer in time, "4xx", "5xx".
    """

    connect_s: float = 2.0
    read_s: float = 40.0
    total_s: float = 55.0
    retries: int = 1
    retry_on: frozenset[str] = frozenset({"ct", "rt"})


def split_settings(url: str) -> tuple[str, WebhookSettings, list[str]]:
    """Return the URL without its fragment, what the fragment says, and what in it cannot be obeyed."""
    plain, fragment = urldefrag(url)
    numbers: dict[str, int] = {}
    retry_on, wrong = WebhookSettings().retry_on, []
    for name, value in parse_qsl(fragment, keep_blank_values=True):
        if name in RANGES:
            low, high = RANGES[name]
            if value.isascii() and value.isdecimal() and len(value) < 10 and low <= int(value) <= high:
                numbers[name] = int(value)
            else:
                wrong.append(f"{name} must be a whole number from {low} to {high}, not {value!r:.60}")
        elif name == "rp":
            named = set(value.split(","))
            if named - POLICIES - {"all"}:
                wrong.append(f"rp must be a list of 4xx, 5xx, ct, rt and all, not {value!r:.60}")
            else:
                retry_on = POLICIES if "all" in named else frozenset(named)
        elif name != "er":
            wrong.append(f"there is no setting {name[:60]!r}")
    usual = WebhookSettings()
    settings = WebhookSettings(
        connect_s=numbers["ct"] / 1000 if "ct" in numbers else usual.connect_s,
        read_s=numbers["rt"] / 1000 if "rt" in numbers else usual.read_s,
        total_s=numbers["tt"] / 1000 if "tt" in numbers else usual.total_s,
        retries=numbers.get("rc", usual.retries),
        retry_on=retry_on,
    )
    return plain, settings, wrong
