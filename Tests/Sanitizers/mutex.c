// Tells the thread sanitizer of the lock in Swift's Synchronization.Mutex where it cannot see it itself.
//
// An uncontended lock is one atomic operation that is compiled into our code, and seen. A contended one goes through these three functions of
// libswiftSynchronization.so, which is not built with the sanitizer and ends in the system call futex(2), which the sanitizer does not know. So
// it would report every state under a lock that two threads really wanted at once. Loaded before that library, this passes each call on and says
// what it means: a lock taken is what the sanitizer calls an acquire of the lock's address, a lock given back a release. Nothing is suppressed:
// an access outside the lock is reported as ever.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define METHOD __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

// Where they are missing this is not loaded into a program built with the sanitizer, and there is nothing to tell.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK_SLOW "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

METHOD void lock_slow(uint32_t thread, SELF void *mutex) __asm__(LOCK_SLOW);
METHOD bool try_lock_slow(SELF void *mutex) __asm__(TRY_LOCK_SLOW);
METHOD void unlock_slow(SELF void *mutex) __asm__(UNLOCK_SLOW);

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        fprintf(stderr, "mutex.c: this Swift has no %s: its mutex works in another way, which has to be told in another way\n", name);
        abort();
    }
    return found;
}

METHOD void lock_slow(uint32_t thread, SELF void *mutex) {
    METHOD void (*real)(uint32_t, SELF void *) = next(LOCK_SLOW);
    real(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

METHOD bool try_lock_slow(SELF void *mutex) {
    METHOD bool (*real)(SELF void *) = next(TRY_LOCK_SLOW);
    bool taken = real(mutex);
    if (taken && __tsan_acquire) __tsan_acquire(mutex);
    return taken;
}

METHOD void unlock_slow(SELF void *mutex) {
    METHOD void (*real)(SELF void *) = next(UNLOCK_SLOW);
    if (__tsan_release) __tsan_release(mutex);
    real(mutex);
}
