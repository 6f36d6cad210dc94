// Shortest decimal text of floating-point numbers, the same as the C++ standard library's std::to_chars gives, faster.
#ifndef ASOF_FLOAT_TEXT_H
#define ASOF_FLOAT_TEXT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Room that any number's text fits in, with what is written behind it on the way.
#define ASOF_FLOAT_TEXT_MAX 40

// Writes the shortest text that reads back to the same value; `inf`, `-inf` and `nan` where it is not finite.
// `out` has room for ASOF_FLOAT_TEXT_MAX characters. Returns how many were written.
int32_t asof_double_text(double value, char *out);
int32_t asof_float_text(float value, char *out);

#ifdef __cplusplus
}
#endif

#endif
