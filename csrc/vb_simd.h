/*
 * vb_simd.h - how one C body is compiled for several instruction sets.
 *
 * A hot loop is written once, as a VB_INLINE body in csrc/simd/. A kernel wraps the body in one function per
 * instruction set and picks among them at import (vb_cpu.h). The levels never include FMA, and the project is built
 * with -ffp-contract=off, so every level gives the same bits.
 */
#ifndef VB_SIMD_H
#define VB_SIMD_H

#if defined(__GNUC__)
#define VB_INLINE static inline __attribute__((always_inline))
#elif defined(_MSC_VER)
#define VB_INLINE static __forceinline
#else
#define VB_INLINE static inline
#endif

/* Before a short loop: gcc must not unroll it into scalars, which it would not vectorise then. */
#if defined(__GNUC__) && !defined(__clang__)
#define VB_KEEP_LOOP _Pragma("GCC unroll 1")
#else
#define VB_KEEP_LOOP
#endif

#if defined(__GNUC__) && defined(__x86_64__)
#define VB_X86_CLONES 1
/* clang ignores a whole target attribute that names a tuning option, so these list instruction sets only. */
#define VB_TARGET_AVX2 __attribute__((target("avx2")))
#define VB_TARGET_AVX512 __attribute__((target("avx2,avx512f,avx512bw,avx512dq,avx512vl")))
#else
#define VB_X86_CLONES 0
#endif

/*
 * Define a file's `levels`, by vb_simd, and the one of them in use, `run`. LOOPS(level, target) defines the functions
 * of one instruction set and the table of them, `static const loops at_<level>`. AVX-512 machines use AVX2's.
 */
#if VB_X86_CLONES
#define VB_LEVELS(LOOPS)                                                                                               \
    LOOPS(scalar, )                                                                                                    \
    LOOPS(avx2, VB_TARGET_AVX2)                                                                                        \
    static const loops *const levels[] = {&at_scalar, &at_avx2, &at_avx2};                                             \
    static const loops *run = &at_scalar;
#else
#define VB_LEVELS(LOOPS)                                                                                               \
    LOOPS(scalar, )                                                                                                    \
    static const loops *const levels[] = {&at_scalar, &at_scalar, &at_scalar};                                         \
    static const loops *run = &at_scalar;
#endif

#endif
