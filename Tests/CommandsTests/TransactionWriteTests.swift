import Features
import TestSupport
import Testing

@testable import Commands
@testable import Serving
@testable import Store
@testable import Wire

/// The writes of one transaction have the bounds of one FS.WRITE together.
@Suite struct TransactionWriteTests {
    /// A row takes 160 KiB, whatever its text is.
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          wide:
            entities: [user]
            missing: 'null'
            features: { n: int64, \((0..<40).map { "v\($0): vector(1024)" }.joined(separator: ", ")) }
        """
    private static let rowBytes = 40 * 1_024 * 4

    private static func words(_ line: String) -> [[UInt8]] { line.split(separator: " ").map { Array($0.utf8) } }

    private static func lines(_ count: Int) -> [[UInt8]] {
        let text = (0..<count).map { "wide,user_id=\($0) n=1i 1" }.joined(separator: "\n")
        return [Array("FS.WRITE".utf8), Array(text.utf8)]
    }

    @Test func `lines that become much are decoded on the writer's thread, as many as of one write`() throws {
        let store = try WrittenStore(Self.yaml)
        var allowance: WriteAllowance? = WriteAllowance()
        var writes: [PreparedWrite] = []
        var inlineRows = 0
        let each = 5
        for _ in 0..<ServingLimits.writeValueBytesMax / (each * Self.rowBytes) + 10 {
            let write = try #require(store.prepare(Self.lines(each), within: &allowance) as? PreparedWrite)
            if case .decoded(let decoded) = write.work { inlineRows += decoded.item.rowCount }
            writes.append(write)
        }
        #expect(inlineRows > 0)
        #expect(inlineRows * Self.rowBytes <= CommandLimits.inlineValueBytesMax)
        let replies = store.commit(writes)
        #expect(replies.count == writes.count)
        #expect(replies.filter { $0.hasPrefix("-FSLIMIT ") }.count == 1)
        #expect(replies.allSatisfy { $0.hasPrefix("-FSLIMIT ") || $0.contains("failed with FSLIMIT") })
        #expect(try store.store.head().position == 1)
    }

    @Test func `rows together have the bytes of one write, and behind them only numbers are looked at`() throws {
        let store = try WrittenStore(Self.yaml)
        var allowance: WriteAllowance? = WriteAllowance()
        var count = 0
        while count < 2_000, store.prepare(Self.words("FS.DEL wide 1 \(count + 1)"), within: &allowance) != nil {
            count += 1
        }
        // The one that goes beyond is the last.
        #expect(count > 1_000)
        #expect((count - 1) * Self.rowBytes < ServingLimits.writeValueBytesMax)
        let refused = store.prepare(Self.words("FS.DEL wide 1 1 SOURCE s SEQ 7"), within: &allowance) as? PreparedWrite
        #expect(refused?.refusal?.code == .limit)
        #expect(refused?.source == SourceSequence(source: "s", sequence: 7))
        let lines = store.prepare(Self.lines(1) + Self.words("SOURCE s SEQ 8"), within: &allowance) as? PreparedWrite
        #expect(lines?.refusal?.code == .limit)
        #expect(lines?.source == SourceSequence(source: "s", sequence: 8))
    }

    @Test func `lines of a transaction have the bytes of the text of one write`() throws {
        let store = try WrittenStore(Self.yaml)
        var allowance: WriteAllowance? = WriteAllowance()
        let text = Array(repeating: UInt8(ascii: "#"), count: ServingLimits.writeBytesMax / 4)
        for _ in 0..<4 {
            #expect(store.prepare([Array("FS.WRITE".utf8), text], within: &allowance) != nil)
        }
        let more = Array(repeating: UInt8(ascii: "#"), count: CommandLimits.inlineBytesMax + 1)
        #expect(store.prepare([Array("FS.WRITE".utf8), more], within: &allowance) == nil)
    }

    @Test func `the replies of a transaction tell so many errors of its points together`() throws {
        let store = try WrittenStore(Self.yaml)
        var allowance: WriteAllowance? = WriteAllowance()
        let bad = String(repeating: "x\n", count: 150)
        let good = "wide,user_id=1 n=1i 1\n"
        var writes: [PreparedWrite] = []
        for _ in 0..<120 {
            let words = ["FS.WRITE", bad + good, "PARTIAL"].map { Array($0.utf8) }
            writes.append(try #require(store.prepare(words, within: &allowance) as? PreparedWrite))
        }
        let replies = store.commit(writes)
        let told = replies.map { $0.ranges(of: "|FSPARSE|").count }
        #expect(told == Array(repeating: 100, count: 100) + Array(repeating: 0, count: 20))
        // How many there were is told in any case.
        #expect(replies.allSatisfy { $0.contains("accepted|:1|$8|rejected|:150|") }, "\(replies.last ?? "")")
    }
}
