/*
 * vb_pages.h - memory that goes back to the system as soon as it is given up.
 *
 * A window that a call needs for seconds, between things that stay for the call, would leave a hole in the heap.
 * Pages of its own leave none; to get and give up a few of them takes two system calls.
 *
 * Threads:  no state.
 */
#ifndef VB_PAGES_H
#define VB_PAGES_H

#include <stddef.h>
#include <stdlib.h>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#endif

/* n > 0 bytes of zeros, to be given up by vb_pages_free; NULL if there are none. Without mmap they are the heap's. */
static inline void *vb_pages_new(size_t n) {
#if defined(MAP_ANONYMOUS)
    void *const p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
#else
    return calloc(1, n);
#endif
}

/* Give up what vb_pages_new returned for n bytes; NULL is nothing to give up. */
static inline void vb_pages_free(void *p, size_t n) {
#if defined(MAP_ANONYMOUS)
    if (p != NULL)
        munmap(p, n);
#else
    (void)n;
    free(p);
#endif
}

#endif
