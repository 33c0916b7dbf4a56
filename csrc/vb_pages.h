/*
 * vb_pages.h - memory that goes back to the system as soon as it is freed.
 *
 * A window that a call needs for seconds, between things that stay for the call, would leave a hole in the heap.
 * Pages of its own leave none, for two system calls. AddressSanitizer gets a block of the heap, whose ends it guards.
 *
 * Threads:  no state.
 */
#ifndef VB_PAGES_H
#define VB_PAGES_H

#include <stddef.h>
#include <stdlib.h>

#if (defined(__unix__) || defined(__APPLE__)) && !defined(__SANITIZE_ADDRESS__)
#include <sys/mman.h>
#endif

/* Return n > 0 bytes of zeros, to be freed by vb_pages_free, or NULL. Where there is no mmap, they are the heap's. */
static inline void *vb_pages_new(size_t n) {
#if defined(MAP_ANONYMOUS)
    void *const p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
#else
    return calloc(1, n);
#endif
}

/* Free what vb_pages_new returned for n bytes; p may be NULL. */
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
