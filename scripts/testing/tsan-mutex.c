// Tells ThreadSanitizer of Swift's Mutex where somebody waits for it.
//
// Swift on Linux compiles the fast paths of lock and unlock into their callers, where ThreadSanitizer sees atomic exchanges.
// With somebody waiting, the kernel hands the lock over (FUTEX_LOCK_PI), called from libswiftSynchronization, which is not
// built with ThreadSanitizer: then the one seems to have released nothing and the other to have got nothing, and what
// the lock guards is reported. Lane tsan links this into the tests before those functions; it calls them, and says what they did.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

// Synchronization._MutexHandle._lockSlow(UInt32) and ._unlockSlow(); `self` is the handle's address.
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SELF __attribute__((swift_context)) void *

typedef __attribute__((swiftcall)) void (*lock_function)(uint32_t thread, SELF handle);
typedef __attribute__((swiftcall)) void (*unlock_function)(SELF handle);

static void *next(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function) abort();
    return function;
}

__attribute__((swiftcall)) void asof_tsan_lock(uint32_t thread, SELF handle) __asm__(LOCK_SLOW);
__attribute__((swiftcall)) void asof_tsan_unlock(SELF handle) __asm__(UNLOCK_SLOW);

__attribute__((swiftcall)) void asof_tsan_lock(uint32_t thread, SELF handle) {
    ((lock_function)next(LOCK_SLOW))(thread, handle);
    if (__tsan_acquire) __tsan_acquire(handle);
}

__attribute__((swiftcall)) void asof_tsan_unlock(SELF handle) {
    if (__tsan_release) __tsan_release(handle);
    ((unlock_function)next(UNLOCK_SLOW))(handle);
}
