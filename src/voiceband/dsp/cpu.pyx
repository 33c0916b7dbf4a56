# cython: freethreading_compatible=True
"""Which instruction set the kernels use."""

from voiceband.dsp.cpu cimport import_level, vb_cpu_best, vb_cpu_name, vb_simd

cdef vb_simd _level = import_level()


def simd_level():
    """Return the instruction set in use: "scalar", "avx2" or "avx512".

    It is chosen once, when the package is imported: the best that the processor has, or the one that the environment
    variable ``VOICEBAND_SIMD`` names, lowered to what the processor has. Every level gives the same samples.

    Examples
    --------
    >>> simd_level() in simd_levels()
    True
    """
    return vb_cpu_name(_level).decode()


def simd_levels():
    """Return the instruction sets that this processor can run, slowest first."""
    return [vb_cpu_name(<vb_simd>level).decode() for level in range(vb_cpu_best() + 1)]
