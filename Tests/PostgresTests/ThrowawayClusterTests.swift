import TestSupport
import Testing

@testable import Postgres

@Suite(.serialized)
struct ThrowawayClusterTests {
    @Test func `databases of one shared server are apart`() throws {
        let cluster = try ThrowawayCluster.shared()
        let (one, two) = (try cluster.database(), try cluster.database())
        #expect(ask(one, "CREATE TABLE t AS SELECT 1; SELECT count(*) FROM t") == "1")
        #expect(ask(two, "SELECT to_regclass('t') IS NULL") == "t")
    }

    @Test(arguments: [(ThrowawayCluster.Collation.bytewise, "Bab"), (.libc("C.UTF-8"), "Bab"), (.icu("en-US"), "abB")])
    func `a database has the collation asked for`(collation: ThrowawayCluster.Collation, order: String) throws {
        if case .icu = collation, !ThrowawayCluster.hasICU { return }
        let conninfo = try ThrowawayCluster.shared().database(collation)
        let sql = "SELECT string_agg(x, '' ORDER BY x) FROM (VALUES ('b'), ('B'), ('a')) v (x)"
        #expect(ask(conninfo, sql) == order)
    }

    @Test func `a standby follows, and a crash loses nothing`() throws {
        let primary = try ThrowawayCluster.start(settings: ["max_connections = 17"])
        #expect(try primary.execute("SHOW max_connections") == "17")
        let standby = try primary.standby()
        try primary.execute("CREATE TABLE t AS SELECT 42 AS x")
        #expect(try primary.waitForReplay(by: standby))
        #expect(try standby.execute("SELECT x FROM t") == "42")
        #expect(try standby.execute("SELECT pg_is_in_recovery()") == "t")
        primary.crash()
        #expect(primary.server == nil)
        try primary.start()
        #expect(try primary.execute("SELECT x FROM t") == "42")
        standby.stop()
        primary.stop()
    }
}
