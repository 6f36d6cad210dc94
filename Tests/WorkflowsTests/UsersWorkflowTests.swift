import Access
import Features
import Operations
import Store
import TestSupport
import Testing
import Workflows

/// Users of a store's servers, by calls.
@Suite struct UsersWorkflowTests {
    private static let password = Array("correct horse battery staple".utf8)

    private let store: TestStore
    private let open: OpenStore

    init() throws {
        store = try TestStore("entities: { user: { key: user_id, type: int64 } }")
        open = try OpenStore(store.conninfo, forWriting: true)
    }

    private func account(_ name: String) throws -> Account? {
        try open.users().map(\.account).first { $0.name == name }
    }

    private func head() throws -> Int64 { try store.head().position }

    @Test func `a user is added, may more and less, gets another password and goes, each at a position`() throws {
        #expect(try open.users().isEmpty)
        let (reader, writer) = (Grant(.reader), try Grant(.writer, names: "view:stats"))
        #expect(try open.addUser("ada", password: Self.password, [reader]) == head())
        #expect(try open.addUser("bob", password: Self.password, []) == head())
        #expect(try open.users().map(\.account.name) == ["ada", "bob"])
        let added = try #require(try account("ada"))
        #expect(added.grants == [reader] && added.previous == nil)
        #expect(try open.grant("ada", [writer]) == head())
        #expect(try Set(account("ada")?.grants ?? []) == [reader, writer])
        #expect(try open.revoke("ada", [reader]) == head())
        #expect(try account("ada")?.grants == [writer])

        #expect(try open.setPassword(of: "ada", Array("another".utf8), overlapSeconds: 60) == head())
        let overlapping = try #require(try account("ada"))
        #expect(overlapping.verifier != added.verifier && overlapping.previous?.verifier == added.verifier)
        #expect(try open.setPassword(of: "ada", Array("a third".utf8), overlapSeconds: 0) == head())
        #expect(try account("ada")?.previous == nil)
        #expect(try open.removeUser("ada") == head())
        #expect(try open.users().map(\.account.name) == ["bob"])
    }

    @Test func `passwords, names and rights that cannot be are refused, and take no position`() throws {
        try open.addUser("ada", password: Self.password, [Grant(.reader)])
        let before = try head()
        let verifier = try account("ada")?.verifier
        #expect(throws: WorkflowError.refused("the password is empty")) {
            try open.addUser("bob", password: [], [])
        }
        let letters = #expect(throws: WorkflowError.self) {
            try open.setPassword(of: "ada", Array("pässword".utf8), overlapSeconds: 0)
        }
        #expect("\(try #require(letters))".contains("not printable ASCII"))
        func refusal(_ body: () throws -> Void) -> String {
            let error = #expect(throws: StoreError.self, performing: body)
            return error.map { "\($0)" } ?? ""
        }
        let taken = refusal { try open.addUser("ada", password: Self.password, []) }
        #expect(taken.hasPrefix("there is a user 'ada' already"))
        #expect(refusal { try open.addUser("a b", password: Self.password, []) }.hasPrefix("the user's name 'a b'"))
        #expect(refusal { try open.removeUser("bob") }.contains("'bob'"))
        #expect(refusal { try open.grant("bob", [Grant(.reader)]) }.contains("'bob'"))
        #expect(refusal { try open.revoke("ada", [Grant(.admin)]) }.contains("ada"))
        #expect(try head() == before)
        #expect(try account("ada")?.verifier == verifier)
    }

    @Test func `who changed what is told, oldest first, from a time on and no more than is asked for`() throws {
        try open.addUser("ada", password: Self.password, [])
        let added = try #require(try open.audit(since: nil, limit: 100).last)
        let position = try open.grant("ada", [Grant(.reader)])
        let all = try open.audit(since: nil, limit: 100)
        #expect(all.count > 2 && zip(all, all.dropFirst()).allSatisfy { $0.at <= $1.at })
        let last = try #require(all.last)
        #expect(last.position == position && last.subject == "ada" && last.actor == nil)
        #expect("\(all)".contains("SCRAM") == false)
        #expect(try open.audit(since: nil, limit: 1) == [last])
        let since = Timestamp(microseconds: added.at.microseconds + 1)
        #expect(try open.audit(since: since, limit: 100).allSatisfy { $0.at >= since && $0 != added })
        #expect(try open.audit(since: since, limit: 100).contains(last))
    }

    @Test func `a run that is over changes nothing`() throws {
        let control = RunControl()
        let over = try OpenStore(store.conninfo, forWriting: true, control: control)
        try open.addUser("ada", password: Self.password, [])
        control.cancel()
        let before = try head()
        let calls: [() throws -> Void] = [
            { _ = try over.users() }, { _ = try over.addUser("bob", password: Self.password, []) },
            { _ = try over.setPassword(of: "ada", Self.password, overlapSeconds: 0) },
            { _ = try over.grant("ada", [Grant(.reader)]) }, { _ = try over.revoke("ada", [Grant(.reader)]) },
            { _ = try over.removeUser("ada") }, { _ = try over.audit(since: nil, limit: 1) },
        ]
        for call in calls { #expect(throws: WorkflowError.cancelled, performing: call) }
        #expect(try head() == before)
    }
}
