"""`voiceband convert`: change the sample rate, the encoding or the container of a sound file."""

from pathlib import Path
from typing import Annotated, Literal

from voiceband.batch import Pipeline, Resample
from voiceband.commands import _console
from voiceband.commands._arguments import Argument, Option
from voiceband.commands._sound import (
    ALLOW_CUT,
    ENCODING,
    FORMAT,
    FROM_RATE,
    JSON,
    TO,
    Encoding,
    check_paths,
    raw_rate,
    reading,
    subtype_of,
    suffix_of,
    transform,
)


def convert(
    source: Annotated[Path, Argument("INPUT", help="Sound file or raw audio; - for standard input.")],
    target: Annotated[
        Path, Argument("OUTPUT", help="File to write, whole or not at all; - for standard output (WAV).")
    ],
    rate: Annotated[int | None, Option(metavar="HZ", help="Output sample rate; default: that of INPUT.")] = None,
    encoding: Annotated[Encoding | None, ENCODING] = None,
    to: Annotated[str | None, TO] = None,
    quality: Annotated[Literal["voice", "wide", "fast"], Option(help="Resampling filter.")] = "voice",
    form: Annotated[str | None, FORMAT] = None,
    from_rate: Annotated[int | None, FROM_RATE] = None,
    allow_cut: Annotated[bool, ALLOW_CUT] = False,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Change the sample rate, encoding or container of a sound file, channel by channel.

    Reads all kinds of WAV, FLAC, MP3, Ogg, Opus, AU, AIFF, W64, CAF, VOC and SPHERE, whatever the file is called, and
    raw audio by its name: .ulaw .ul .mu .mulaw .pcmu, .alaw .al .pcma, .sln .slin .l16, .sln16.

    Writes 16-bit PCM unless --encoding says otherwise. The output has ceil(frames * rate / input rate) frames and is
    aligned with the input. A file that is cut short is refused unless --allow-cut is given.

    Exit code 0: done. 2: refused, and nothing is written. 130: Ctrl-C.
    """
    suffix = suffix_of(target, to)
    subtype = subtype_of(suffix, encoding)
    check_paths(source, target, as_json=as_json)
    with reading(source, form, from_rate, allow_cut=allow_cut) as file:
        wanted = rate or raw_rate(suffix) or file.rate
        pipeline = Pipeline() if wanted == file.rate else Pipeline(Resample(wanted, quality))
        transform(file, pipeline, source, target, suffix, subtype, as_json=as_json)
    return _console.DONE
