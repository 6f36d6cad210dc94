#pragma once

#include <stddef.h>

/// On which CPUs the calling thread may run. (`sched_getaffinity` is hidden from Swift: glibc declares it for _GNU_SOURCE only.)
///
/// @param mask gets a bit for each CPU; what the kernel's mask does not reach is zero.
/// @return 0, or an error number: EINVAL where `bytes` are fewer than the kernel's mask has.
int asof_affinity(unsigned char *mask, size_t bytes);
