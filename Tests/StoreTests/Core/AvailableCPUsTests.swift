import Foundation
import Store
import TestSupport
import Testing

/// CPUs are counted by what the process may use. Trees of /proc and cgroups as they stand on several kinds of hosts.
@Suite struct AvailableCPUsTests {
    struct Host: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var cgroup: String
        var mounts: String
        var files: [String: String] = [:]
        var quota: Int?
    }

    private static let v2 = "25 30 0:23 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
    private static let v1 = """
        31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
        34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset

        """

    @Test(
        arguments: [
            Host(testDescription: "no cgroups", cgroup: "", mounts: "22 27 0:21 / /proc rw - proc proc rw\n"),
            Host(
                testDescription: "no quota",
                cgroup: "0::/user.slice\n",
                mounts: v2,
                files: ["/sys/fs/cgroup/user.slice/cpu.max": "max 100000\n"]
            ),
            Host(
                testDescription: "a quota is rounded up",
                cgroup: "0::/user.slice\n",
                mounts: v2,
                files: ["/sys/fs/cgroup/user.slice/cpu.max": "250000 100000\n"],
                quota: 3
            ),
            Host(
                testDescription: "the tightest group above counts",
                cgroup: "0::/a/b/c\n",
                mounts: v2,
                files: [
                    "/sys/fs/cgroup/a/cpu.max": "200000 100000\n", "/sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
                    "/sys/fs/cgroup/a/b/c/cpu.max": "max 100000\n", "/sys/fs/cgroup/z/cpu.max": "100000 100000\n",
                ],
                quota: 2
            ),
            Host(
                testDescription: "a container of version 2",
                cgroup: "0::/\n",
                mounts: "25 30 0:23 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
                files: ["/sys/fs/cgroup/cpu.max": "50000 100000\n"],
                quota: 1
            ),
            Host(
                testDescription: "a process outside of its namespace's group",
                cgroup: "0::/../other\n",
                mounts: v2,
                files: ["/sys/fs/cgroup/cpu.max": "300000 100000\n"],
                quota: 3
            ),
            Host(
                testDescription: "version 1",
                cgroup: "4:cpu,cpuacct:/batch/job\n3:cpuset:/other\n",
                mounts: v1,
                files: [
                    "/sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_quota_us": "150000\n",
                    "/sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_period_us": "100000\n",
                    "/sys/fs/cgroup/cpu,cpuacct/batch/job/cpu.cfs_quota_us": "-1\n",
                    "/sys/fs/cgroup/cpu,cpuacct/batch/job/cpu.cfs_period_us": "100000\n",
                    "/sys/fs/cgroup/cpuset/other/cpu.cfs_quota_us": "100000\n",
                    "/sys/fs/cgroup/cpuset/other/cpu.cfs_period_us": "100000\n",
                ],
                quota: 2
            ),
            Host(
                testDescription: "a container of version 1 that sees its host's path",
                cgroup: "4:cpu,cpuacct:/docker/x\n",
                mounts: "33 31 0:29 /docker/x /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n",
                files: [
                    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "400000\n",
                    "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
                ],
                quota: 4
            ),
            Host(
                testDescription: "both versions at once",
                cgroup: "4:cpu,cpuacct:/a\n0::/b\n",
                mounts: v1 + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
                files: [
                    "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "700000\n",
                    "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
                ],
                quota: 7
            ),
            Host(
                testDescription: "a mount point with a blank",
                cgroup: "0::/a\n",
                mounts: "25 30 0:23 / /my\\040groups rw - cgroup2 cgroup2 rw\n",
                files: ["/my groups/a/cpu.max": "500000 100000\n"],
                quota: 5
            ),
            Host(
                testDescription: "files that say nothing",
                cgroup: "0::/a/b/c/d\nwhat\n",
                mounts: v2 + "- - -\n1 2 3 / /x -\n",
                files: [
                    "/sys/fs/cgroup/a/cpu.max": "", "/sys/fs/cgroup/a/b/cpu.max": "0 100000\n",
                    "/sys/fs/cgroup/a/b/c/cpu.max": "100000 0\n", "/sys/fs/cgroup/a/b/c/d/cpu.max": "x y z\n",
                ]
            ),
        ]
    )
    func `the quota is that of the process's cgroups`(host: Host) throws {
        let scratch = try Scratch()
        let process = ["/proc/self/cgroup": host.cgroup, "/proc/self/mountinfo": host.mounts]
        for (path, text) in host.files.merging(process, uniquingKeysWith: { $1 }) {
            let url = URL(fileURLWithPath: scratch.path + path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(text.utf8).write(to: url)
        }
        #expect(AvailableCPUs.quota(root: scratch.path) == host.quota)
    }

    @Test func `the least of mask and quota counts, and it is at least one`() {
        #expect(AvailableCPUs.count(affinity: 8, quota: nil) == 8)
        #expect(AvailableCPUs.count(affinity: 8, quota: 3) == 3)
        #expect(AvailableCPUs.count(affinity: 2, quota: 3) == 2)
        #expect(AvailableCPUs.count(affinity: 0, quota: nil) == 1)
        #expect(AvailableCPUs.count(affinity: 4, quota: 0) == 1)
    }

    @Test(arguments: [
        ([UInt8](), 0), ([0], 0), ([1], 1), ([0b1010_0001, 0, 0x80], 4), ([UInt8](repeating: 255, count: 128), 1_024),
    ])
    func `a mask has a bit for each CPU`(mask: [UInt8], count: Int) {
        #expect(AvailableCPUs.count(mask: mask) == count)
    }

    @Test func `a host without /proc has no quota`() throws {
        #expect(AvailableCPUs.quota(root: try Scratch().path) == nil)
        #expect(AvailableCPUs.count >= 1)
    }
}
