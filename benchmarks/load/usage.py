"""What a process has used, from the kernel's own books: CPU time, and how often it slept and called the system."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

SYSTEM_CALLS = "raw_syscalls:sys_enter"
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Used(NamedTuple):
    """So far: CPU time exactly, its share in the system as the clock's ticks found it, and how often it slept."""

    cpu_s: float
    system_share: tuple[int, int]
    sleeps: int


def used(pid):
    """Return what a process with all its threads has used."""
    cpu_s = time.clock_gettime((~pid << 3) | 2)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return Used(cpu_s, (system, user + system), sum(map(_sleeps, Path(f"/proc/{pid}/task").iterdir())))


def _sleeps(task):
    for line in (task / "status").read_text().splitlines():
        if line.startswith("voluntary_ctxt_switches"):
            return int(line.split()[1])
    return 0


def per_pair(since, until, pairs):
    """Return the CPU time of a pair in us, what of that was the system's, and its share of a wake-up."""
    us = (until.cpu_s - since.cpu_s) / pairs * 1e6
    ticks = until.system_share[1] - since.system_share[1]
    system = (until.system_share[0] - since.system_share[0]) / ticks if ticks else 0.0
    return {"us": us, "system_us": us * system, "wakes": (until.sleeps - since.sleeps) / pairs}


class SystemCalls:
    """Counts a process's system calls while it is open, with `perf`, which costs it next to nothing."""

    def __init__(self, pid):
        self.n = None
        if shutil.which("perf"):
            command = ["perf", "stat", "-x", ",", "-e", SYSTEM_CALLS, "-p", str(pid)]
            self._perf = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        else:
            self._perf = None

    def stop(self):
        """Return the count, None without `perf` or the right to ask it."""
        if self._perf is None:
            return None
        self._perf.send_signal(2)
        said = self._perf.communicate()[1]
        self._perf = None
        for line in said.splitlines():
            count, *rest = line.split(",")
            if SYSTEM_CALLS in rest and count.isdigit():
                return int(count)
        return None
