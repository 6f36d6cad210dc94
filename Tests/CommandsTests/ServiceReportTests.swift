import Testing

@testable import Commands

/// What a service manager is told, message by message.
@Suite struct ServiceReportTests {
    private static func look(
        loading: Bool = false,
        _ status: String = "serving",
        turning: Bool = true
    )
        -> ServiceReport.Look
    {
        ServiceReport.Look(isLoading: loading, status: status, isTurning: turning)
    }

    @Test func `a server is ready once, when its latest values are there`() {
        var report = ServiceReport(watchdogUs: nil)
        let first = report.looked(Self.look(loading: true, "loading 40 %"), atMs: 0)
        #expect(first == ["STATUS=loading 40 %", "EXTEND_TIMEOUT_USEC=60000000"])
        #expect(report.looked(Self.look(loading: true, "loading 40 %"), atMs: 200).isEmpty)
        #expect(report.looked(Self.look(loading: true, "loading 80 %"), atMs: 400) == ["STATUS=loading 80 %"])
        #expect(report.looked(Self.look(), atMs: 600) == ["STATUS=serving", "READY=1"])
        #expect(report.looked(Self.look(), atMs: 800).isEmpty)
        // It loads anew, as after a restore: the service goes on.
        #expect(report.looked(Self.look(loading: true, "loading 0 %"), atMs: 1_000) == ["STATUS=loading 0 %"])
        #expect(report.looked(Self.look(), atMs: 1_200) == ["STATUS=serving"])
    }

    @Test func `a start that goes on is given more time, each ten seconds; one that stands still is not`() {
        var report = ServiceReport(watchdogUs: nil)
        let loading = Self.look(loading: true, "loading")
        #expect(report.looked(loading, atMs: 5) == ["STATUS=loading", "EXTEND_TIMEOUT_USEC=60000000"])
        #expect(report.looked(loading, atMs: 10_004).isEmpty)
        #expect(report.looked(loading, atMs: 10_005) == ["EXTEND_TIMEOUT_USEC=60000000"])
        let still = Self.look(loading: true, "loading", turning: false)
        #expect(report.looked(still, atMs: 30_000).isEmpty)
    }

    @Test func `signs of life come at a third of the interval, and not while an event loop stands still`() {
        var report = ServiceReport(watchdogUs: 30_000_000)
        #expect(report.watchdogEveryMs == 10_000)
        #expect(report.looked(Self.look(), atMs: 0) == ["STATUS=serving", "READY=1", "WATCHDOG=1"])
        #expect(report.looked(Self.look(), atMs: 9_999).isEmpty)
        #expect(report.looked(Self.look(), atMs: 10_000) == ["WATCHDOG=1"])
        #expect(report.looked(Self.look(turning: false), atMs: 20_000).isEmpty)
        #expect(report.looked(Self.look(turning: false), atMs: 90_000).isEmpty)
        #expect(report.looked(Self.look(), atMs: 90_001) == ["WATCHDOG=1"])
    }

    @Test func `a reload is told with its clock; before the server is ready it is not, since READY ends it`() {
        var report = ServiceReport(watchdogUs: nil)
        _ = report.looked(Self.look(loading: true, "loading"), atMs: 0)
        #expect(report.reloadBegan(monotonicUs: 5).isEmpty && report.reloadEnded().isEmpty)
        _ = report.looked(Self.look(), atMs: 1)
        #expect(report.reloadBegan(monotonicUs: 5) == ["RELOADING=1", "MONOTONIC_USEC=5"])
        #expect(report.reloadEnded() == ["READY=1"])
    }

    @Test func `nothing is told after the end has begun`() {
        var report = ServiceReport(watchdogUs: 1_000)
        _ = report.looked(Self.look(), atMs: 0)
        #expect(report.stopBegan() == ["STOPPING=1", "STATUS=answering what was received, then ending"])
        #expect(report.looked(Self.look(loading: true, "loading"), atMs: 1_000).isEmpty)
        #expect(report.reloadBegan(monotonicUs: 9).isEmpty && report.reloadEnded().isEmpty)
    }

    @Test func `a message that was not delivered is said again`() {
        let report = ServiceReport(watchdogUs: nil)
        var lost = report
        #expect(lost.looked(Self.look(), atMs: 0).contains("READY=1"))
        var again = report
        #expect(again.looked(Self.look(), atMs: 200).contains("READY=1"))
    }

    @Test func `a name with a line end is no second assignment`() {
        var report = ServiceReport(watchdogUs: nil)
        let lines = report.looked(Self.look(loading: true, "view 'a\nREADY=1\u{7F}'"), atMs: 0)
        #expect(lines.first == "STATUS=view 'a READY=1 '")
        let long = report.looked(Self.look(loading: true, String(repeating: "ä", count: 900)), atMs: 1)
        #expect(long.first?.count == "STATUS=".count + 300)
    }
}
