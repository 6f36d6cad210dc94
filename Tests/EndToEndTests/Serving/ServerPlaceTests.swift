import Foundation
import Glibc
import TestSupport
import Testing

/// What of the machine a server takes for itself: a place to listen, a file with its number, signals.
@Suite struct ServerPlaceTests {
    @Test("a server that cannot listen says why, and leaves without exit handlers, since its threads may still run")
    func refusesPlace() throws {
        let scratch = try Scratch()
        let file = try scratch.write("file", "text")
        let served = try ServedAsof(["--without-store"])
        let places = [
            ("unix:" + file, "there is a file of that name that is no socket"),
            ("127.0.0.1:\(served.port)", "something listens there already"),
        ]
        for (number, (place, reason)) in places.enumerated() {
            let trace = scratch.path + "/trace\(number)"
            let output = try AsofBinary.run(
                ["serve", "--without-store", "--listen", place],
                in: scratch.path,
                environment: ["LD_DEBUG": "libs", "LD_DEBUG_OUTPUT": trace]
            )
            #expect(output.status == 1)
            #expect(output.error.contains("cannot listen at \(place)"), "\(output.error)")
            #expect(output.error.contains(reason), "\(output.error)")
            // The loader's account of the process: which libraries it has made ready, and which it has ended.
            let names = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
            let traces = try names.filter { $0.hasPrefix("trace\(number).") }.map {
                try String(contentsOfFile: scratch.path + "/" + $0, encoding: .utf8)
            }
            #expect(traces.contains { $0.contains("calling init") })
            #expect(!traces.contains { $0.contains("calling fini") })
        }
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "text")
        #expect(try served.client().run("PING") == .simple("PONG"))
    }

    @Test func `the file with a living server's number is not taken, that of an ended one is`() throws {
        let scratch = try Scratch()
        let pidFile = scratch.path + "/pid"
        let first = try ServedAsof(["--without-store", "--pid-file", pidFile])
        let place = "unix:\(scratch.path)/socket"
        let second = try AsofBinary.run(
            ["serve", "--without-store", "--listen", place, "--pid-file", pidFile],
            in: scratch.path
        )
        #expect(second.status == 1)
        #expect(second.error.contains("has the number of process \(first.pid), which runs"), "\(second.error)")
        #expect(try String(contentsOfFile: pidFile, encoding: .utf8) == "\(first.pid)\n")
        // What the second one made is gone with it.
        #expect(access(scratch.path + "/socket", F_OK) != 0)
        first.stop(SIGKILL)
        let third = try ServedAsof(["--without-store", "--pid-file", pidFile])
        #expect(try String(contentsOfFile: pidFile, encoding: .utf8) == "\(third.pid)\n")
        // A number that another program has by now is nobody's claim.
        #expect(third.stop().status == 0)
        _ = try scratch.write("pid", "\(getpid())\n")
        let fourth = try ServedAsof(["--without-store", "--pid-file", pidFile])
        #expect(try String(contentsOfFile: pidFile, encoding: .utf8) == "\(fourth.pid)\n")
    }

    @Test func `SIGHUP does not end a server that has just begun`() throws {
        let running = try AsofBinary.start(
            ["serve", "--without-store", "--listen", "127.0.0.1:0"],
            in: "/tmp",
            // Whoever runs the tests may ignore the signal that is looked for.
            shell: "exec env --default-signal=PIPE \"$0\" \"$@\""
        )
        let pid = running.process.processIdentifier
        defer { if running.process.isRunning { kill(pid, SIGKILL) } }
        // The first thing that the program does with signals, long before it listens, is to ignore SIGPIPE.
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end, running.process.isRunning, !Self.ignoresPipes(pid) {}
        kill(pid, SIGHUP)
        #expect(Patience.wait(seconds: 60) { running.errorSoFar.contains("SIGHUP") || !running.process.isRunning })
        kill(pid, SIGTERM)
        running.waitUntilExit()
        let output = running.output()
        #expect(output.status == 0)
        #expect(output.error.contains("SIGHUP: there are no files to read again"), "\(output.error)")
    }

    private static func ignoresPipes(_ pid: Int32) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8) else { return false }
        guard status.hasPrefix("Name:\tasof\n") else { return false }
        let line = status.split(separator: "\n").first { $0.hasPrefix("SigIgn:") }
        guard let line, let mask = UInt64(line.split(separator: "\t").last ?? "", radix: 16) else { return false }
        return mask >> UInt64(SIGPIPE - 1) & 1 == 1
    }
}
