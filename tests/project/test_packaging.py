"""The sdist builds a wheel, and the wheel stands on its own; a C compiler is needed, so a checkout is too."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.source_tree


def run(*command, **kwargs):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, **kwargs)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build the sdist, then a wheel from it, with the build requirements that are installed already."""
    folder = tmp_path_factory.mktemp("dist")
    # A copy of what git tracks (or would), so that what lies about in the checkout cannot help the build.
    source = folder / "source"
    # git itself would refuse a checkout that somebody else owns.
    files = run("git", "-c", "safe.directory=*", "-C", ROOT, "ls-files", "-co", "--exclude-standard").splitlines()
    for name in files:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    run(
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--outdir",
        folder,
        source,
        env={**os.environ, "PIP_NO_INPUT": "1"},
    )
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


@pytest.mark.prove
def test_the_sdist_holds_the_sources_and_nothing_made(built):
    with tarfile.open(built[0]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    for needed in (
        "csrc/vb_g711.c",
        "csrc/simd/g711.h",
        "src/voiceband/dsp/g711.pyx",
        "src/voiceband/dsp/_shared/buffer.pxd",
        "tests/project/test_packaging.py",
        "Makefile",
        "LICENSE",
        "examples/agent.py",
    ):
        assert needed in names, needed
    assert not [n for n in names if n.endswith((".so", ".o", ".pyd")) or n.startswith("build/")]
    assert not [n for n in names if n.startswith("src/voiceband/dsp/") and n.endswith(".c")]


@pytest.mark.prove
def test_the_wheel_holds_the_package_its_licences_and_nothing_else(built):
    with zipfile.ZipFile(built[1]) as archive:
        names = archive.namelist()
        metadata = archive.read(next(n for n in names if n.endswith("/METADATA"))).decode()
    assert "License-Expression: MIT AND CC-BY-SA-3.0" in metadata
    src = ROOT / "src"
    expected = {
        path.relative_to(src).as_posix()
        for pattern in ("*.py", "*.pyi", "py.typed", "voiceband/data/*", "voiceband/report/templates/*")
        for path in src.rglob(pattern)
    }
    expected |= {f"voiceband/examples/{path.name}" for path in (ROOT / "examples").glob("*.py")}
    compiled = [*src.rglob("*.pyx"), *(p for p in src.rglob("*.pxd") if p.with_suffix(".py").exists())]
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    expected |= {
        path.with_name(path.stem + suffix).relative_to(src).as_posix() for path in compiled if path.stem != "__init__"
    }
    info = next(name for name in names if ".dist-info/" in name).split("/")[0]
    expected |= {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "top_level.txt")}
    expected |= {f"{info}/licenses/{name}" for name in ("LICENSE", "src/voiceband/data/LICENSE-CC-BY-SA-3.0.txt")}
    assert sorted(names) == sorted(expected)
    clip = next(i for i in zipfile.ZipFile(built[1]).infolist() if i.filename.endswith(".wav"))
    assert clip.file_size < 300_000


@pytest.mark.prove
def test_the_wheel_imports_with_only_numpy_and_msgspec(built, tmp_path):
    venv.create(tmp_path / "bare", with_pip=False)
    python = next(p for p in (tmp_path / "bare").glob("*/python*") if p.parent.name in ("bin", "Scripts"))
    site = next((tmp_path / "bare").rglob("site-packages"))
    with zipfile.ZipFile(built[1]) as archive:
        archive.extractall(site)
    for name in ("numpy", "msgspec", "numpy.libs"):
        for home in map(Path, sys.path):
            if (home / name).is_dir() and not (site / name).exists():
                (site / name).symlink_to(home / name)
    modules = "voiceband, voiceband.batch, voiceband.protocol, voiceband.session, voiceband.formats, voiceband.emulator"
    modules += ", voiceband.servers.call"
    code = f"import sys, {modules}; print(voiceband.ulaw_decode(b'\\x80').tolist(), voiceband.__file__)"
    out = run(python, "-I", "-c", code, cwd=tmp_path)
    assert out.startswith("[32124]")
    assert str(site) in out
    # The command line tells its version, lists its commands, and says which extra one lacks.
    for words, code, said in (
        (["--version"], 0, "voiceband "),
        (["--help"], 0, "pip install 'voiceband[EXTRA]'"),
        (["call", "ws://127.0.0.1:1/"], 2, "pip install 'voiceband[cli]'"),
    ):
        line = [str(python), "-I", "-c", "from voiceband.cli import main; main()", *words]
        result = subprocess.run(line, capture_output=True, text=True)
        assert result.returncode == code, result.stderr
        assert said in result.stdout + result.stderr
    for extra in ("websockets", "fastapi", "aiohttp"):
        code = f"import voiceband.servers.{extra}"
        result = subprocess.run([str(python), "-I", "-c", code], capture_output=True, text=True)
        assert f"pip install 'voiceband[{extra}]'" in result.stderr
    (tmp_path / "in.ulaw").write_bytes(bytes(800))
    code = "from voiceband.batch import *; process_file(Pipeline(), 'in.ulaw', 'out.wav')"
    result = subprocess.run([str(python), "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert "pip install 'voiceband[batch]'" in result.stderr


@pytest.mark.prove
@pytest.mark.skipif(sys.platform != "linux", reason="what it looks at is ELF")
def test_extensions_export_nothing_but_their_init(built, tmp_path):
    with zipfile.ZipFile(built[1]) as archive:
        extensions = [archive.extract(n, tmp_path) for n in archive.namelist() if n.endswith(".so")]
    assert extensions
    for path in extensions:
        table = run("nm", "-D", "--defined-only", path).split()[2::3]
        assert [s for s in table if not s.startswith("PyInit_")] == []


@pytest.mark.prove
@pytest.mark.skipif(sys.platform != "linux", reason="auditwheel is for Linux")
def test_auditwheel_finds_the_wheel_portable(built):
    report = run(sys.executable, "-W", "ignore", "-m", "auditwheel", "show", built[1])
    assert re.search(r'constrains the platform tag to "(manylinux|musllinux)_', report), report


@pytest.mark.prove
def test_cibuildwheel_is_configured_for_every_release_wheel():
    def identifiers(platform, *options):
        command = (
            sys.executable,
            "-m",
            "cibuildwheel",
            "--print-build-identifiers",
            "--platform",
            platform,
            *options,
            ROOT,
        )
        return set(run(*command, cwd=ROOT).split())

    pythons = ("cp311", "cp312", "cp313", "cp314")
    for machine in ("x86_64", "aarch64"):
        wanted = {f"{p}-{libc}_{machine}" for p in pythons for libc in ("manylinux", "musllinux")}
        assert identifiers("linux", "--archs", machine) == wanted
    assert identifiers("macos", "--archs", "arm64,x86_64") == {
        f"{p}-macosx_{m}" for p in pythons for m in ("arm64", "x86_64")
    }
    assert identifiers("windows", "--archs", "AMD64") == {f"{p}-win_amd64" for p in pythons}
