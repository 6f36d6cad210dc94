import Testing

@testable import Postgres

/// What `--password-command` printed, while it is used again.
@Suite struct KeptPasswordTests {
    @Test func `a password is kept for ten minutes and no longer, and not once it was refused`() {
        var kept = KeptPassword()
        let start = ContinuousClock.now
        #expect(kept.password(at: start) == nil)
        kept.keep("first", at: start)
        #expect(kept.password(at: start) == "first")
        #expect(kept.password(at: start + .milliseconds(599_999)) == "first")
        #expect(kept.password(at: start + .seconds(600)) == nil)
        kept.keep("second", at: start + .seconds(600))
        #expect(kept.password(at: start + .seconds(1_199)) == "second")
        kept.forget()
        #expect(kept.password(at: start + .seconds(601)) == nil)
    }
}
