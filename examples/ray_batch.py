"""Clean recordings as Ray tasks: a pipeline is a value, so it goes to the workers as it is.

    pip install 'voiceband[batch]' ray
    python examples/ray_batch.py calls/*.ulaw --out clean

Ray does a task again whose worker died; an output gets its name when it is whole, so nothing is left half-written.
"""

import argparse
from pathlib import Path

import ray

from voiceband.batch import Denoise, FileError, Pipeline, Resample, process_file

CLEAN = Pipeline(Denoise(85), Resample(16000))


@ray.remote
def clean(source: Path, target: Path) -> tuple[float, str]:
    """Return the seconds of audio of one file, and what is wrong with it."""
    try:
        return process_file(CLEAN, source, target).seconds, ""
    except (FileError, ValueError) as error:
        return 0.0, str(error)


def main() -> None:
    """Clean all files, and list the bad ones."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    tasks = {clean.remote(s.resolve(), out / f"{s.stem}.flac"): s for s in arguments.sources}
    waiting, seconds = list(tasks), 0.0
    while waiting:
        (done,), waiting = ray.wait(waiting)
        length, wrong = ray.get(done)
        seconds += length
        if wrong:
            print(f"bad: {tasks[done]}: {wrong}")
    print(f"{seconds / 3600:.2f} hours")


if __name__ == "__main__":
    main()
