"""`Line`: what lies between a caller's mouth and the wire.

say  -> level --+
dial -> tones --+--> 300-3400 Hz --> + noise --> int16 --> missing chunks --> the call's codec
echo of agent --+
"""

from __future__ import annotations

import collections
import functools
import math
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voiceband._checks import check_choice, check_integer, check_number
from voiceband.emulator.caller.bandpass import BandPass, on_grid
from voiceband.emulator.caller.echo_path import ECHOES, AutomaticGain, Echo, EchoPath
from voiceband.emulator.caller.key_tones import dtmf_tones
from voiceband.emulator.caller.noise import noise_loop, own_loop
from voiceband.emulator.caller.sounds import read_at
from voiceband.emulator.caller.speech_level import active_level_dbfs
from voiceband.emulator.caller.tap import PlayerTap
from voiceband.sound.names import READABLE, UNSAID

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voiceband.emulator.carrier.carrier_stream import CarrierStream

RATES = (8000, 16000)
REMEMBERED_S = 30
"""Of clips up to this length the level is measured once."""
NOMINAL_DBFS = -26.0
"""Active speech level that the ITU's test methods assume."""


class Line:
    """A caller's microphone and telephone line, as a source of samples for a `CarrierStream`.

    Parameters
    ----------
    rate : int, optional
        8000 or 16000 Hz: that of the call's format.
    level_dbfs : float or None, optional
        Active speech level that every clip is brought to, -60 to -6 dB relative to a root mean square of full scale,
        within the band; None leaves clips as they are.
    band_pass : bool, optional
        Whether the caller is heard in 300 to 3400 Hz only; it delays speech by 12 ms (`latency_samples`).
    noise : str, path-like, ndarray or None, optional
        ``"white"``, ``"street"`` or ``"hum"``, a sound file, or samples at `rate`, played over and over.
    snr_db : float, optional
        From the active speech level (-26 dBFS if `level_dbfs` is None) down to the root mean square of the noise within
        the band, -20 to 80 dB.
    echo_loss_db : float or None, optional
        How much weaker than the caller heard it the agent's speech comes back, 0 to 80 dB; None for no echo.
    echo_delay_ms : float, optional
        How much later it comes back, 0 to 1000 ms.
    echo : {"handset", "speakerphone", "car", "bluetooth"} or None, optional
        An echo as such a phone makes it, instead of the two above: late, softer, through a loudspeaker that is
        overdriven, and different from 30 s on, when the caller moves it. A handset also turns its microphone up by as
        much as 9 dB while its caller is silent.
    missing : float, optional
        Share of the chunks that never reach the wire, 0 to 0.9: `read` returns None, no message is sent, and the chunk
        counter and the timestamps go on.
    missing_burst : float, optional
        How many go missing in a row, on average, 1 to 500.
    seed : int, optional
        The same seed, the same line.

    Attributes
    ----------
    speech : ndarray or None
        What was said and dialled within the samples read last, before the line; None for nothing.

    Raises
    ------
    ValueError
        If a parameter is outside its range, or a noise cannot be read.

    Notes
    -----
    However the samples are read, block by block or all at once, they are the same bits, as long as the same is said
    before the same sample. What goes missing is drawn for every block. One line serves one call.

    Examples
    --------
    >>> line = Line(noise="street", snr_db=15, seed=1)
    >>> line.say(np.full(8000, 1000, np.int16))
    >>> len(line.read(160)), line.unsaid_ms
    (160, 980.0)
    """

    def __init__(
        self,
        rate: int = 8000,
        *,
        level_dbfs: float | None = NOMINAL_DBFS,
        band_pass: bool = True,
        noise: str | Path | NDArray[Any] | None = None,
        snr_db: float = 20,
        echo_loss_db: float | None = None,
        echo_delay_ms: float = 150,
        echo: str | None = None,
        missing: float = 0,
        missing_burst: float = 1,
        seed: int = 0,
    ) -> None:
        check_integer("rate", rate, 1)
        if rate not in RATES:
            raise ValueError(f"rate must be 8000 or 16000, not {rate!r}")
        self.rate = rate
        self._level = None if level_dbfs is None else check_number("level_dbfs", level_dbfs, -60, -6)
        check_number("snr_db", snr_db, -20, 80)
        self._echo: EchoPath | None = None
        self._agc: AutomaticGain | None = None
        delay_ms = check_number("echo_delay_ms", echo_delay_ms, 0, 1000)
        if echo_loss_db is not None:
            self._echo = EchoPath(Echo(check_number("echo_loss_db", echo_loss_db, 0, 80), delay_ms), rate)
        if echo is not None:
            if self._echo is not None:
                raise ValueError("echo and echo_loss_db exclude each other: give one of them")
            check_choice("echo", echo, tuple(ECHOES))
            self._echo = EchoPath(ECHOES[echo], rate)
            if ECHOES[echo].agc_db:
                self._agc = AutomaticGain(ECHOES[echo].agc_db, rate)
        rng = random.Random(seed)
        self._loss = BurstLoss(missing, missing_burst, random.Random(rng.random()))
        self._filter = BandPass(rate) if band_pass else None
        self._noise = _noise(noise, rate, band_pass)
        self._noise_at = rng.randrange(len(self._noise)) if self._noise is not None else 0
        speech_dbfs = NOMINAL_DBFS if self._level is None else self._level
        self._noise_gain = 32768 * 10 ** ((speech_dbfs - snr_db) / 20)
        self._queue: collections.deque[NDArray[np.float64]] = collections.deque()
        self._unsaid = 0
        self._read = 0
        self.speech: NDArray[np.float64] | None = None
        self._tap: PlayerTap | None = None

    @property
    def latency_samples(self) -> int:
        """Delay of the line, in samples."""
        return self._filter.latency_samples if self._filter is not None else 0

    @property
    def unsaid_ms(self) -> float:
        """How much of what was said and dialled has not been read yet."""
        return self._unsaid / self.rate * 1000

    def hears(self, stream: CarrierStream) -> None:
        """Let the line hear what the agent says on `stream`, for its echo; once, before the first read."""
        if stream.format.sample_rate != self.rate:
            raise ValueError(f"stream must run at the line's {self.rate} Hz, not at {stream.format.sample_rate}")
        if self._tap is not None or self._read:
            raise RuntimeError("a line serves one call; make another Line for another call")
        self._tap = PlayerTap(stream)

    def say(self, pcm: NDArray[np.int16]) -> None:
        """Queue a clip, at the line's rate, brought to the line's level as a whole."""
        x = np.asarray(pcm, np.float64)
        if x.ndim != 1 or not np.isfinite(x).all():
            raise ValueError(f"pcm must be a one-dimensional array of samples, not of shape {x.shape}")
        if self._level is not None:
            measured = _level_of(np.asarray(pcm), self.rate, self._filter is not None)
            if measured > -math.inf:
                x = x * 10 ** ((self._level - measured) / 20)
        self._put(x)

    def dial(self, digits: str, **tones: float) -> None:
        """Queue the tones of some keys; `tones` are the options of `dtmf_tones`. Tones are not brought to a level."""
        self._put(dtmf_tones(digits, self.rate, **tones))

    def _put(self, x: NDArray[np.float64]) -> None:
        # A microphone clips; it also keeps the filter within the range where its sums are exact.
        x = on_grid(np.clip(x, -32768, 32767))
        if len(x):
            self._queue.append(x)
            self._unsaid += len(x)

    def read(self, n_samples: int) -> NDArray[np.int16] | None:
        """Return the next samples of the line, a chunk; None if it goes missing, and then it is gone.

        With an echo, the call must have come to the end of these samples: what has not been played cannot come back.
        """
        samples = self._samples(n_samples)
        return None if self._loss.draw() else samples

    def _samples(self, n: int) -> NDArray[np.int16]:
        x: NDArray[Any] | None = self._speech(n)
        self.speech = x
        if self._echo is not None and self._tap is not None:
            played = self._tap.read(self._read - self._echo.delay, n)
            if played is not None:
                echo = self._echo.of(played, self._read)
                x = echo if x is None else x + echo
        if self._agc is not None:
            x = self._agc.process(np.zeros(n) if x is None else x)
        self._read += n
        if self._filter is not None:
            x = self._filter.silence(n) if x is None else self._filter.process(x)
        if self._noise is not None:
            noise = self._noise_gain * self._next_noise(n)
            x = noise if x is None else x + noise
        if x is None:
            return np.zeros(n, np.int16)
        return np.asarray(np.clip(np.rint(x), -32768, 32767), np.int16)

    def _speech(self, n: int) -> NDArray[np.float64] | None:
        if not self._unsaid:
            return None
        out = np.zeros(n)
        at = 0
        while self._queue and at < n:
            piece = self._queue[0]
            take = min(n - at, len(piece))
            out[at : at + take] = piece[:take]
            at += take
            if take == len(piece):
                self._queue.popleft()
            else:
                self._queue[0] = piece[take:]
        self._unsaid -= at
        return out

    def _next_noise(self, n: int) -> NDArray[np.float64]:
        assert self._noise is not None
        begin = self._noise_at
        self._noise_at = (begin + n) % len(self._noise)
        if begin + n <= len(self._noise):
            return self._noise[begin : begin + n]
        return np.take(self._noise, np.arange(begin, begin + n), mode="wrap")


class BurstLoss:
    """Gilbert's model: a chain of two states, in one of which everything is lost.

    Parameters
    ----------
    share : float
        Of what is lost, in the long run.
    burst : float
        Mean length of a loss.
    rng : random.Random
        Where the draws come from.
    """

    def __init__(self, share: float, burst: float, rng: random.Random) -> None:
        check_number("missing", share, 0, 0.9)
        check_number("missing_burst", burst, 1, 500)
        self._stay = 1 - 1 / burst
        self._enter = share / (burst * (1 - share))
        if self._enter > 1:
            raise ValueError(
                f"missing_burst must be at least {share / (1 - share):.3g} to lose {share:g} of all chunks"
            )
        self._rng = rng
        self._lost = False

    def draw(self) -> bool:
        """Return whether the next one is lost."""
        if not self._enter:
            return False
        self._lost = self._rng.random() < (self._stay if self._lost else self._enter)
        return self._lost


def _level_of(pcm: NDArray[Any], rate: int, band_pass: bool) -> float:
    """Return the active speech level of a clip behind the filter; short ones are said in one call after another."""
    if pcm.dtype == np.int16 and len(pcm) <= REMEMBERED_S * rate:
        return _remembered_level(pcm.tobytes(), rate, band_pass)
    return _measured_level(np.asarray(pcm, np.float64), rate, band_pass)


@functools.lru_cache(maxsize=16)
def _remembered_level(clip: bytes, rate: int, band_pass: bool) -> float:
    return _measured_level(np.frombuffer(clip, np.int16).astype(np.float64), rate, band_pass)


def _measured_level(x: NDArray[np.float64], rate: int, band_pass: bool) -> float:
    return active_level_dbfs(BandPass(rate).process(on_grid(x)) if band_pass else x, rate)


def _noise(noise: Any, rate: int, band_pass: bool) -> NDArray[np.float64] | None:
    if noise is None:
        return None
    if isinstance(noise, str) and Path(noise).suffix.lower() not in (*READABLE, *UNSAID):
        return noise_loop(noise, rate, band_pass)
    if isinstance(noise, (str, Path)):
        noise = read_at(Path(noise), rate)
    if not isinstance(noise, np.ndarray):
        raise TypeError(f"noise must be a name, a sound file or an array, not {noise!r}")
    return own_loop(noise, rate, band_pass)
