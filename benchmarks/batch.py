"""Archives: 8 kHz mu-law files to denoised 16 kHz FLAC, in hours of audio per core-hour, beside the usual scripts.

    python benchmarks/batch.py [--minutes 30] [--files 1000] [--skip-rivals]

The audio is the clip that the package ships, in four noises at 5 and 15 dB, repeated. Times of one core are CPU times,
the best of three; those of two processes are elapsed times of whole batches, alternating, the best of three, without
the second that it takes to start them, and say something on an idle machine only. PESQ is narrow-band, the mean over
the mixtures, with the clean clip as reference (pip install 'voiceband[bench,quality]'). Rivals work file by file, as
scripts do: noisereduce at 8 kHz, then soxr at VHQ; ffmpeg with afftdn and aresample, where it is installed.
"""

import argparse
import importlib.util
import multiprocessing
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from denoise_quality import made_noises, mixtures, shipped_speech
from voiceband import denoise, resample, ulaw_decode, ulaw_encode
from voiceband.batch import Batch, Denoise, Pipeline, Resample, process_file

CLEAN = Pipeline(Denoise(85), Resample(16000))
Script = Callable[[Path, Path], object]


def ours(source: Path, target: Path) -> None:
    process_file(CLEAN, source, target)


def noisereduce(stationary: bool) -> Script:
    def script(source: Path, target: Path) -> None:
        import noisereduce
        import soxr

        x = soundfile.read(source, samplerate=8000, channels=1, format="RAW", subtype="ULAW", dtype="float32")[0]
        y = noisereduce.reduce_noise(y=x, sr=8000, stationary=stationary)
        soundfile.write(target, soxr.resample(y, 8000, 16000, quality="VHQ"), 16000, "PCM_16")

    return script


def ffmpeg(source: Path, target: Path) -> None:
    command = ["ffmpeg", "-v", "error", "-y", "-threads", "1", "-f", "mulaw", "-ar", "8000", "-i", str(source)]
    subprocess.run([*command, "-af", "afftdn,aresample=16000", str(target)], check=True)


def cpu_s(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the least CPU time of this process and its children."""

    def spent() -> float:
        return sum(
            u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )

    times = []
    for _ in range(repeats):
        start = spent()
        work()
        times.append(spent() - start)
    return min(times)


def wall_s(source: Path, target: Path, workers: int) -> float:
    """Return what a batch takes from its first outcome to its last, per file that is done in that time."""
    shutil.rmtree(target, ignore_errors=True)
    with Batch(source, target, CLEAN) as batch:
        times = [time.perf_counter() for outcome in batch.run(workers=workers) if outcome.state == "done"]
    warm = len(times) // 4
    return (times[-1] - times[warm]) / (len(times) - 1 - warm)


def parts(pcm: NDArray[np.int16], folder: Path, hours: float) -> None:
    """Print where the time goes."""
    codes = ulaw_encode(pcm)
    quiet = denoise(pcm, 8000)
    up = resample(quiet, 8000, 16000)
    rows = {
        "decode": lambda: ulaw_decode(codes),
        "denoise": lambda: denoise(pcm, 8000),
        "resample": lambda: resample(quiet, 8000, 16000),
        "FLAC": lambda: soundfile.write(folder / "part.flac", up, 16000),
    }
    (folder / "all.ulaw").write_bytes(codes)
    total = cpu_s(lambda: ours(folder / "all.ulaw", folder / "all.flac"))
    print(f"one core: {hours / total * 3600:,.0f} hours of audio per core-hour ({total / hours:.3f} s an hour)")
    for name, work in rows.items():
        seconds = cpu_s(work)
        print(f"    {name:<10} {seconds / hours:7.3f} s an hour {seconds / total:6.1%}")


def overhead(folder: Path, n: int, workers: int) -> None:
    """Print what a file costs that has next to nothing in it."""
    source = folder / "tiny"
    source.mkdir()
    for i in range(n):
        (source / f"{i}.ulaw").write_bytes(b"\xff\x80" * 80)
    milliseconds = 1000 * wall_s(source, folder / "tiny_out", workers) * workers
    print(f"a file of 20 ms: {milliseconds:.2f} ms of each of {workers} processes")


def peak_mb(source: Path, target: Path) -> None:
    process_file(CLEAN, source, target)
    status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage would count the parent's, too
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    print(f"memory of a process: {int(line.split()[1]) / 1000:.0f} MB at most")


def quality(script: Script, pairs: list[tuple[NDArray[np.float64], NDArray[np.float64]]], folder: Path) -> float:
    from pesq import pesq

    scores = []
    for clean, noisy in pairs:
        (folder / "noisy.ulaw").write_bytes(ulaw_encode((noisy * 32767).astype(np.int16)))
        script(folder / "noisy.ulaw", folder / "cleaned.flac")
        y = soundfile.read(folder / "cleaned.flac")[0]
        reference = resample(clean.astype(np.float32), 8000, 16000)
        scores.append(pesq(16000, reference, y[: len(reference)].astype(np.float32), "nb"))
    return float(np.mean(scores))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=30, help="of audio in one file")
    parser.add_argument("--files", type=int, default=1000, help="tiny ones, for the overhead")
    parser.add_argument("--skip-rivals", action="store_true")
    arguments = parser.parse_args()

    pairs = mixtures(shipped_speech(8000), made_noises(8000), 8000, [5.0, 15.0])
    pcm = np.concatenate([(noisy * 32767).astype(np.int16) for _, noisy in pairs])
    pcm = np.resize(pcm, 8000 * 60 * arguments.minutes)
    hours = arguments.minutes / 60
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts(pcm, folder, hours)
        context = multiprocessing.get_context("spawn")
        if Path("/proc/self/status").exists():
            process = context.Process(target=peak_mb, args=(folder / "all.ulaw", folder / "peak.flac"))
            process.start()
            process.join()
        (folder / "in").mkdir()
        piece = pcm[: 8000 * 300]
        for i in range(80):
            (folder / "in" / f"{i}.ulaw").write_bytes(ulaw_encode(np.roll(piece, i * 1000)))
        times = [[wall_s(folder / "in", folder / "out", n) for n in (1, 2)] for _ in range(3)]
        one, two = (min(column) for column in zip(*times, strict=True))
        print(f"two processes: {one / two:.2f} times as fast as one (best of {len(times)})")
        overhead(folder, arguments.files, 2)
        scripts: dict[str, Script] = {"voiceband": ours}
        if not arguments.skip_rivals:
            if importlib.util.find_spec("noisereduce") and importlib.util.find_spec("soxr"):
                scripts |= {
                    "soxr + noisereduce": noisereduce(False),
                    "soxr + noisereduce, stationary": noisereduce(True),
                }
            if shutil.which("ffmpeg"):
                scripts["ffmpeg afftdn + aresample"] = ffmpeg
        (folder / "short.ulaw").write_bytes(ulaw_encode(pcm[: 8000 * 300]))
        base = 0.0
        has_pesq = importlib.util.find_spec("pesq") is not None
        print(f"{'script, a file of five minutes':<34} {'s an hour':>10} {'ratio':>7} {'PESQ':>6}")
        for name, script in scripts.items():
            script(folder / "short.ulaw", folder / "short.flac")  # imports
            seconds = cpu_s(lambda script=script: script(folder / "short.ulaw", folder / "short.flac")) * 12  # type: ignore[misc]
            base = base or seconds
            score = f"{quality(script, pairs, folder):6.2f}" if has_pesq else "     -"
            print(f"{name:<34} {seconds:10.2f} {seconds / base:6.1f}x {score}")


if __name__ == "__main__":
    main()
