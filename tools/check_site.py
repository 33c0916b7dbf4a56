"""Look at the site that `make docs` has built: nothing is fetched from another host, every link leads somewhere."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {"link": "href", **dict.fromkeys(("audio", "iframe", "img", "script", "source", "video"), "src")}
CSS = re.compile(r"(?:@import\s+|url\()\s*['\"]?(https?:)?//")


class Page(HTMLParser):
    """What a page fetches, what it links to, and what can be linked to in it."""

    def __init__(self, path):
        super().__init__()
        self.fetched, self.links, self.anchors = [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        """Note what a tag has."""
        values = dict(attributes)
        self.anchors |= {values[key] for key in ("id", "name") if values.get(key)}
        if tag in FETCHED and values.get(FETCHED[tag]) and values.get("rel") != "canonical":
            self.fetched.append(values[FETCHED[tag]])
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])


def complaints(site):
    """Yield what is wrong with a site."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        for address in [*page.fetched, *page.links]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if address in page.fetched and parts.scheme != "data":
                    yield f"{path}: fetches {address}"
                continue
            target = (site if parts.path.startswith("/") else path.parent) / unquote(parts.path).lstrip("/")
            target = (path if not parts.path else target / "index.html" if target.is_dir() else target).resolve()
            if path.name == "404.html":  # its addresses are below the site's own, wherever that is
                continue
            if not target.is_file():
                yield f"{path}: {address} leads nowhere"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{path}: {address} has no such place"
    listed = site / "llms.txt"
    for name in re.findall(r"\]\(([^)]+)\)", listed.read_text(encoding="utf-8")) if listed.exists() else ():
        if not (site / name).is_file():
            yield f"{listed}: {name} leads nowhere"
    for path in sorted(site.rglob("*.css")):
        if CSS.search(path.read_text(encoding="utf-8")):
            yield f"{path}: fetches from another host"


def main():
    """Complain, and exit with 1 if there is a reason to."""
    site = Path(sys.argv[1]).resolve()
    found = list(complaints(site))
    print("\n".join(found) or f"{site}: {sum(1 for _ in site.rglob('*.html'))} pages, nothing to complain about")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
