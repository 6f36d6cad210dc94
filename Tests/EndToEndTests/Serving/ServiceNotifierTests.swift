import Foundation
import Glibc
import Store
import Synchronization
import TestSupport
import Testing

/// What the built `asof serve` tells a service manager, which here is a socket of the test's own.
@Suite struct ServiceNotifierTests {
    /// A socket that takes messages, while this value lives.
    private final class Manager: Sendable {
        let name: String
        private let descriptor: Int32
        private let taken = Mutex<[[String]]>([])

        /// - Parameter name: a path, or `@name`.
        init(_ name: String) throws {
            self.name = name
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            try #require(descriptor >= 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { room in
                room.copyBytes(from: name.utf8)
                if name.hasPrefix("@") { room[0] = 0 }
            }
            let length = MemoryLayout<sa_family_t>.size + name.utf8.count + (name.hasPrefix("@") ? 0 : 1)
            let descriptor = descriptor
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(length)) }
            }
            try #require(result == 0, "\(String(cString: strerror(errno)))")
        }

        deinit { close(descriptor) }

        /// All messages up to now, each as its lines.
        var messages: [[String]] {
            var buffer = [UInt8](repeating: 0, count: 4_096)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                guard count > 0 else { break }
                let lines = String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
                taken.withLock { $0.append(lines) }
            }
            return taken.withLock { $0 }
        }

        var lines: [String] { messages.flatMap { $0 } }

        func wait(for line: String) -> Bool { Patience.wait(seconds: 60) { self.lines.contains(line) } }
    }

    @Test func `it is ready, reloads and stops in order`() throws {
        let scratch = try Scratch()
        let manager = try Manager(scratch.path + "/notify")
        let served = try ServedAsof(["--without-store"], environment: ["NOTIFY_SOCKET": manager.name])
        #expect(manager.wait(for: "READY=1"))
        #expect(manager.messages.first == ["STATUS=serving at 127.0.0.1:\(served.port), without a store", "READY=1"])
        kill(served.pid, SIGHUP)
        #expect(Patience.wait(seconds: 60) { manager.lines.filter { $0 == "READY=1" }.count == 2 })
        let reload = try #require(manager.messages.first { $0.first == "RELOADING=1" })
        #expect(reload.count == 2 && reload[1].hasPrefix("MONOTONIC_USEC="), "\(reload)")
        #expect(served.stop().status == 0)
        let lines = manager.lines
        #expect(lines.suffix(2) == ["STOPPING=1", "STATUS=answering what was received, then ending"], "\(lines)")
        #expect(!lines.contains { $0.hasPrefix("WATCHDOG") }, "nobody asked for signs of life: \(lines)")
    }

    @Test func `a server is not ready before its latest values are there, and says how far they are`() throws {
        let store = try ServedStore()
        let blocker = try store.session()
        try blocker.execute("BEGIN")
        try blocker.execute("LOCK TABLE online.stats IN ACCESS EXCLUSIVE MODE")
        let manager = try Manager("@asof-test-\(UUID().uuidString)")
        let served = try ServedAsof(
            // What it starts itself is not the service.
            ["-d", store.conninfo, "--password-command", "env >child.txt; echo none"],
            in: store.scratch.path,
            environment: ["NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "60000000"]
        )
        let hasStatus = Patience.wait(seconds: 60) { manager.lines.contains { $0.hasPrefix("STATUS=loading") } }
        #expect(hasStatus, "\(manager.lines)")
        #expect(manager.lines.contains("EXTEND_TIMEOUT_USEC=60000000"))
        #expect(!manager.lines.contains("READY=1"))
        let child = try String(contentsOfFile: store.scratch.path + "/child.txt", encoding: .utf8)
        #expect(child.contains("PATH=") && !child.contains("NOTIFY_SOCKET") && !child.contains("WATCHDOG"), "\(child)")
        try blocker.execute("COMMIT")
        #expect(manager.wait(for: "READY=1"), "\(manager.lines)")
        #expect(manager.lines.contains("STATUS=serving at 127.0.0.1:\(served.port)"), "\(manager.lines)")
        #expect(served.stop().status == 0)
    }

    @Test func `signs of life come while it is watched, and none where another process is`() throws {
        let scratch = try Scratch()
        let (watched, other) = (try Manager(scratch.path + "/a"), try Manager(scratch.path + "/b"))
        let served = try ServedAsof(
            ["--without-store"],
            environment: ["NOTIFY_SOCKET": watched.name, "WATCHDOG_USEC": "60000"]
        )
        let isAlive = Patience.wait(seconds: 60) { watched.lines.filter { $0 == "WATCHDOG=1" }.count >= 5 }
        #expect(isAlive, "\(watched.lines)")
        let unwatched = try ServedAsof(
            ["--without-store"],
            environment: ["NOTIFY_SOCKET": other.name, "WATCHDOG_USEC": "60000", "WATCHDOG_PID": "1"]
        )
        #expect(other.wait(for: "READY=1"))
        #expect(unwatched.stop().status == 0)
        #expect(!other.lines.contains("WATCHDOG=1"))
        #expect(served.stop().status == 0)
    }

    @Test(arguments: [
        ("vsock:2:1234", "expected an absolute path, or @NAME"), ("notify", "expected an absolute path"),
        ("/nonexistent/notify", "does not take messages: No such file"),
        ("/" + String(repeating: "x", count: 120), "of at most 107 bytes"),
    ])
    func `a manager that cannot be told is named once, and the server serves`(name: String, text: String) throws {
        let served = try ServedAsof(["--without-store"], environment: ["NOTIFY_SOCKET": name])
        #expect(try served.client().run("PING") == .simple("PONG"))
        let output = served.stop()
        #expect(output.status == 0)
        #expect(output.error.components(separatedBy: text).count == 2, "\(output.error)")
    }
}
