import Glibc

/// A lock that many readers or one writer hold; a waiting writer goes before new readers, so that it never starves.
///
/// A thread must not take it again while it holds it, not even for reading: a writer that came in between would wait for
/// the first reading to end, and the second reading for the writer.
package final class ReadWriteLock: @unchecked Sendable {
    // Sendable: POSIX locks are made for use by several threads; the address never changes.
    private let lock: UnsafeMutablePointer<pthread_rwlock_t>

    package init() {
        lock = .allocate(capacity: 1)
        var attributes = pthread_rwlockattr_t()
        pthread_rwlockattr_init(&attributes)
        pthread_rwlockattr_setkind_np(&attributes, Int32(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP))
        precondition(pthread_rwlock_init(lock, &attributes) == 0)
        pthread_rwlockattr_destroy(&attributes)
    }

    deinit {
        pthread_rwlock_destroy(lock)
        lock.deallocate()
    }

    package func lockForReading() { precondition(pthread_rwlock_rdlock(lock) == 0) }
    package func lockForWriting() { precondition(pthread_rwlock_wrlock(lock) == 0) }
    package func unlock() { precondition(pthread_rwlock_unlock(lock) == 0) }
}
