import Access
import Synchronization
import Testing

@Suite struct AccessControlTests {
    private static func account(
        _ name: String,
        id: Int64 = 1,
        password: String = "right",
        previous: Account.Previous? = nil,
        _ grants: [Grant] = [Grant(.reader)]
    ) -> Account {
        Account(id: id, name: name, verifier: Self.verifier(password), previous: previous, grants: grants)
    }

    /// With few iterations, which a verifier may have.
    private static func verifier(_ password: String) -> ScramVerifier {
        ScramVerifier(password: Array(password.utf8), salt: [1, 2, 3], iterations: 2)
    }

    private enum Outcome: Equatable {
        case accepted(Caller)
        case refused(String)
    }

    private func attempt(
        _ access: AccessControl,
        _ user: String,
        _ password: String,
        from address: String = "192.0.2.1:5"
    ) async -> Outcome {
        switch access.attempt(user: user, password: Array(password.utf8).span, address: address) {
        case .decided(.accepted(let caller)): return .accepted(caller)
        case .decided(.refused(let text)): return .refused(text)
        case .undecided: break
        }
        return await withCheckedContinuation { continuation in
            access.verify(user: user, password: Array(password.utf8), address: address) { verdict in
                switch verdict {
                case .accepted(let caller): continuation.resume(returning: .accepted(caller))
                case .refused(let text): continuation.resume(returning: .refused(text))
                }
            }
        }
    }

    private func name(_ outcome: Outcome) -> String? {
        if case .accepted(let caller) = outcome { caller.name } else { nil }
    }

    @Test func `without users and password everybody is the default user`() async {
        let access = AccessControl()
        #expect(access.isOpen)
        #expect(await attempt(access, "default", "anything") == .accepted(.unrestricted))
        #expect(await attempt(access, "somebody", "anything") == .refused(AccessControl.wrong))
        #expect(access.replace([]) == false)
        #expect(access.isOpen)
    }

    @Test func `a user comes in by its password, and an unknown one is told the same as a wrong password`() async {
        let access = AccessControl()
        access.replace([Self.account("ada")])
        #expect(!access.isOpen)
        #expect(name(await attempt(access, "ada", "right")) == "ada")
        // The second time without the milliseconds.
        #expect(name(await attempt(access, "ada", "right")) == "ada")
        #expect(await attempt(access, "ada", "wrong") == .refused(AccessControl.wrong))
        #expect(await attempt(access, "bob", "right") == .refused(AccessControl.wrong))
        #expect(await attempt(access, "default", "right") == .refused(AccessControl.wrong))
        #expect(access.counts.failures == 3)
        #expect(access.counts.users == 1)
    }

    @Test func `the password of a file lets the default user in beside the users`() async {
        let access = AccessControl(password: Password(Array("file".utf8)))
        #expect(!access.isOpen)
        access.replace([Self.account("ada"), Self.account("default", id: 2, password: "other")])
        #expect(await attempt(access, "default", "file") == .accepted(.unrestricted))
        #expect(await attempt(access, "default", "other") == .refused(AccessControl.wrong))
        #expect(name(await attempt(access, "ada", "right")) == "ada")
        #expect(access.renewed(.unrestricted) == .unrestricted)
    }

    @Test func `when the first user comes, whoever came in without one has to go`() {
        let access = AccessControl()
        let before = access.generation
        #expect(access.replace([Self.account("ada")]))
        #expect(access.generation != before)
        #expect(access.renewed(.unrestricted) == nil)
    }

    @Test func `when the last user goes, nobody comes in`() async throws {
        let access = AccessControl()
        access.replace([Self.account("ada")])
        let caller = try #require(access.caller(named: "ada"))
        #expect(access.replace([]))
        #expect(!access.isOpen)
        #expect(access.renewed(caller) == nil)
        #expect(await attempt(access, "default", "") == .refused(AccessControl.wrong))
        #expect(await attempt(access, "ada", "right") == .refused(AccessControl.wrong))
    }

    /// What happens to somebody who is in when an account changes.
    struct Change: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var now: [Account]
        var stays: Bool
    }

    static let changes: [Change] = [
        Change(testDescription: "nothing changes", now: [account("ada")], stays: true),
        Change(testDescription: "removed", now: [], stays: false),
        Change(testDescription: "removed and added anew", now: [account("ada", id: 9)], stays: false),
        Change(testDescription: "more rights", now: [account("ada", [Grant(.reader), Grant(.writer)])], stays: true),
        Change(testDescription: "other rights", now: [account("ada", [Grant(.writer)])], stays: false),
        Change(
            testDescription: "fewer names",
            now: [account("ada", [Grant(.reader, kind: nil, pattern: "a*")])],
            stays: false
        ),
        Change(
            testDescription: "another password, the old one valid for a while",
            now: [
                account(
                    "ada",
                    password: "new",
                    previous: Account.Previous(verifier: verifier("right"), untilUs: .max)
                )
            ],
            stays: true
        ),
        Change(testDescription: "another password at once", now: [account("ada", password: "new")], stays: false),
        Change(testDescription: "another user comes", now: [account("ada"), account("bob", id: 2)], stays: true),
    ]

    @Test("whoever is in stays as long as nothing is taken from it", arguments: changes)
    func stays(change: Change) throws {
        let access = AccessControl()
        access.replace([Self.account("ada")])
        let caller = try #require(access.caller(named: "ada"))
        access.replace(change.now)
        #expect((access.renewed(caller) != nil) == change.stays)
        #expect(access.renewed(caller)?.rights.map(\.grants) == (change.stays ? change.now[0].grants : nil))
    }

    @Test func `two passwords are valid while they overlap, and one afterwards`() async {
        let access = AccessControl()
        func rotated(until: Int64) -> Account {
            Self.account(
                "ada",
                password: "new",
                previous: Account.Previous(verifier: Self.verifier("right"), untilUs: until)
            )
        }
        access.replace([rotated(until: .max)])
        #expect(name(await attempt(access, "ada", "new")) == "ada")
        #expect(name(await attempt(access, "ada", "right")) == "ada")
        access.replace([rotated(until: 1)])
        #expect(name(await attempt(access, "ada", "new")) == "ada")
        #expect(await attempt(access, "ada", "right") == .refused(AccessControl.wrong))
    }

    @Test func `a password that was found right is not remembered beyond its change`() async {
        let access = AccessControl()
        access.replace([Self.account("ada")])
        #expect(name(await attempt(access, "ada", "right")) == "ada")
        access.replace([Self.account("ada", password: "new")])
        #expect(await attempt(access, "ada", "right") == .refused(AccessControl.wrong))
    }

    @Test func `an address that was wrong too often waits, right or wrong, and others do not`() async {
        let logged = Mutex<[String]>([])
        // Far from 0, where nothing was logged yet.
        let nowMs = Atomic<Int64>(5_000_000)
        let access = AccessControl(
            clock: { nowMs.load(ordering: .relaxed) },
            log: { line in logged.withLock { $0.append(line) } }
        )
        access.replace([Self.account("ada")])
        for _ in 0..<AccessLimits.failuresMax {
            #expect(await attempt(access, "ada", "wrong") == .refused(AccessControl.wrong))
        }
        guard case .refused(let text) = await attempt(access, "ada", "right", from: "192.0.2.1:77") else {
            Issue.record("it came in")
            return
        }
        #expect(text.hasPrefix("WRONGPASS too many failed attempts from this address; try again in"))
        #expect(name(await attempt(access, "ada", "right", from: "192.0.2.2:5")) == "ada")
        #expect(access.counts.failures == Int64(AccessLimits.failuresMax))
        #expect(access.counts.limited == 1)
        // Time makes up for it.
        nowMs.add(Int64(AccessLimits.failureSeconds) * 1_000 + 1_000, ordering: .relaxed)
        let again = access.attempt(user: "ada", password: Array("right".utf8).span, address: "192.0.2.1:8")
        guard case .decided(.accepted) = again else {
            Issue.record("\(again)")
            return
        }
        #expect(logged.withLock { $0 } == ["too many failed passwords from 192.0.2.1:77: it has to wait"])
    }

    @Test func `behind one address one user's failures are not another's, and all together have an end`() async {
        let access = AccessControl(password: Password(Array("file".utf8)), clock: { 5_000_000 })
        access.replace([Self.account("ada"), Self.account("bob", id: 2)])
        for _ in 0..<AccessLimits.failuresMax { _ = await attempt(access, "ada", "wrong") }
        #expect(name(await attempt(access, "ada", "right")) == nil)
        #expect(name(await attempt(access, "bob", "right")) == "bob")
        #expect(await attempt(access, "default", "file") == .accepted(.unrestricted))
        await withTaskGroup { group in
            for number in AccessLimits.failuresMax..<AccessLimits.addressFailuresMax {
                group.addTask { _ = await attempt(access, "nobody\(number)", "wrong") }
            }
        }
        #expect(name(await attempt(access, "bob", "right")) == nil)
        #expect(await attempt(access, "default", "file") != .accepted(.unrestricted))
        #expect(name(await attempt(access, "bob", "right", from: "192.0.2.9:5")) == "bob")
    }

    @Test func `a user's wrong password is not answered at once, and neither is nobody's`() {
        let access = AccessControl(password: Password(Array("file".utf8)))
        access.replace([Self.account("ada")])
        for user in ["ada", "nobody"] {
            let outcome = access.attempt(user: user, password: Array("wrong".utf8).span, address: "192.0.2.1:5")
            guard case .undecided = outcome else {
                Issue.record("\(user): \(outcome)")
                continue
            }
        }
    }

    @Test func `one network of IPv6 is one address`() async {
        let access = AccessControl(clock: { 5_000_000 })
        access.replace([Self.account("ada")])
        for host in 0..<AccessLimits.failuresMax {
            _ = await attempt(access, "ada", "wrong", from: "[2001:db8:1:2:\(host)::1]:5")
        }
        #expect(await attempt(access, "ada", "right", from: "[2001:db8:1:2::99]:5") != .accepted(.unrestricted))
        #expect(name(await attempt(access, "ada", "right", from: "[2001:db8:1:3::99]:5")) == "ada")
        #expect(access.counts.limited == 1)
    }
}

@Suite struct GrantTests {
    @Test(arguments: [
        ("clicks_*", nil as NameKind?, "clicks_*"), ("view:a?", .view, "a?"), ("service:*", .service, "*"),
        ("model:m", .model, "m"), ("*", nil, "*"), ("[a-c]x", nil, "[a-c]x"),
    ])
    func `names of a grant`(text: String, kind: NameKind?, pattern: String) throws {
        let grant = try Grant(.reader, names: text)
        #expect(grant == Grant(.reader, kind: kind, pattern: pattern))
        #expect(grant.names == text)
    }

    @Test(arguments: ["", "view:", "table:x", "a b", "a'b", "view:a:b", String(repeating: "a", count: 65), "a\nb"])
    func `what is no pattern of names is refused`(text: String) {
        let error = #expect(throws: GrantError.self) { try Grant(.reader, names: text) }
        #expect(error?.reason.contains("expected clicks_*") == true)
    }

    @Test func `an admin is one for everything`() {
        #expect(throws: GrantError.self) { try Grant(.admin, names: "clicks_*") }
        #expect(throws: Never.self) { try Grant(.admin, names: "*") }
    }

    @Test func `names of users are plain`() {
        for name in ["ada", "svc-1.prod@example.org", "A_b"] { #expect(Account.refusal(of: name) == nil, "\(name)") }
        for name in [
            "", "1a", "a b", "a'", "a\"", "ä", "-a", "a\n", String(repeating: "a", count: 64), "a;DROP", "a$b",
        ] {
            #expect(Account.refusal(of: name) != nil, "\(name)")
        }
    }
}
