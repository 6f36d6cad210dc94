import Foundation

/// What threads wait for: the functions of Linux in which they sleep, such as `anon_pipe_read` or `poll_schedule_timeout`.
package enum ThreadWaits {
    /// Of each of a process's threads; a thread that runs has `0`.
    package static func of(process pid: Int32) -> [String] {
        let tasks = "/proc/\(pid)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        return threads.compactMap { try? String(contentsOfFile: "\(tasks)/\($0)/wchan", encoding: .utf8) }
    }

    /// Names the calling thread for ``of(thread:)``.
    package static var current: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")) ?? ""
    }

    package static func of(thread: String) -> String {
        (try? String(contentsOfFile: "/proc/\(thread)/wchan", encoding: .utf8)) ?? ""
    }

    /// What the calling thread has had of a processor.
    package static var cpuSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
