"""What holds for all tests: doses, the hypothesis profile, and Ctrl-C."""

import gc
import itertools
import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Of numpy, in each of hundreds of processes: OpenBLAS's threads spin when they start, and after each product.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

pytest.register_assert_rewrite("_support")

from _support import dose as doses  # noqa: E402  (its asserts are rewritten)
from _support.order import early  # noqa: E402
from voiceband._processes import cores  # noqa: E402


def pytest_runtest_setup():
    """Let Ctrl-C and a closed terminal do what they do.

    The background jobs of a shell ignore the one and those of nohup the other; so would all that tests start and send
    these signals to. And some of what a test runs leaves a handler behind.
    """
    usual = {"SIGINT": signal.default_int_handler, "SIGHUP": signal.SIG_DFL}
    for name, handler in usual.items():
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


TESTS = Path(__file__).parent

# Deadlines measure the machine, not the code; examples that failed before lie in nobody's checkout.
COMMON = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", max_examples=25, **COMMON)
settings.register_profile("prove", max_examples=500, **COMMON)
settings.load_profile("prove" if doses.PROVE else "quick")


@pytest.hookimpl(optionalhook=True)  # the environments of the frameworks do not have xdist
def pytest_xdist_auto_num_workers():
    """Two at a time on each core, for half of the time of many tests is waiting: for sockets and for processes."""
    return max(2, min(2 * cores(), 8))


def pytest_configure(config):
    """Let each worker begin at another file, so that the asserts of one are rewritten by one worker, not by all.

    Only where nothing is to be ignored: files that are named are collected in any case.
    """
    worker = getattr(config, "workerinput", None)
    ignored = config.option.ignore or config.option.ignore_glob
    if worker and not ignored and [Path(arg).resolve() for arg in config.args] == [TESTS]:
        files = sorted(map(str, TESTS.rglob("test_*.py")))
        at = int(worker["workerid"].removeprefix("gw")) % worker["workercount"] * len(files) // worker["workercount"]
        config.args[:] = files[at:] + files[:at]


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep the garbage collector from what stays: the modules and the tests, over a million objects."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


WHERE = {  # a marker: where its tests are skipped, and why
    "prove": (not doses.PROVE, "a long proof: make prove runs it"),
    "installed_program": (doses.SANITIZED, "a shell starts it, without what the sanitizers need to be loaded"),
    "resident_memory": (doses.SANITIZED, "the sanitizer keeps what was freed, so memory in use says nothing"),
    "untraced": (doses.TRACED, "the tracer would show in what its processes write, say or cost"),
}
SKIPPED = {marker: reason for marker, (here, reason) in WHERE.items() if here}


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around pytest-randomly's, whichever way that is hooked in
def pytest_collection_modifyitems(config, items):
    workers = getattr(config, "workerinput", {}).get("workercount", 0)
    if workers:
        items.sort(key=lambda item: item.path)  # wherever it began: all workers are to have the same order
    for item, (marker, reason) in itertools.product(items, SKIPPED.items()):
        if item.get_closest_marker(marker):
            item.add_marker(pytest.mark.skip(reason=reason))
    result = yield
    if workers:
        items[:] = early(items, workers)
    return result


@pytest.fixture
def dose():
    """Choose how much of a long proof to do: `dose(few, many)` is `many` under `make prove`."""
    return doses.dose
