"""What `make docs` does beyond mkdocs: files outside docs/ that pages link to become pages, formulas become MathML.

Both are for pages that need nothing from another host, and whose links work in a checkout too.
"""

import html
import posixpath
import re
import shutil
import tomllib
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\]\((\.\./[^)#\s]+)\)")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
REFERENCE = re.compile(r"(?<=\n)\.\. (\[\d+\]) ")
TYPE = re.compile(r"\(\s*<code>\((.*?)\)</code>\s*\)")  # of a parameter: words that were taken for an expression
LANGUAGES = {".py": "python", ".yaml": "yaml"}


def outside(page, target):
    """Return the path below the checkout that a page's link leads to, None if it stays within docs/."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
    return None if path.startswith("docs/") else path


def on_config(config):
    """Show the version at the foot of every page, with a link to the repository.

    `repo_url` would have the theme ask the repository's host for its figures.
    """
    source = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]
    version = re.search(r'__version__ = "(.+)"', (ROOT / "src/voiceband/__init__.py").read_text(encoding="utf-8"))[1]
    config.copyright = f'<a href="{source}">voiceband {version}</a>'
    return config


def on_files(files, config):
    """Add a page for each file that a page links to."""
    wanted = set()
    for file in files.documentation_pages():
        targets = LINK.findall(file.content_string)
        wanted |= {path for target in targets if (path := outside(file.src_uri, target))}
    for path in sorted(wanted):
        source = ROOT / path
        text = f"# {path}\n\n````{LANGUAGES[source.suffix]}\n{source.read_text(encoding='utf-8')}````\n"
        files.append(File.generated(config, f"source/{path}.md", content=text))
    return files


def on_page_markdown(markdown, page, **_):
    """Lead the links there."""
    uri = page.file.src_uri

    def lead(match):
        path = outside(uri, match[1])
        if path is None:
            return match[0]
        return f"]({posixpath.relpath(f'source/{path}.md', posixpath.dirname(uri) or '.')})"

    return LINK.sub(lead, markdown)


def on_post_build(config, **_):
    """Serve the pages as they are written too, for llms.txt names them."""
    docs, site = Path(config["docs_dir"]), Path(config["site_dir"])
    for page in sorted(docs.rglob("*.md")):
        if page.parent.name != "reference":  # what is made from docstrings has no text of its own
            shutil.copyfile(page, site / page.relative_to(docs))


def on_page_content(content, **_):
    """Write formulas as MathML, which browsers draw by themselves, and docstrings as they were meant."""

    def draw(match):
        return convert(html.unescape(match[3]), display="block" if match[2] == "[" else "inline")

    content = FORMULA.sub(draw, content)
    content = REFERENCE.sub(r"<br>\1 ", content.replace("<p>.. [1] ", "<p>[1] "))
    return TYPE.sub(
        lambda m: f"(<code>{m[1].replace(' - like', '-like').replace('shape(', 'shape (')}</code>)", content
    )
