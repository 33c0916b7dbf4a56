"""Make docs/llms.txt, the list of pages for language models (llmstxt.org), from the navigation in mkdocs.yml.

--check changes nothing, and exits with 1 when the file is not current.
"""

import argparse
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
HEAD = """# voiceband

> Telephone audio for voice agents, in Python: C kernels for codecs, resampling, noise suppression and jitter; the
> protocol of Plivo Audio Streaming; a sans-IO session for one call; drivers for WebSocket servers; an emulated carrier
> for tests and load.

The code blocks of these pages are executed by the tests, but for a few that install something or take minutes.
"""


def entry(name):
    """Return the line of a page: its title, and how it begins."""
    text = re.sub(r"<!--.*?-->\n?", "", (DOCS / name).read_text(encoding="utf-8"))
    title, *paragraphs = text.split("\n\n")
    words = next((p for p in paragraphs if p[0].isalpha() or p[0] in "`*["), "")
    sentence = re.match(r".*?[.:](?=\s|$)", words.replace("\n", " ") + "\n")
    said = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", sentence[0]).rstrip(".:") if sentence else ""
    # What is made from docstrings is served as HTML only.
    address = name.removesuffix(".md") + ".html" if name.startswith("reference/") else name
    return f"- [{title.removeprefix('# ')}]({address})" + (f": {said}" if said else "")


def llms():
    """Return the file's text."""
    lines, sections = [], []
    for item in yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]:
        if isinstance(item, str):
            lines.append(entry(item))
        else:
            ((section, names),) = item.items()
            sections.append("\n".join([f"## {section}", "", *map(entry, names)]))
    return "\n\n".join([HEAD.rstrip(), "\n".join(["## Start here", "", *lines]), *sections]) + "\n"


def main():
    """Write it, or look at it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when the file is not current")
    path = DOCS / "llms.txt"
    if parser.parse_args().check:
        sys.exit(path.read_text(encoding="utf-8") != llms() and f"{path} is not current: python tools/make_llms.py")
    path.write_text(llms(), encoding="utf-8")


if __name__ == "__main__":
    main()
