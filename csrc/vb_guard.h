/*
 * vb_guard.h - one object, one thread at a time.
 *
 * A stateful kernel's wrapper enters its guard before it touches the state and leaves it after; a second thread that
 * comes in between is told so instead of corrupting the state. This is a detector, not a lock: nobody waits.
 */
#ifndef VB_GUARD_H
#define VB_GUARD_H

#if defined(_MSC_VER)
#include <intrin.h>
typedef volatile long vb_guard;
#define VB_GUARD_ENTER(g) (_InterlockedExchange((g), 1) == 0)
#define VB_GUARD_LEAVE(g) ((void)_InterlockedExchange((g), 0))
#else
typedef int vb_guard;
#define VB_GUARD_ENTER(g) (__atomic_exchange_n((g), 1, __ATOMIC_ACQUIRE) == 0)
#define VB_GUARD_LEAVE(g) (__atomic_store_n((g), 0, __ATOMIC_RELEASE))
#endif

/* Returns 1 when the caller may go on, 0 when another thread is inside. */
static inline int vb_guard_enter(vb_guard *g) {
    return VB_GUARD_ENTER(g);
}

static inline void vb_guard_leave(vb_guard *g) {
    VB_GUARD_LEAVE(g);
}

#endif
