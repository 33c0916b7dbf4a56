"""`Placement`: a phone call made ready, with its caller, its line and its networks, whoever then runs it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from voiceband._checks import check_integer, check_text
from voiceband.emulator.caller.line import Line
from voiceband.emulator.caller.script import Script
from voiceband.emulator.caller.steps import Step
from voiceband.emulator.carrier.carrier import Carrier
from voiceband.emulator.network.network import Network
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.markup import Response, Stream

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from voiceband.emulator.carrier.carrier_stream import CarrierStream
    from voiceband.emulator.carrier.log import CallLog
    from voiceband.emulator.carrier.tracks import Source
    from voiceband.formats import AudioFormat


class Placement:
    """One phone call that can be run once, by `run_call` or a `VirtualCall`.

    Parameters
    ----------
    target : str, Response or Stream
        Whom to call, as `Carrier` wants it; see `target_of`.
    steps : sequence of Step
        What the caller does on every connection, from the beginning.
    network : str or path-like, optional
        A preset or a CSV file, as for `Network`; without it nothing is delayed.
    noise : str or path-like, optional
        Of the caller's line, as for `Line`.
    snr_db : float, optional
        How far the noise is below the caller's speech.
    seed : int, optional
        Seed for everything that is left to chance. Without it the call has identifiers and a date of its own; noise and
        networks are the same every time.
    about : str, optional
        What the caller does, in words.
    number : int, optional
        Which of several callers this is: each has noise and a network of its own.
    log : CallLog, optional
        Where to note what happens.
    **carrier_options
        For `Carrier`.

    Attributes
    ----------
    carrier : Carrier
        The call.
    about : str
        What the caller does, in words.
    scripts : list of Script
        The caller, once for every connection that was made.
    """

    def __init__(
        self,
        target: str | Response | Stream,
        steps: Sequence[Step],
        *,
        network: str | Path | None = None,
        noise: str | Path | None = None,
        snr_db: float = 20.0,
        seed: int | None = None,
        about: str = "",
        number: int = 0,
        log: CallLog | None = None,
        **carrier_options: Any,
    ) -> None:
        self.steps = list(steps)
        self.scripts: list[Script] = []
        self._network, self._seed = network, check_integer("seed", 0 if seed is None else seed, 0) + number
        self._noise, self._snr_db = noise, snr_db
        self._connections = 0
        self._stream: CarrierStream | None = None
        # What is wrong with these shows now, not in the middle of the call.
        self.about = about or Script(self.steps).about
        self._line(8000)
        frame_ms = None if network is None else Network(network, seed=self._seed).frame_ms()
        self.carrier = Carrier(
            target,
            source=self._source,
            seed=None if seed is None else self._seed,
            log=log,
            frame_ms=frame_ms,
            **carrier_options,
        )

    def networks(self) -> Network:
        """Return the network of the next connection; only where there is one, see `delayed`."""
        assert self._network is not None
        self._connections += 1
        return Network(self._network, seed=self._seed + self._connections)

    @property
    def delayed(self) -> bool:
        """Whether messages pass a network of their own."""
        return self._network is not None

    def tick(self, now: float, carrier: Carrier) -> bool:
        """Let the caller do what is due; the `on_tick` of what runs the call. Returns whether anything was done."""
        stream = carrier.stream
        if stream is None:
            return False
        if stream is not self._stream:
            self._stream = stream
            self.scripts.append(Script(self.steps))
        return self.scripts[-1].tick(now, carrier)

    def _source(self, format: AudioFormat) -> Source:  # noqa: A002
        return self._line(format.sample_rate)

    def _line(self, rate: int) -> Line:
        return Line(rate, noise=self._noise, snr_db=self._snr_db, seed=self._seed)


def target_of(url: str, attributes: str = "") -> str | Stream:
    """Return what a `Carrier` calls for an address that a person gives.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://`` for an answer URL; ``ws://`` or ``wss://`` for the agent itself.
    attributes : str, optional
        Of the ``<Stream>`` element in front of an agent, spelled as in XML: ``audioTrack=both contentType="..."``.
        Unless they say otherwise it carries mu-law, keeps the call alive, and is bidirectional if it has the inbound
        track only.

    Raises
    ------
    TypeError
        If the attributes are not a text.
    ValueError
        If the address or an attribute is wrong, or an answer URL is given attributes, which its XML has already.

    Examples
    --------
    >>> target_of("wss://agent.example.com/ws", "noiseCancellation=true").noise_cancellation_level
    85
    """
    check_text("stream", attributes, "a text of the attributes of <Stream>, such as 'audioTrack=both'")
    scheme = url.partition("://")[0].lower()
    if scheme in ("http", "https"):
        if attributes.strip():
            raise ValueError(f"stream must not be given for {url}, whose XML says it, but is {attributes!r}")
        return url
    if scheme not in ("ws", "wss"):
        raise ValueError(f"the address must begin with ws://, wss://, http:// or https://, not be {url!r}")
    pairs: dict[str, str] = {}
    try:
        words = shlex.split(attributes)
    except ValueError as error:
        raise ValueError(f"stream: {error}: {attributes!r}") from None
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isalpha() or name in pairs:
            raise ValueError(f"stream must be attributes such as audioTrack=both, once each, not {word!r}")
        pairs[name] = value
    # Who asks for another track than the caller's gets a stream that may have it.
    one_way = pairs.get("audioTrack", "inbound") != "inbound"
    usual = {"keepCallAlive": "true", "contentType": str(PLIVO_MULAW_8K)}
    pairs = {**usual, **({} if one_way else {"bidirectional": "true"}), **pairs}
    inside = " ".join(f'{name}="{_escaped(value)}"' for name, value in pairs.items())
    # The answer's own reader: what it refuses in XML it refuses here, in the same words.
    (stream,) = Response.from_xml(f"<Response><Stream {inside}>{_escaped(url)}</Stream></Response>")
    assert isinstance(stream, Stream)
    return stream


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
