"""Compile the kernels and what wraps them; everything else about the package is in pyproject.toml.

Each C file of csrc/ is compiled once, into a static library from which the linker takes what an extension needs. A
build in place (`pip install -e .`, or `setup.py build_ext --inplace`) keeps its objects below build/, for every
environment of the same Python, and compiles again only what is older than its sources; a wheel is always compiled
from nothing.
"""

import functools
import gzip
import io
import os
import re
import shutil
import sysconfig
import tarfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext, customize_compiler, new_compiler
from setuptools.command.sdist import sdist

PACKAGE = Path("src/voiceband")
KERNELS = sorted(Path("csrc").glob("*.c"))
CYTHON = sorted(PACKAGE.rglob("*.pyx"))
# Modules of plain Python whose classes a .pxd file beside them turns into structs.
STRUCTS = sorted(
    p.with_suffix(".py") for p in PACKAGE.rglob("*.pxd") if p.stem != "__init__" and p.with_suffix(".py").exists()
)

DIRECTIVES = {"autotestdict": False}
# Annotations say what callers may give, not how it is stored; the .pxd files say that.
PLAIN = {"annotation_typing": False, "freethreading_compatible": True, "auto_pickle": False}
# -ffp-contract=off keeps the same bits on every compiler and instruction set; never -ffast-math or -march=native.
GNU_FLAGS = [
    "-std=c11",
    "-O3",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fvisibility=hidden",
    "-g0",
]
MSVC_FLAGS = ["/O2", "/std:c11", "/fp:precise"]
# VOICEBAND_BUILD names one of these: how to compile, how to link, macros, and directives of Cython's.
SANITIZERS = "-fsanitize=address,undefined,float-cast-overflow"
VARIANTS = {
    "": ([], [], [], {}),
    "sanitize": (
        [SANITIZERS, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-O1", "-g"],
        [SANITIZERS],
        [],
        {},
    ),
    # Threads count too, and so does what runs without the GIL.
    "coverage": (
        ["--coverage", "-fprofile-update=atomic", "-O0"],
        ["--coverage"],
        [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1")],
        {"linetrace": True},
    ),
}


@functools.cache
def changed(path):
    """Return when a C file, or a header that it includes, last changed."""
    names = re.findall(r'^#\s*include "(.+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
    headers = [folder / name for name in names for folder in (path.parent, Path("csrc"))]
    return max([path.stat().st_mtime, *(changed(h) for h in headers if h.exists())])


def check_toolchain():
    """Exit with one line that names what is missing and what brings it, before a compiler would fail with many."""
    compiler = new_compiler()
    if compiler.compiler_type == "msvc":
        return  # setuptools names the download itself, and Python for Windows comes with its headers
    customize_compiler(compiler)
    include = Path(sysconfig.get_path("include"))
    if not (include / "Python.h").exists():
        missing, brings = f"there are no Python headers in {include}", ("python3-dev", "python3-devel", "python3-dev")
    elif shutil.which(compiler.compiler_so[0]) is None:
        missing, brings = f"there is no C compiler ({compiler.compiler_so[0]})", ("gcc", "gcc", "gcc musl-dev")
    else:
        return
    commands = zip(("Debian, Ubuntu: apt install", "Fedora: dnf install", "Alpine: apk add"), brings, strict=True)
    hints = [*map(" ".join, commands), "macOS: xcode-select --install"]
    raise SystemExit(f"voiceband cannot be compiled: {missing}; install what is missing ({'; '.join(hints)})")


def readme():
    """Return README.md with its links led to the repository, for a package index has nothing beside the page."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = Path("README.md").read_text(encoding="utf-8")
    # Pictures as they are, pages as the repository shows them.
    text = re.sub(r"(!\[[^]]*\]\()(?!\w+:)", rf"\1{project['urls']['Source']}/raw/main/", text)
    return re.sub(r"(\]\()(?!\w+:|#)", rf"\1{project['urls']['Source']}/blob/main/", text)


class Build(build):
    """Look for the compiler before anything is copied."""

    def run(self):
        """Check, then build."""
        check_toolchain()
        super().run()


class Sdist(sdist):
    """Make the same bytes of the same sources: with SOURCE_DATE_EPOCH, times, owners and order are fixed."""

    def make_archive(self, base_name, kind, *args, **kwargs):
        """Make it, and then make it again without what differs from one build to the next."""
        path = super().make_archive(base_name, kind, *args, **kwargs)
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        if epoch and kind == "gztar":
            with tarfile.open(path) as made:
                files = sorted(((m, m.isfile() and made.extractfile(m).read()) for m in made), key=lambda f: f[0].name)
            with (
                Path(path).open("wb") as raw,
                gzip.GzipFile("", "wb", 9, raw, int(epoch)) as packed,
                tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
            ):
                for member, content in files:
                    member.mtime, member.uid, member.gid, member.uname, member.gname = int(epoch), 0, 0, "", ""
                    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                    member.pax_headers = {}
                    archive.addfile(member, io.BytesIO(content) if member.isfile() else None)
        return path


class BuildKernels(build_ext):
    """Compile with all cores, each C file once; in place, only what has changed."""

    def run(self):
        """Check, then compile."""
        check_toolchain()
        super().run()

    def finalize_options(self):
        """Choose the folders of a build in place, which another environment or another command finds again."""
        super().finalize_options()
        self.variant = os.environ.get("VOICEBAND_BUILD", "")
        if self.variant not in VARIANTS:
            raise SystemExit(
                f"VOICEBAND_BUILD must be one of {', '.join(filter(None, VARIANTS))}, not {self.variant!r}"
            )
        self.parallel = self.parallel or os.cpu_count()
        self.kept = bool(self.inplace)
        if self.kept:
            self.build_temp = (
                f"build/{sysconfig.get_config_var('SOABI') or 'objects'}{self.variant and '-'}{self.variant}"
            )
            self.build_lib = f"{self.build_temp}/lib"
        else:
            self.force = True

    def build_extensions(self):
        """Make C of Cython, objects of C, a library of the kernels, and modules of all that."""
        flags, link_flags, macros, directives = VARIANTS[self.variant]
        msvc = self.compiler.compiler_type == "msvc"
        self.flags = [*MSVC_FLAGS] if msvc else [*GNU_FLAGS, *flags]
        self.macros = [("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"), *macros]
        sources = self.generate(directives)
        with ThreadPoolExecutor(self.parallel) as pool:
            objects = list(pool.map(self.compile, [*KERNELS, *sources]))
        kernels = objects[: len(KERNELS)]
        library = Path(self.compiler.library_filename("voiceband", output_dir=self.build_temp))
        if not library.exists() or library.stat().st_mtime < max(o.stat().st_mtime for o in kernels):
            library.unlink(missing_ok=True)  # one that is there would keep what no longer belongs to it
            self.compiler.create_static_lib([str(o) for o in kernels], "voiceband", output_dir=self.build_temp)
        for ext, thing in zip(self.extensions, objects[len(KERNELS) :], strict=True):
            ext.sources = []
            ext.extra_objects = ext.depends = [str(thing), str(library)]
            ext.extra_link_args = [] if msvc else link_flags
        super().build_extensions()

    def generate(self, directives):
        """Return the C files that Cython makes of the extensions, in their order."""
        from Cython.Build import cythonize

        folder = f"build/cython{self.variant and '-'}{self.variant}" if self.kept else f"{self.build_temp}/cython"
        plain = {e.name for e in self.extensions if e.sources[0].endswith(".py")}
        made = {}
        for names, more in ((plain, PLAIN), ({e.name for e in self.extensions} - plain, {})):
            some = cythonize(
                [e for e in self.extensions if e.name in names],
                build_dir=folder,
                nthreads=self.parallel,
                force=bool(self.force),
                quiet=True,
                language_level=3,
                compiler_directives={**DIRECTIVES, **more, **directives},
            )
            made.update((e.name, Path(e.sources[0])) for e in some)
        return [made[e.name] for e in self.extensions]

    def compile(self, source):
        """Return the object of a C file, which is compiled unless it is there and newer than all that it is made of."""
        import numpy as np

        (name,) = self.compiler.object_filenames([str(source)], output_dir=self.build_temp)
        made = Path(name)
        newest = max(changed(source), Path(__file__).stat().st_mtime)
        if self.force or not made.exists() or made.stat().st_mtime < newest:
            self.compiler.compile(
                [str(source)],
                output_dir=self.build_temp,
                macros=self.macros,
                include_dirs=["csrc", np.get_include(), *self.include_dirs],
                extra_postargs=self.flags,
            )
        return made


def extension(source):
    """Return the extension that is made of a module of Cython, or of Python with a .pxd."""
    return Extension(".".join(source.relative_to("src").with_suffix("").parts), [str(source)])


# The guard is for the processes that share Cython's work: where they are not forked, they import this file.
if __name__ == "__main__":
    setup(
        long_description=readme(),
        long_description_content_type="text/markdown",
        packages=[*find_packages("src"), "voiceband.examples"],
        py_modules=["pytest_voiceband"],
        ext_modules=[extension(source) for source in (*CYTHON, *STRUCTS)],
        cmdclass={"build": Build, "build_ext": BuildKernels, "sdist": Sdist},
    )
