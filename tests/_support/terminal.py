"""A terminal for the commands that a page shows: each runs as it stands there, on ports, files and servers of its own.

A hidden comment in front of a block says what is special about it:

    <!-- test: not run, REASON -->          nothing is run; the tests count these
    <!-- test: exit 1 -->                   the commands end with this code, "exit 0 or 1" with one of these
    <!-- test: serves -->                   they go on until the end of the page, and calls go to the latest
    <!-- test: calls the agent above -->    calls go to the `agent(socket)` of the page's Python, else to an echo
    <!-- test: hangs up after 4 s -->       the caller does, to save time
    <!-- test: on a cluster -->             there is a Dask scheduler where the command looks for one
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import wave
from pathlib import Path

import httpx

import voiceband
from _support.broken_servers import served
from _support.likeness import voice
from _support.pages import blocks
from voiceband.servers.websockets import accept

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120
READY = re.compile(r"(?:on|running on) (?:ws|http)://[\w.]+:(\d+)")
ADDRESS = re.compile(r"\b(?:wss?|https?)://[^\s']+")
SCHEDULER = re.compile(r"tcp://[\w.]+:\d+")
CLUSTER = """
import sys
from distributed import LocalCluster
with LocalCluster(n_workers=1, processes=False, protocol="tcp", dashboard_address=":0") as cluster:
    print(cluster.scheduler_address, flush=True)
    sys.stdin.read()
"""
# What takes minutes at a desk is told, by its own options, to take seconds.
SHORTER = {
    "voiceband load": (
        (r"--calls \d+", "--calls 3"),
        (r"--hold \w+", "--hold 1s"),
        (r"--time-limit \w+", "--time-limit 2s"),
        (r"--pid \d+", f"--pid {os.getpid()}"),
        (r"$", " --processes 1"),
    ),
    "voiceband batch": ((r"--workers \d+", "--workers 2"),),
    "voiceband serve": ((r" --port \d+", ""), (r" --workers \d+", ""), (r"$", " --port 0 --workers 1")),
}


ECHO = """
from voiceband.session import Audio

async def agent(call):
    async for event in call:
        if isinstance(event, Audio):
            await call.play(event.samples)
"""


async def echo(websocket):
    names = {}
    exec(ECHO, names)
    async with accept(websocket) as call:
        await names["agent"](call)


def write_stereo(path):
    """Write a call of a second: two voices, the second on the right."""
    left, right = voice(1.0, 8000, seed=1), voice(1.0, 8000, seed=2)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join(a.tobytes() + b.tobytes() for a, b in zip(left, right, strict=True)))


def drain(stream):
    """Read to the end, so that a server's log is no dam."""
    with stream:
        for _ in stream:
            pass


class Terminal:
    """Runs the shell blocks of one page in a folder; `said` is what they have printed, a text a command."""

    def __init__(self, page, folder, names=None):
        self.page, self.folder, self.names = page, folder, names or {}
        self.said = []
        self._ports = contextlib.ExitStack()
        self._serving = None  # the port of the page's own server
        # Where the package under test is, be it a checkout's or an installed one.
        paths = [
            str(Path(voiceband.__file__).parent.parent),
            str(folder),
            *os.environ.get("PYTHONPATH", "").split(os.pathsep),
        ]
        self._env = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "COLUMNS": "200",
            "PORT": "0",
        }

    def run(self):
        """Run the page from top to bottom."""
        for name in ("benchmarks", "examples", "tools"):
            (self.folder / name).symlink_to(ROOT / name)
        for name in ("in.wav", "greeting.wav"):
            shutil.copy(Path(voiceband.__file__).parent / "data" / "caller.wav", self.folder / name)
        (self.folder / "calls").mkdir()
        write_stereo(self.folder / "calls" / "monday.wav")
        (self.folder / "shop").mkdir()
        files = {"agent.py": ECHO, "shop/voice.py": ECHO}
        files |= {block.title: block.text for block in blocks(self.page) if block.title is not None}
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        with self._ports:
            for block in blocks(self.page):
                if block.language == "sh" and not block.mark.startswith("not run"):
                    self._block(block)
        return self

    def _block(self, block):
        lines = [line for line in block.text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
        for line in lines:
            if line.startswith("export "):
                self._env |= dict(pair.split("=", 1) for pair in line.split()[1:])
                continue
            line = self._stand_in(line, block.mark)
            if "serves" in block.mark:
                self._serve(line)
                continue
            done = subprocess.run(
                ["sh", "-c", line], cwd=self.folder, env=self._env, timeout=TIMEOUT_S, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            self.said.append(done.stdout)
            codes = [int(code) for code in re.findall(r"\d+", (re.search(r"exit [\d or]+", block.mark) or ["0"])[0])]
            assert done.returncode in codes, f"{self.page.name}: {line}: exit {done.returncode}\n{done.stdout}"

    def _stand_in(self, line, mark):
        """Put what there is here in the place of what a page can only suppose."""
        for command, changes in SHORTER.items():
            if line.startswith(command):
                for pattern, shorter in changes:
                    line = re.sub(pattern, shorter, line, count=1)
        if line.startswith(("voiceband call", "voiceband load")):
            line = ADDRESS.sub(lambda _: self._address(mark), line)
        if line.startswith("voiceband call") and (found := re.search(r"hangs up after (\d+) s", mark)):
            line += f" --timeout {found[1]}"
        if "on a cluster" in mark:
            line = SCHEDULER.sub(lambda _: self._cluster(), line)
        return line

    def _address(self, mark):
        if "calls the agent above" in mark:
            return self._ports.enter_context(served(self.names["agent"]))
        if self._serving is not None:
            return f"ws://127.0.0.1:{self._serving}/"
        return self._ports.enter_context(served(echo))

    def _cluster(self):
        cluster = self._ports.enter_context(
            subprocess.Popen([sys.executable, "-c", CLUSTER], env=self._env, text=True, stdin=-1, stdout=-1)
        )
        self._ports.callback(cluster.kill)
        return cluster.stdout.readline().strip()

    def _serve(self, line):
        """Start a server, wait until it listens, and ask it for something."""
        process = subprocess.Popen(
            f"exec {line}", shell=True, cwd=self.folder, env=self._env, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._ports.callback(self._stop, process, line)
        said = []
        for text in process.stdout:
            said.append(text)
            if found := READY.search(text):
                break
        else:
            raise AssertionError(f"{self.page.name}: {line}: it ended\n{''.join(said)}")
        self._serving = int(found[1])
        self.said.append("".join(said))
        threading.Thread(target=drain, args=(process.stdout,), daemon=True).start()
        answer = httpx.post(f"http://127.0.0.1:{self._serving}/answer", timeout=TIMEOUT_S)
        assert answer.status_code < 500, f"{self.page.name}: {line}: status {answer.status_code}"

    def _stop(self, process, line):
        process.send_signal(signal.SIGTERM)
        code = process.wait(TIMEOUT_S)
        assert code in (0, -signal.SIGTERM, 128 + signal.SIGTERM), f"{self.page.name}: {line}: exit {code} at SIGTERM"
