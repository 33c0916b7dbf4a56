"""Reads scripted callers from YAML."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec

try:
    import yaml
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"scripts in YAML need {_error.name}; pip install 'voiceband[emulator]' brings it", name=_error.name
    ) from None

from voiceband.emulator.caller.ready import ready_script
from voiceband.emulator.caller.script import Script
from voiceband.emulator.caller.steps import KINDS, Step

MAX_BYTES = 1_000_000
MAX_VALUE_CHARS = 10_000
"""Of one value: some kinds of number take time with the square of their length."""
SOUNDS = ("say", "barge_in")


class _Loader(yaml.SafeLoader):
    """YAML as it is meant: a key twice is a mistake, and there are no aliases, which could fill any memory."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        problem = None
        if isinstance(event, yaml.AliasEvent):
            problem = f"*{str(event.anchor)[:40]} is an alias: write out what it stands for"
        elif isinstance(event, yaml.ScalarEvent) and len(event.value) > MAX_VALUE_CHARS:
            problem = f"a value must not be longer than {MAX_VALUE_CHARS} characters, not {len(event.value)}"
        if problem is not None:
            raise yaml.composer.ComposerError(None, None, problem, mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def load_scripts(path: str | os.PathLike[str]) -> list[Script]:
    """Read one caller or several from a YAML file, or return one that is ready.

    Parameters
    ----------
    path : path-like
        A name of `READY`, such as ``@barge-in``; or a file with ``steps:``, or with ``callers:``, each with a
        ``name:``, a ``start_s:`` and ``steps:``. Every step is a mapping with the name of its kind, see
        `voiceband.emulator.caller.steps`. Sounds are relative to the file.

    Returns
    -------
    scripts : list of Script
        One for each caller, in the file's order.

    Raises
    ------
    ValueError
        If the file cannot be read or says something else; the text names the file, the caller, the step and the value.
    """
    if isinstance(path, str) and path.startswith("@"):
        return [ready_script(path)]
    path = Path(path)
    try:
        return _callers(_read(path), path.parent)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _read(path: Path) -> Any:
    try:
        data = path.read_bytes()
        if len(data) > MAX_BYTES:
            raise ValueError(f"it must not be larger than {MAX_BYTES} bytes, not {len(data)}")
        return yaml.load(data, _Loader)  # a SafeLoader
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ValueError(f"line {mark.line + 1 if mark else 1}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"it is no YAML: {error}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _callers(raw: Any, folder: Path) -> list[Script]:
    if not isinstance(raw, dict) or set(raw) not in ({"steps"}, {"callers"}):
        raise ValueError(f"it must have either steps or callers and nothing else, not {_short(raw)}")
    if "steps" in raw:
        return [Script(_steps(raw["steps"], folder, ""))]
    callers = raw["callers"]
    if not isinstance(callers, list) or not callers:
        raise ValueError(f"callers must be a list, not {_short(callers)}")
    scripts: list[Script] = []
    for number, caller in enumerate(callers, 1):
        where = f"caller {number}"
        if not isinstance(caller, dict) or "steps" not in caller or set(caller) - {"name", "start_s", "steps"}:
            raise ValueError(f"{where} must have steps, perhaps a name and a start_s, not {_short(caller)}")
        name = caller.get("name", where)
        if not isinstance(name, str) or not name or name in (script.name for script in scripts):
            raise ValueError(f"{where}: name must be a text of its own, not {name!r}")
        steps = _steps(caller["steps"], folder, f"caller {name!r}, ")
        try:
            scripts.append(Script(steps, name=name, start_s=caller.get("start_s", 0)))
        except (ValueError, TypeError) as error:
            raise ValueError(f"caller {name!r}: {error}") from None
    return scripts


def _steps(raw: Any, folder: Path, where: str) -> list[Step]:
    if not isinstance(raw, list) or not raw:
        raise ValueError(f"{where}steps must be a list, not {_short(raw)}")
    steps = []
    for number, step in enumerate(raw, 1):
        try:
            steps.append(_step(step, folder))
        except ValueError as error:
            raise ValueError(f"{where}step {number}: {error}") from None
    return steps


def _step(raw: Any, folder: Path) -> Step:
    if raw == "hang_up":
        raw = {"hang_up": True}
    names = [name for name in raw if name in KINDS] if isinstance(raw, dict) else []
    if len(names) != 1:
        raise ValueError(f"it must have one of {', '.join(KINDS)}, not {_short(raw)}")
    name = names[0]
    fields = dict(raw)
    if name in SOUNDS and isinstance(raw[name], str) and raw[name] and not raw[name].startswith("@"):
        fields[name] = folder / raw[name]
    try:
        return msgspec.convert(fields, KINDS[name])
    except msgspec.ValidationError as error:
        at = re.fullmatch(r"(.*) - at `\$\.(\w+)`", str(error))
        if at is None:
            raise ValueError(str(error)) from None
        raise ValueError(f"{at[2]}: {at[1]}, not {_short(raw[at[2]])}") from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
