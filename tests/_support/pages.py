"""Reads the pages of the documentation, and runs their Python blocks, one after the other."""

import re
import textwrap
from typing import NamedTuple

FENCE = re.compile(
    r"^ *(?:<!-- test: (?P<mark>[^\n]*?) -->\n *)?"
    r'```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<body>.*?)^ *```$',
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """One fenced block: its language, the file it is to be, what its hidden comment says, and its text."""

    language: str
    title: str | None
    mark: str
    text: str
    line: int


def blocks(page, language=None):
    """Return the blocks of a page, of one language or all."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(
            m["language"], m["title"], m["mark"] or "", textwrap.dedent(m["body"]), text.count("\n", 0, m.start("body"))
        )
        for m in FENCE.finditer(text)
    ]
    return [block for block in found if language in (None, block.language)]


def run_page(page):
    """Run its Python blocks in one namespace, and return that."""
    names: dict[str, object] = {"__name__": page.stem}
    for block in blocks(page, "python"):
        if (block.title or "").startswith("test_"):
            continue  # a command of the page runs it
        # Blank lines in front, so that a failure shows its line of the page.
        exec(compile("\n" * block.line + block.text, str(page), "exec"), names)
    return names
