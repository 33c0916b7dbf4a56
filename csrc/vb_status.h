/*
 * vb_status.h - what the kernels return when something is wrong.
 *
 * Every function that can fail returns a vb_status: VB_OK or a negative error. Counts leave through pointers, and are
 * set on every path; after an error the state is as it was before the call.
 */
#ifndef VB_STATUS_H
#define VB_STATUS_H

typedef enum {
    VB_OK = 0,
    VB_ERR_MEMORY = -1,     /* an allocation failed */
    VB_ERR_ARGUMENT = -2,   /* a parameter is outside its documented range */
    VB_ERR_NOT_FINITE = -3, /* float input holds a NaN or an infinity */
    VB_ERR_ROOM = -4,       /* the destination is too small */
    VB_ERR_DATA = -5        /* the input is not of the expected format */
} vb_status;

#endif
