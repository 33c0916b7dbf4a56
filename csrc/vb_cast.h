/*
 * vb_cast.h - from floating point to integers without undefined behaviour.
 *
 * A C cast of a value that the integer type cannot hold is undefined: x86 wraps it, Arm saturates it. These cut off the
 * fraction as a cast does, saturate on every processor, and take NaN as the least value.
 */
#ifndef VB_CAST_H
#define VB_CAST_H

#include <stdint.h>

static inline uint32_t vb_to_u32(double x) {
    return x >= 4294967295.0 ? UINT32_MAX : x > 0.0 ? (uint32_t)x : 0;
}

static inline int64_t vb_to_i64(double x) {
    return x >= 9223372036854775808.0 ? INT64_MAX : x > -9223372036854775808.0 ? (int64_t)x : INT64_MIN;
}

static inline int16_t vb_to_i16(float x) {
    return x >= 32767.0F ? INT16_MAX : x > -32768.0F ? (int16_t)x : INT16_MIN;
}

#endif
