import Testing

@testable import EmbeddedPostgres

@Suite struct ClusterLimitsTests {
    @Test func `limits fit one another`() { ClusterLimits.check() }
}
