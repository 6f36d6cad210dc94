import Foundation
import Store
import TestSupport
import Testing

/// Memory is counted by what the process may use. Trees of /proc and cgroups as they stand on several kinds of hosts.
@Suite struct AvailableMemoryTests {
    struct Host: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var cgroup: String
        var mounts: String
        var files: [String: String] = [:]
        var bound: Int?
    }

    private static let v2 = "25 30 0:23 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
    private static let v1 = """
        31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
        34 31 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory

        """

    @Test(
        arguments: [
            Host(testDescription: "no cgroups", cgroup: "", mounts: "22 27 0:21 / /proc rw - proc proc rw\n"),
            Host(
                testDescription: "no bound",
                cgroup: "0::/user.slice\n",
                mounts: v2,
                files: ["/sys/fs/cgroup/user.slice/memory.max": "max\n"]
            ),
            Host(
                testDescription: "the tightest group above counts",
                cgroup: "0::/a/b/c\n",
                mounts: v2,
                files: [
                    "/sys/fs/cgroup/a/memory.max": "2000000000\n", "/sys/fs/cgroup/a/b/memory.max": "4000000000\n",
                    "/sys/fs/cgroup/a/b/c/memory.max": "max\n", "/sys/fs/cgroup/z/memory.max": "1000\n",
                ],
                bound: 2_000_000_000
            ),
            Host(
                testDescription: "from memory.high on processes are held up",
                cgroup: "0::/a\n",
                mounts: v2,
                files: ["/sys/fs/cgroup/a/memory.max": "3000000\n", "/sys/fs/cgroup/a/memory.high": "2000000\n"],
                bound: 2_000_000
            ),
            Host(
                testDescription: "a container of version 2",
                cgroup: "0::/\n",
                mounts: "25 30 0:23 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
                files: ["/sys/fs/cgroup/memory.max": "536870912\n"],
                bound: 512 << 20
            ),
            Host(
                testDescription: "version 1, whose groups of other controllers are others",
                cgroup: "5:memory:/batch/job\n4:cpu,cpuacct:/other\n",
                mounts: v1,
                files: [
                    "/sys/fs/cgroup/memory/batch/memory.limit_in_bytes": "1073741824\n",
                    "/sys/fs/cgroup/memory/batch/job/memory.limit_in_bytes": "9223372036854771712\n",
                    "/sys/fs/cgroup/memory/other/memory.limit_in_bytes": "4096\n",
                    "/sys/fs/cgroup/cpu,cpuacct/other/memory.limit_in_bytes": "4096\n",
                ],
                bound: 1 << 30
            ),
            Host(
                testDescription: "files that say nothing",
                cgroup: "0::/a/b/c\n",
                mounts: v2,
                files: [
                    "/sys/fs/cgroup/a/memory.max": "", "/sys/fs/cgroup/a/b/memory.max": "0\n",
                    "/sys/fs/cgroup/a/b/c/memory.max": "x y\n",
                ]
            ),
        ]
    )
    func `the bound is that of the process's cgroups`(host: Host) throws {
        let scratch = try Scratch()
        let process = ["/proc/self/cgroup": host.cgroup, "/proc/self/mountinfo": host.mounts]
        for (path, text) in host.files.merging(process, uniquingKeysWith: { $1 }) {
            let url = URL(fileURLWithPath: scratch.path + path)
            let folder = url.deletingLastPathComponent()
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
        #expect(AvailableMemory.bound(root: scratch.path) == host.bound)
    }

    @Test func `the least of machine and bound counts`() {
        #expect(AvailableMemory.bytes(machine: 8, bound: nil) == 8)
        #expect(AvailableMemory.bytes(machine: 8, bound: 3) == 3)
        #expect(AvailableMemory.bytes(machine: 2, bound: .max) == 2)
        #expect(AvailableMemory.bytes > 100 << 20)
    }
}
