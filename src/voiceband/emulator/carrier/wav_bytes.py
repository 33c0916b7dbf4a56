"""WAV files inside messages: some programs send them whole, header and all."""

from __future__ import annotations

import struct

from voiceband.formats import AudioFormat, Encoding

PCM, MULAW = 1, 7
RATES_HZ = (4000, 192_000)


def read_wav_bytes(data: bytes) -> tuple[bytes, AudioFormat]:
    """Return the samples of a WAV file, and their format.

    Parameters
    ----------
    data : bytes
        The file; what its header says of its length may be too much, as it is of a file that was streamed.

    Raises
    ------
    ValueError
        If it is no WAV file, or its samples are not of one channel, mu-law or 16-bit PCM.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("the payload is no WAV file")
    at, found = 12, None
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        at += 8
        if name == b"fmt " and at + 16 <= len(data):
            found = struct.unpack_from("<HHIIHH", data, at)
        elif name == b"data":
            if found is None:
                break
            kind, channels, rate, _, _, bits = found
            if channels != 1 or (kind, bits) not in ((PCM, 16), (MULAW, 8)):
                raise ValueError(f"a WAV file of {channels} channels and {bits} bits of kind {kind} cannot be played")
            if not RATES_HZ[0] <= rate <= RATES_HZ[1]:
                raise ValueError(f"a WAV file of {rate} Hz cannot be played")
            return data[at : at + size], AudioFormat(Encoding.L16 if kind == PCM else Encoding.MULAW, rate)
        at += size + size % 2
    raise ValueError("the payload is a WAV file that ends too soon")
