"""The navigation, the list for language models and the measured page hold what the pages hold."""

import re
import runpy
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from PIL import Image

import voiceband

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGES = ("api", "batch", "callbacks", "emulator", "formats", "servers", "markup", "protocol", "session")
pytestmark = pytest.mark.source_tree


def named(nav):
    """Return the pages of the navigation, in order."""
    pages = []
    for item in nav:
        pages += [item] if isinstance(item, str) else named(next(iter(item.values())))
    return pages


def test_every_page_is_in_the_navigation_once():
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = named(settings["nav"])
    assert sorted(pages) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_the_site_is_strict_and_asks_nothing_of_other_hosts():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    settings = yaml.safe_load(text)
    assert settings["strict"] is True
    assert settings["theme"]["font"] is False
    assert "http" not in text


def test_the_list_for_language_models_is_current():
    subprocess.run([sys.executable, ROOT / "tools" / "make_llms.py", "--check"], check=True)


def test_the_page_of_the_commands_is_current(dose):
    quick = ["--screens", "batch", "convert", "denoise", "report"] if dose(False, True) else []
    subprocess.run([sys.executable, ROOT / "tools" / "make_commands.py", "--check", *quick], check=True)


def test_every_public_package_has_a_reference():
    text = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
    shown = set(re.findall(r"^::: (\S+)", text, re.MULTILINE))
    assert {"voiceband", *(f"voiceband.{name}" for name in PACKAGES)} <= shown


def test_no_table_of_figures_is_on_two_pages():
    """A figure that stands twice is soon wrong once; the measured page is where other pages lead."""
    rows = Counter()
    for page in (ROOT / "README.md", *DOCS.glob("*.md")):
        lines = {line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| ")}
        rows.update(line for line in lines if len(re.findall(r"\d+\.\d", line)) >= 3)
    assert len(rows) > 60
    assert [row for row, pages in rows.items() if pages > 1] == []


def test_the_pages_stand_on_four_shelves_and_are_few():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    shelves = [next(iter(item)) for item in nav if isinstance(item, dict)]
    assert shelves == ["Tutorials", "How-to guides", "Explanation", "Reference"]
    assert len(named(nav)) <= 26


def test_the_foot_of_a_page_has_the_version_and_leads_to_the_repository(monkeypatch):
    for name in ("latex2mathml", "latex2mathml.converter", "mkdocs", "mkdocs.structure", "mkdocs.structure.files"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(convert=None, File=None))
    hooks = runpy.run_path(str(ROOT / "tools" / "docs_hooks.py"))
    foot = hooks["on_config"](SimpleNamespace()).copyright
    source = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]
    assert foot == f'<a href="{source}">voiceband {voiceband.__version__}</a>'


@pytest.mark.prove
def test_the_plots_of_the_pages_are_drawn(tmp_path):
    subprocess.run([sys.executable, ROOT / "tools" / "plot_kernels.py", "--out", tmp_path], check=True)
    drawn = {path.name for path in tmp_path.iterdir()}
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    assert set(re.findall(r"\]\(plots/([\w.]+)\)", pages)) == drawn == {p.name for p in (DOCS / "plots").iterdir()}


def test_a_site_that_fetches_or_leads_nowhere_is_complained_about(tmp_path):
    page, style = tmp_path / "a.html", tmp_path / "c.css"
    page.write_text(
        '<script src="https://cdn.example.com/x.js"></script><a href="b.html">b</a>'
        '<a href="#there">x</a><img src="p.png">'
    )
    style.write_text("@import url(//fonts.example.com/f.css);")
    command = [sys.executable, ROOT / "tools" / "check_site.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    for words in ("fetches https://cdn", "b.html leads", "#there has no such place", "p.png leads", "c.css: fetches"):
        assert words in done.stdout
    (tmp_path / "llms.txt").write_text("- [a](a.html)\n- [d](d.md)\n")
    assert "d.md leads nowhere" in subprocess.run(command, capture_output=True, text=True).stdout
    (tmp_path / "llms.txt").write_text("- [a](a.html)\n")
    page.write_text('<a id="there" href="#there">there</a>')
    style.write_text("a { background: url(p.png); }")
    assert subprocess.run(command, capture_output=True).returncode == 0


def measured_cells(row):
    """Return the first row of a name on the measured page: its cells by the heads of their columns."""
    lines = (DOCS / "performance.md").read_text(encoding="utf-8").splitlines()
    at = next(k for k, line in enumerate(lines) if line.startswith(f"| {row} |"))
    first = max(k for k in range(at) if not lines[k].startswith("|")) + 1
    return dict(zip(*([cell.strip() for cell in lines[k].split("|")] for k in (first, at)), strict=True))


def test_the_ratios_of_the_readme_are_those_of_the_measured_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    # The command with the rivals in it, which `voiceband bench` is not.
    made_by = re.search(
        r"^Made by `(python [\w. -]+?) --markdown`", (DOCS / "performance.md").read_text("utf-8"), re.M
    )[1]
    assert f"measured by `{made_by}`" in readme
    times = re.search(r"audioop takes ([\d.]+x)", readme)[1]
    assert f"audioop {times}," in measured_cells("mu-law encode")["the others"]
    assert measured_cells("8000 -> 16000")["soxr HQ"] == re.search(r"soxr HQ takes ([\d.]+x)", readme)[1]
    said = re.search(r"([\d,]+) calls a core; pipecat's serializer ([\d,]+), Plivo's SDK (\d+)", readme)
    row = measured_cells("8000 Hz both ways")
    assert list(said.groups()) == [row[n] for n in ("voiceband", "pipecat serializer", "plivo-stream-sdk + audioop")]


@pytest.mark.prove
def test_the_picture_of_the_readme_is_drawn(tmp_path):
    pytest.importorskip("playwright", reason="playwright is missing: make test brings it")
    picture = tmp_path / "report.png"
    subprocess.run([sys.executable, ROOT / "tools" / "picture_report.py", "--out", picture], check=True)
    with Image.open(picture) as drawn, Image.open(DOCS / "report.png") as shown:
        assert drawn.size == shown.size


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")), ids=lambda p: p.name)
def test_the_links_of_the_pages_beside_the_readme_lead_somewhere(page):
    """Check what `check_site` cannot see: pages that are not part of the site."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for address in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, place = address.partition("#")
        if "://" in name:
            continue
        there = ROOT / name if name else page
        assert there.exists(), address
        if place:
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert place in {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}, address


def test_the_versions_agree_and_the_files_that_are_read_elsewhere_are_valid():
    version = re.search(r'__version__ = "(.+)"', (ROOT / "src/voiceband/__init__.py").read_text(encoding="utf-8"))[1]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    for form in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        fields = yaml.safe_load(form.read_text(encoding="utf-8")).get("body", [])
        labels = [field["attributes"].get("label", "") for field in fields]
        assert not fields or any("wire.jsonl" in label for label in labels), form
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    assert all(hook["language"] == "system" and hook["entry"].startswith(".venv/bin/") for hook in hooks)
