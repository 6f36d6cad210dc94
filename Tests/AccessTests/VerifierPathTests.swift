import Testing

@testable import Access

/// What a wrong password costs, whoever it is given for.
@Suite struct VerifierPathTests {
    private static func verifier(_ password: String) -> ScramVerifier { ScramVerifier(password: Array(password.utf8)) }

    private static let rotated = Account(
        id: 2,
        name: "bob",
        verifier: verifier("new"),
        previous: Account.Previous(verifier: verifier("old"), untilUs: .max),
        grants: []
    )
    private static let ended = Account(
        id: 3,
        name: "eve",
        verifier: verifier("new"),
        previous: Account.Previous(verifier: verifier("old"), untilUs: 1),
        grants: []
    )

    @Test func `a password is compared as often, and as dearly, for nobody as for a user, rotated or not`() {
        let access = AccessControl()
        let ada = Account(id: 1, name: "ada", verifier: Self.verifier("right"), grants: [])
        let all = [nil, ada, Self.rotated, Self.ended].map { access.tried(access.verifiers($0)) }
        for verifiers in all {
            #expect(verifiers.count == AccessLimits.verifiersTried)
            #expect(verifiers.allSatisfy { $0.iterations == AccessLimits.iterations })
        }
        // What stands beside a user's is nobody's.
        for guess in ["", "right", "old", "new"] { #expect(all[0].allSatisfy { !$0.matches(Array(guess.utf8)) }) }
        #expect(all[2].filter { $0.matches(Array("old".utf8)) }.count == 1)
        #expect(all[3].filter { $0.matches(Array("old".utf8)) }.isEmpty)
    }

    @Test func `bytes are equal where all are, wherever they differ`() {
        let bytes = [UInt8](0..<32)
        #expect(ScramVerifier.areEqual(bytes, bytes))
        for place in bytes.indices {
            var other = bytes
            other[place] ^= 0x80
            #expect(!ScramVerifier.areEqual(bytes, other), "\(place)")
        }
        #expect(!ScramVerifier.areEqual(bytes, Array(bytes.dropLast())) && !ScramVerifier.areEqual([], bytes))
    }

    @Test func `a password beyond what there can be is a failure that counts`() {
        let access = AccessControl(clock: { 5_000_000 })
        access.replace([Self.rotated])
        let long = [UInt8](repeating: 65, count: AccessLimits.passwordBytesMax + 1)
        for _ in 0..<AccessLimits.failuresMax {
            guard
                case .decided(.refused(AccessControl.wrong)) = access.attempt(
                    user: "bob",
                    password: long.span,
                    address: "192.0.2.1:5"
                )
            else {
                Issue.record("it is not refused at once")
                return
            }
        }
        #expect(access.counts.failures == Int64(AccessLimits.failuresMax) && access.counts.limited == 0)
        guard
            case .decided(.refused(let text)) = access.attempt(user: "bob", password: long.span, address: "192.0.2.1:6")
        else {
            Issue.record("it is not refused")
            return
        }
        #expect(text.hasPrefix("WRONGPASS too many failed attempts"))
        #expect(access.counts.limited == 1)
    }
}
