"""What machines read of calls: JSON, and JUnit's XML with one test for each rule of the linter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import msgspec

from voiceband.emulator.judge.baseline import Baseline, figures_of, fingerprint
from voiceband.emulator.judge.findings import failing
from voiceband.emulator.judge.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from voiceband.commands.placing import Desk
    from voiceband.emulator.judge.baseline import Compared

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def baseline_of(desks: Sequence[Desk], **conditions: object) -> Baseline:
    """Return how callers were treated, under which conditions."""
    calls = [desk.call for desk in desks if desk.call is not None]
    texts = {key: str(value) for key, value in conditions.items() if value not in (None, "")}
    texts["what the caller does"] = fingerprint(desks[0].placement.steps)
    texts["format"] = str(calls[0].stream.format)
    return Baseline(texts, [figures_of(call.measures) for call in calls])


def as_json(desks: Sequence[Desk], code: int, compared: Sequence[Compared] = ()) -> dict[str, Any]:
    """Return the summaries of all calls, and the exit code."""
    return {
        "exit_code": code,
        **({"baseline": msgspec.to_builtins(list(compared))} if compared else {}),
        "calls": [{"caller": desk.name, "folder": str(desk.record.folder), **desk.summary} for desk in desks],
    }


def write_junit(path: Path, desks: Sequence[Desk], compared: Sequence[Compared] = (), *, strict: bool = False) -> None:
    """Write a suite for each caller.

    What is doubtful and what is a note is in the output of its test, and fails it with `strict` only. Where no call
    took place, the rules that were not broken are skipped.
    """
    root = ET.Element("testsuites")
    for desk in desks:
        assert desk.call is not None
        found = desk.call.findings
        broken = {finding.rule: finding for finding in reversed(failing(found, strict=strict))}
        told = {finding.rule: finding for finding in reversed(found) if finding.rule not in broken}
        connected = desk.call.connected
        suite = ET.SubElement(
            root,
            "testsuite",
            name=f"voiceband call {desk.name}".strip(),
            tests=str(len(RULES)),
            failures=str(len(broken)),
            errors="0",
            skipped=str(0 if connected else len(RULES) - len(broken) - len(told)),
            time=f"{desk.call.duration:.3f}",
        )
        for rule, about in RULES.items():
            case = ET.SubElement(suite, "testcase", classname=desk.name or "call", name=rule, time="0")
            if rule in broken:
                failure = ET.SubElement(case, "failure", type=rule, message=_clean(about.meaning))
                failure.text = _clean(f"{broken[rule]}\nWhat to do: {about.remedy}")
            elif rule in told:
                ET.SubElement(case, "system-out").text = _clean(f"{told[rule]}\nWhat to do: {about.remedy}")
            elif not connected:
                ET.SubElement(case, "skipped", message="no call took place")
    if compared:
        worse = sum(one.worse for one in compared)
        counts = {"tests": str(len(compared)), "failures": str(worse), "errors": "0", "skipped": "0", "time": "0"}
        suite = ET.SubElement(root, "testsuite", {"name": "voiceband call, compared", **counts})
        for one in compared:
            case = ET.SubElement(suite, "testcase", classname="baseline", name=one.name, time="0")
            if one.worse:
                ET.SubElement(case, "failure", type="worse", message=str(one))
            else:
                ET.SubElement(case, "system-out").text = str(one)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _clean(text: str) -> str:
    """Leave out what XML cannot hold; an agent may send anything."""
    return _NOT_XML.sub("\ufffd", text)
