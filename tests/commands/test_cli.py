"""The `voiceband` command as a whole: what it lists, loads and refuses, and how it ends."""

import importlib
import inspect
import json
import os
import re
import shlex
import signal
import subprocess
import sys

import pytest

from _support.commands import here, voiceband
from _support.programs import ENDINGS, python
from voiceband import __version__
from voiceband.commands import _console
from voiceband.commands._catalog import COMMANDS

MAIN = "from voiceband.cli import main; main()"
PRINT_MODULES = "import atexit, sys; atexit.register(lambda: print(*sys.modules, sep='\\n', file=sys.stderr));"
EXTRAS = ("rich", "soundfile", "httpx", "websockets", "uvicorn", "yaml", "picows", "psutil", "matplotlib", "jinja2")
BASE = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS!r}));"


def ended(result):
    """Return the exit code, standard output and standard error."""
    return result.returncode, result.stdout, result.stderr


def run_here(*words):
    return ended(voiceband(*words))


def run_alone(*words, before=""):
    """Run some code, and then the command."""
    return ended(python("-c", before + MAIN, *words))


def run_one_after_another(*lines, before):
    """Run some code, and then one command after another in that process; return what each ended with."""
    code = f"{before} from _support.commands import voiceband; import json\n"
    code += "def ended(r): return r.returncode, r.stdout, r.stderr\n"
    code += f"print(json.dumps([ended(voiceband(*words)) for words in {lines!r}]))"
    return json.loads(python("-c", code, check=True).stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does_within_80_columns(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    command = getattr(importlib.import_module(f"voiceband.commands.{name}"), name)
    code, out, err = run_here(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: voiceband {name} ")
    assert inspect.getdoc(command).partition("\n")[0][:60] in out
    assert all(len(line) <= 80 and line.isascii() for line in out.splitlines())
    assert not re.search(r"\b(None|INTEGER|PATH)\b", out)


def test_commands_are_listed_with_their_extras():
    code, out, _ = run_here("--help")
    assert code == 0
    assert all(len(line) <= 80 for line in out.splitlines())
    for name, (_, extra) in COMMANDS.items():
        assert re.search(rf"^  {name} .*  {extra}$", out, re.MULTILINE)
    assert run_here() == (2, "", out)


def test_the_version_is_told():
    assert run_here("--version") == (0, f"voiceband {__version__}\n", "")
    module = subprocess.run([sys.executable, "-m", "voiceband", "--version"], capture_output=True, text=True)
    assert module.stdout == f"voiceband {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "strange"),
    [
        (["--help"], {"numpy.random", "voiceband.batch", "voiceband.emulator", "voiceband.examples", "httpx", "rich"}),
        (["convert", "--help"], {"voiceband.emulator", "voiceband.examples", "dask", "httpx", "picows"}),
        (["denoise", "--help"], {"voiceband.emulator", "voiceband.examples", "dask", "httpx", "matplotlib"}),
        (["call", "--help"], {"voiceband.batch", "voiceband.examples", "dask", "picows", "fastapi"}),
        (["serve", "--help"], {"voiceband.batch", "voiceband.emulator", "voiceband.examples", "dask", "httpx"}),
    ],
)
def test_a_command_loads_only_what_is_its_own(arguments, strange):
    code, _, err = run_alone(*arguments, before=PRINT_MODULES)
    assert code == 0
    loaded = set(err.split())
    assert "voiceband.cli" in loaded
    assert not strange & loaded


@pytest.mark.parametrize(("name", "missing"), [("call", "httpx"), ("demo", "websockets")])
def test_a_command_without_its_extra_says_so_in_a_line_and_leaves_the_others_alone(name, missing):
    without = f"import sys; sys.modules[{missing!r}] = None;"
    (code, _, err), other = run_one_after_another((name, "ws://127.0.0.1:1/"), ("convert", "--help"), before=without)
    assert code == 2
    assert err.startswith(f"voiceband {name}: the emulator's ")
    assert "pip install 'voiceband[emulator]' brings it" in err
    assert err.count("\n") == 1
    assert other[0] == 0


def test_the_base_install_tells_its_version_and_what_each_command_needs():
    needy = [(name, "x", "y") for name in ("batch", "load", "call")]
    version, told, *refused = run_one_after_another(("--version",), ("--help",), *needy, before=BASE)
    assert version[1] == f"voiceband {__version__}\n"
    code, out, err = told
    assert (code, err) == (0, "")
    assert "pip install 'voiceband[EXTRA]'" in out
    for code, out, err in refused:
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert re.search(r"pip install 'voiceband\[\w+\]' brings it", err), err


def test_what_a_command_lacks_only_while_it_runs_is_told_too(tmp_path):
    (tmp_path / "long.ulaw").write_bytes(b"\xff" * 8000 * 61)  # long enough for a bar
    code, out, err = run_alone("convert", tmp_path / "long.ulaw", tmp_path / "long.alaw", before=BASE)
    assert (code, out) == (2, "")
    assert err == "voiceband convert: needs rich; pip install 'voiceband[batch]' brings it\n"
    assert [path.name for path in tmp_path.iterdir()] == ["long.ulaw"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete_commands_and_options(shell):
    code, out, err = run_here("--completion", shell)
    assert (code, err) == (0, "")
    for name in COMMANDS:
        assert name in out
    assert "find-capacity" in out
    if shell == "bash":
        script = f"{out}\nCOMP_WORDS=(voiceband bench --qu); COMP_CWORD=2; _voiceband; echo ${{COMPREPLY[@]}}"
        assert subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout == "--quick\n"
    assert run_here("--completion", "tcsh")[::2] == (
        2,
        "voiceband: --completion must be followed by one of bash, zsh, fish, not 'tcsh'\n",
    )


# How commands end.


def work(code):
    """Run a command that is some code; give the exit code, standard output and standard error."""
    names = {"_console": _console, "os": os}
    exec(f"def work():\n{code}\n", names)
    return here(lambda: sys.exit(_console.run("work", names["work"])), "work")


def test_codes_and_lines_of_how_a_command_ends():
    assert work("    return None").returncode == 0
    assert work("    return _console.WRONG").returncode == 1
    refused = work("    _console.refuse('a\\nb \\x1b[2J')")
    assert (refused.returncode, refused.stderr) == (2, "voiceband work: a\\nb \\x1b[2J\n")
    missing = work("    open('no/such')")
    assert (missing.returncode, missing.stderr) == (2, "voiceband work: no/such: No such file or directory\n")
    full = work("    raise OSError(28, os.strerror(28), 'call.wav')")
    assert full.stderr == "voiceband work: call.wav: No space left on device; make room and run it again\n"
    bug = work("    return 1 / 0")
    assert bug.returncode == 2
    assert "ZeroDivisionError" in bug.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), list(ENDINGS.values()))
@pytest.mark.parametrize("ignored", [False, True])
def test_signals_end_a_command_as_ctrl_c_does(number, code, ignored):
    if ignored and number == signal.SIGINT:
        pytest.skip("what is ignored does nothing")
    program = (
        "import asyncio, signal, sys; from voiceband.commands import _console\n"
        + ("signal.signal(signal.SIGINT, signal.SIG_IGN)\n" if ignored else "")
        + "async def main():\n"
        "    try:\n        print('runs', flush=True)\n        await asyncio.sleep(60)\n"
        "    finally:\n        print('cleaned up', flush=True)\n"
        "sys.exit(_console.run('work', lambda: asyncio.run(main())))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "runs\n"
        process.send_signal(number)
        assert process.communicate(timeout=30)[0] == "cleaned up\n"
    assert process.returncode == code


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_hangup_that_is_ignored_stays_ignored():
    program = "import signal, os, sys; from voiceband.commands import _console\n"
    program += "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    program += "sys.exit(_console.run('work', lambda: os.kill(os.getpid(), signal.SIGHUP)))"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_pipe_that_is_closed_is_no_error():
    code = "import time; from voiceband.commands import _console\ndef work():\n  while True: _console.put('x' * 1000)\n"
    shell = f"{shlex.quote(sys.executable)} -c \"{code}import sys; sys.exit(_console.run('', work))\" | head -1"
    result = subprocess.run(["bash", "-c", f"set -o pipefail; {shell}"], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (141, "")


def test_tables_are_wrapped_and_never_cut(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    _console.put_table(("name", "ms", "why"), [("a heading",), ("  one", "1.5", "because " * 8)], left=(0, 2))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["name    ms  why", "a heading"]
    assert all(len(line) <= 40 for line in lines)
    assert " ".join(lines).count("because") == 8


def test_what_an_encoding_lacks_is_written_in_ascii():
    code = "    _console.put('± 5 µs – “x” \\u4e2d \\udcff'); _console.say('…')"
    program = (
        f"from voiceband.commands import _console\nimport sys\ndef work():\n{code}\nsys.exit(_console.run('', work))"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert (result.returncode, result.stdout) == (0, '+/- 5 us - "x" \\u4e2d \\udcff\n')
    assert result.stderr == "voiceband: ...\n"


def test_json_is_ascii(capsys):
    _console.put_json({"name": "é"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"name": "é"}


def test_progress_is_for_terminals_only(monkeypatch):
    for variables, live in (({"TERM": "xterm"}, False), ({"FORCE_COLOR": "1", "TERM": "dumb"}, False)):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert _console.is_live(_console.screen()) is live


def test_rows_are_wrapped_and_what_could_steer_a_terminal_is_not_printed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    _console.note_rows([("error", "it says \x1b[31mred " + "again " * 9), ("in", "a/" * 30)])
    error, *more, last = capsys.readouterr().err.splitlines()
    assert error == "error  it says \\x1b[31mred again again"
    assert [line[:7] for line in more] == [" " * 7] * len(more)
    assert " ".join([error, *more]).count("again") == 9
    assert all(len(line) <= 40 for line in (error, *more))
    assert last == "in     " + "a/" * 30


def test_an_interrupt_that_a_destructor_swallows_is_kept_and_nothing_else_is_said_of_it(monkeypatch):
    class Deaf:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    with _console.kept_interrupts() as check:
        check()
        Deaf()
        with pytest.raises(KeyboardInterrupt):
            check()
    assert said == []
    assert sys.unraisablehook == said.append
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
