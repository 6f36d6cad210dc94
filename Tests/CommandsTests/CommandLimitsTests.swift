import Testing

@testable import Commands
@testable import Reading

@Suite struct CommandLimitsTests {
    @Test func `limits fit one another`() {
        CommandLimits.check()
        ReadingLimits.check()
    }
}
