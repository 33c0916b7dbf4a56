"""The `voiceband` command as a whole: what it lists, and what it loads for each of its commands."""

import importlib
import inspect

import pytest

from _support.commands import voiceband
from _support.programs import python
from voiceband.cli import COMMANDS

PRINT_MODULES = "import atexit, sys; atexit.register(lambda: print(*sys.modules, sep='\\n', file=sys.stderr));"
MAIN = "from voiceband.cli import main; main()"


def begin(code, *arguments):
    """Run some code, and then the command."""
    return python("-c", code + MAIN, *arguments)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_it_says_itself(name):
    command = getattr(importlib.import_module(f"voiceband.commands.{name}"), name)
    assert inspect.getdoc(command).partition("\n")[0] == COMMANDS[name]


def test_commands_are_listed_in_order_and_a_wrong_one_is_refused():
    listed = voiceband("--help").stdout
    places = [listed.index(f" {name} ") for name in COMMANDS]
    assert places == sorted(places)
    wrong = voiceband("cal")
    assert wrong.returncode == 2
    assert "No such command" in wrong.stderr
    assert "No such option" in voiceband("--call", "demo").stderr


@pytest.mark.parametrize(
    ("arguments", "strange"),
    [
        (["--help"], {"numpy.random", "voiceband.batch", "voiceband.emulator", "voiceband.examples", "httpx"}),
        (["convert", "--help"], {"voiceband.emulator", "voiceband.examples", "dask", "httpx", "picows"}),
        (["denoise", "--help"], {"voiceband.emulator", "voiceband.examples", "dask", "httpx", "matplotlib"}),
        (["call", "--help"], {"voiceband.batch", "voiceband.examples", "dask", "picows", "fastapi"}),
        (["serve", "--help"], {"voiceband.batch", "voiceband.emulator", "voiceband.examples", "dask", "httpx"}),
    ],
)
def test_a_command_loads_only_what_is_its_own(arguments, strange):
    result = begin(PRINT_MODULES, *arguments)
    assert result.returncode == 0
    loaded = set(result.stderr.split())
    assert "voiceband.cli" in loaded
    assert not strange & loaded


@pytest.mark.parametrize(("name", "missing"), [("call", "httpx"), ("demo", "websockets")])
def test_a_command_without_its_extra_says_so_in_a_line_and_leaves_the_others_alone(name, missing):
    without = f"import sys; sys.modules[{missing!r}] = None;"
    result = begin(without, name, "ws://127.0.0.1:1/")
    assert result.returncode == 2
    assert result.stderr.startswith(f"voiceband {name}: the emulator's ")
    assert "pip install 'voiceband[emulator]' brings it" in result.stderr
    assert result.stderr.count("\n") == 1
    assert begin(without, "convert", "--help").returncode == 0
