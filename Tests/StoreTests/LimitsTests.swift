import Testing

@testable import Store

@Suite struct LimitsTests {
    @Test func `limits fit one another`() { Limits.check() }
}
