import Glibc

/// The server settings of an embedded cluster: `pg/asof.conf`, included by `postgresql.conf`.
enum ClusterSettings {
    static let fileName = "asof.conf"

    /// Appended to `postgresql.conf`.
    static let include = """

        # Asof's settings. Your own go below the next line: the last one of a name counts.
        include '\(fileName)'

        """

    /// The text of `asof.conf`.
    ///
    /// - Parameters:
    ///   - memory_bytes: the memory of this machine or container, which the caches are a share of.
    ///   - walCompression: a method that this server was built with.
    ///   - sharedMemory_bytes: the size of `/dev/shm`; containers often have 64 MiB, too little for parallel queries.
    static func text(memory_bytes: Int, walCompression: String, sharedMemory_bytes: Int) -> String {
        let memory_MB = memory_bytes >> 20
        let shared_MB = min(max(memory_MB / 16, 64), 1_024)
        let maintenance_MB = min(max(memory_MB / 16, 64), 512)
        let dynamic = sharedMemory_bytes < 256 << 20 ? "mmap" : "posix"
        return """
            # Made by asof init for a machine with \(memory_MB) MB of memory.
            # Access: no TCP; the socket and the folder around it are for the owning user alone (and root).
            listen_addresses = ''
            unix_socket_permissions = 0700
            max_connections = 100
            max_locks_per_transaction = 256      # a view has many partitions, each with indexes
            shared_buffers = \(shared_MB)MB
            effective_cache_size = \(max(memory_MB / 2, 128))MB
            work_mem = 64MB
            maintenance_work_mem = \(maintenance_MB)MB
            dynamic_shared_memory_type = \(dynamic)
            fsync = on
            synchronous_commit = on
            wal_compression = \(walCompression)
            max_wal_size = 4GB
            checkpoint_timeout = 15min
            checkpoint_completion_target = 0.9
            random_page_cost = 1.1
            jit = off
            autovacuum = on
            timezone = 'UTC'
            log_timezone = 'UTC'
            log_checkpoints = off
            log_line_prefix = '%m [%p] '

            """
    }

    /// Memory of the machine, or of the container when that has less.
    static var memory_bytes: Int {
        let machine = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        let limit = limits.compactMap { readText($0) }.compactMap { Int($0.prefix { $0.isNumber }) }.min()
        return min(machine, limit ?? machine)
    }

    static var sharedMemory_bytes: Int {
        var status = statvfs()
        guard statvfs("/dev/shm", &status) == 0 else { return 0 }
        return Int(
            clamping: UInt64(status.f_blocks).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue
        )
    }
}
