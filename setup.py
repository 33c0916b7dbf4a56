"""Build the Cython extensions; everything else about the package is in pyproject.toml."""

import copy
import os
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

# One extension per Cython module, and the C files that it links.
EXTENSIONS = {
    "dsp.cpu": ["vb_cpu"],
    "dsp.ulaw": ["vb_cpu", "vb_ulaw"],
    "dsp.alaw": ["vb_cpu", "vb_alaw"],
    "dsp.l16": ["vb_cpu", "vb_l16"],
    "dsp.base64": ["vb_cpu", "vb_base64"],
    "dsp.conceal": ["vb_cpu", "vb_ar", "vb_pitch", "vb_pause", "vb_conceal"],
    "dsp.timeline": ["vb_cpu", "vb_ar", "vb_pitch", "vb_pause", "vb_conceal", "vb_timeline", "vb_transport"],
    "dsp.jitter": [
        *("vb_cpu", "vb_ar", "vb_pitch", "vb_pause", "vb_conceal", "vb_timeline", "vb_transport"),
        *("vb_target", "vb_stretch", "vb_jitter", "vb_jitter_play"),
    ],
    "dsp.runs": [],
    "dsp.denoise": ["vb_cpu", "vb_fft", "vb_denoise"],
    "dsp.resample": ["vb_cpu", "vb_resample", "vb_resample_design", "vb_resample_simd", "vb_resample_tables"],
    "session.transport": [],
    "session.inbound.chain": ["vb_cpu", "vb_media", "vb_base64", "vb_ulaw", "vb_alaw", "vb_l16"],
    "session.outbound.chain": ["vb_cpu", "vb_ulaw", "vb_alaw", "vb_l16"],
}
# Modules of plain Python whose classes a .pxd file beside them turns into structs.
COMPILED = sorted(p for p in Path("src/voiceband").rglob("*.pxd") if p.with_suffix(".py").exists())
HEADERS = [str(p) for p in sorted(Path("csrc").rglob("*.h"))]
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
SANITIZE_FLAGS = [
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=undefined",
    "-fno-omit-frame-pointer",
    "-O1",
    "-g",
]


class BuildKernels(build_ext):
    """Pick the compiler's dialect of flags, add the sanitizers when VOICEBAND_SANITIZE is set, and use all cores."""

    def build_extensions(self):
        """Set the flags of every extension, then build."""
        msvc = self.compiler.compiler_type == "msvc"
        sanitize = os.environ.get("VOICEBAND_SANITIZE", "") not in ("", "0")
        for ext in self.extensions:
            ext.extra_compile_args = list(MSVC_FLAGS if msvc else GNU_FLAGS)
            if sanitize and not msvc:
                ext.extra_compile_args += SANITIZE_FLAGS
                ext.extra_link_args = SANITIZE_FLAGS[:2]
        self.parallel = self.parallel or os.cpu_count()
        super().build_extensions()

    def build_extension(self, ext):
        """Build one, in a folder of its own: those that are built beside it compile some of the same C files."""
        alone = copy.copy(self)
        alone.build_temp = str(Path(self.build_temp, ext.name))
        build_ext.build_extension(alone, ext)


def extension(name, *sources):
    """Return an extension of the package, which may use the declarations of all kernels."""
    return Extension(
        f"voiceband.{name}",
        [str(source) for source in sources],
        include_dirs=["csrc", np.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        depends=[*HEADERS, "src/voiceband/dsp/_buffer.pxd", "src/voiceband/dsp/_samples.pxd"],
    )


kernels = [
    extension(name, f"src/voiceband/{name.replace('.', '/')}.pyx", *(f"csrc/{c}.c" for c in sources))
    for name, sources in EXTENSIONS.items()
]
compiled = [
    extension(".".join(pxd.relative_to("src/voiceband").with_suffix("").parts), pxd.with_suffix(".py"))
    for pxd in COMPILED
]
DIRECTIVES = {"autotestdict": False}
# Annotations say what callers may give, not how it is stored; the .pxd files say that.
PLAIN = {**DIRECTIVES, "annotation_typing": False, "freethreading_compatible": True, "auto_pickle": False}

setup(
    packages=[*find_packages("src"), "voiceband.examples"],
    py_modules=["pytest_voiceband"],
    ext_modules=[
        *cythonize(kernels, build_dir="build/cython", language_level=3, compiler_directives=DIRECTIVES),
        *cythonize(compiled, build_dir="build/cython", language_level=3, compiler_directives=PLAIN),
    ],
    cmdclass={"build_ext": BuildKernels},
)
