"""`voiceband convert`: change the sample rate of a sound file."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

from voiceband.batch import Pipeline, Resample, Stage
from voiceband.batch.files import CONTAINERS, RAW, opened, raw_decode
from voiceband.commands import _console
from voiceband.commands._arguments import Argument, Option
from voiceband.commands.sound_files import progress_bar, replacing, writing


def convert(
    source: Annotated[
        Path, Argument("INPUT", help="WAV, FLAC, raw mu-law (.ulaw, .mulaw, .ul, .mu), A-law (.alaw, .al), L16")
    ],
    target: Annotated[
        Path, Argument("OUTPUT", help="WAV, FLAC, raw G.711 or L16, by its name; replaced when it is there")
    ],
    rate: Annotated[int, Option(metavar="HZ", help="Sample rate to write, Hz")],
    quality: Annotated[Literal["voice", "wide", "fast"], Option(help="Filter of the change of rate")] = "voice",
    from_rate: Annotated[int, Option(metavar="HZ", help="Sample rate of raw input, Hz")] = 8000,
) -> int:
    """Change the sample rate of a sound file, channel by channel.

    The output has ceil(frames * rate / input rate) frames, aligned with the input, and keeps the sample format where
    the file format can hold it. Nothing is left behind when the conversion fails.
    """
    with replacing("convert", source, target, (*CONTAINERS, *RAW)) as part, ExitStack() as stack:
        try:
            stages: list[Stage] = [Resample(rate, quality)]
            decode = raw_decode(source, from_rate)
            file = stack.enter_context(opened(source, decode))
            if decode is not None:
                stream = Pipeline(decode, *stages).stream()
            else:
                stream = Pipeline(*stages).stream(file.rate, channels=file.channels, dtype=file.dtype)
        except ValueError as error:
            _console.refuse(error)
        write = stack.enter_context(writing(part, target, file, stream))
        advance = progress_bar(source.name, file.frames, file.rate, stack)
        for frames in file.blocks():
            done = stream.run(frames)
            write(done)
            advance(len(frames[0]))
        write(stream.finish())
    if stream.clipped:
        _console.say(f"{stream.clipped} samples were too loud for 16 bit and are clipped")
    return _console.DONE
