import Postgres
import TestSupport
import Testing

@testable import Serving
@testable import Store

/// Numbers that come again over sockets: on other connections, at another server.
@Suite struct ReconnectOrderTests {
    struct Way: Sendable, CustomTestStringConvertible {
        let flaw: OrderWish.Flaw
        /// That the client connects to anew.
        let server: Int
        var testDescription: String { "\(flaw), server \(server)" }
    }

    static let ways = OrderWish.Flaw.allCases.flatMap { [Way(flaw: $0, server: 0), Way(flaw: $0, server: 1)] }

    private func wish(_ number: Int64, _ flaw: OrderWish.Flaw? = nil) -> [String] {
        OrderWish(id: number, view: "stats", also: "wide", user: 1, time: 1, flaw: flaw, number: number)
            .words(source: "s")
    }

    @Test(arguments: ways)
    func `7 fails, the client connects anew and sends 8, and then 7 again`(way: Way) throws {
        let scene = try OrderScene()
        defer { scene.stop() }
        let first = try scene.servers[0].connect()
        #expect(first.send(wish(6)).wait().isDuplicate == false)
        guard case .refused = first.send(wish(7, way.flaw)).wait().failure else {
            Issue.record("7 was not refused")
            return
        }
        let behind = first.send(wish(8)).wait().failure
        let comesBehind = """
            source 's': SEQ 8 comes behind 7, which failed on this connection; send 7 again first, or give it up by an FS.WRITE \
            of no lines under it
            """
        #expect(behind == .outOfOrder(comesBehind))
        let second = try scene.servers[way.server].connect()
        #expect(second.send(wish(8)).wait().isDuplicate == false)
        let third = try scene.servers[1 - way.server].connect()
        for connection in [second, first, third] {
            #expect(
                connection.send(wish(7)).wait().failure
                    == .outOfOrder("source 's': SEQ 7 was not stored and 8 was; send its rows under a new number")
            )
            #expect(connection.send(wish(6)).wait().isDuplicate == true)
            #expect(connection.send(wish(8)).wait().isDuplicate == true)
        }
        // 7 cannot come any more, and keeps nothing back.
        #expect(first.send(wish(9)).wait().isDuplicate == false)
        for connection in [first, second, third] { connection.end() }
        let rows = try scene.store.session.query(
            "SELECT string_agg(clicks::text, ' ' ORDER BY clicks) FROM history.stats WHERE user_id < 0"
        )
        #expect(rows.text(0, 0) == "6 8 9")
        #expect(try scene.store.violations() == [])
    }
}
