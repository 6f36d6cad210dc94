import Features
import PointInTime
import TestSupport

@testable import Serving
@testable import Store

/// What a client wants stored; it may be sent several times.
final class OrderWish {
    /// Why a wish cannot be stored.
    enum Flaw: CaseIterable {
        /// PostgreSQL refuses a row of it.
        case tooWide
        /// A line is none.
        case line
        /// An option is none, so that the command is refused before its lines are looked at.
        case option
    }

    let id: Int64
    /// A client and the rows that it shares with others: whose write came last can be seen in them.
    let view: String
    /// A second view in which it is to be, too.
    let also: String?
    let user: Int64
    let time: Int64
    let flaw: Flaw?
    /// `nil` = sent once, without a number.
    var number: Int64?
    var attempts: [Attempt] = []
    /// Writes of no lines under its number.
    var givingUp: [Attempt] = []
    var isSettled = false

    struct Attempt {
        let connection: Int64
        /// Ascending over all that a run sends.
        let order: Int
        let number: Int64?
        let answer: WriterFixture.Answer
    }

    init(id: Int64, view: String, also: String?, user: Int64, time: Int64, flaw: Flaw?, number: Int64?) {
        self.id = id
        self.view = view
        self.also = also
        self.user = user
        self.time = time
        self.flaw = flaw
        self.number = number
    }

    /// A row that nobody else writes tells whether the wish is stored; one that others write, too, who was last.
    private var rows: [(view: String, user: Int64, time: Int64)] {
        var rows = [(view: view, user: -id, time: Int64(1)), (view: view, user: user, time: time)]
        if let also { rows.append((view: also, user: -id, time: 1)) }
        return rows
    }

    /// For the writer itself, which knows no lines and options.
    func parts(_ fixture: WriterFixture) -> [RowWrite.Part] {
        var parts = rows.map { view, user, time in
            let row =
                view == "wide"
                ? HistoryRow([.string("\(user)"), .string("b")], at: time * 1_000_000, [.int64(id)])
                : HistoryRow([.int64(user)], at: time * 1_000_000, [.int64(id), .float64(0)])
            return fixture.part(view, [row])
        }
        if flaw != nil { parts.append(fixture.part("wide", [GroupWriterTests.tooWide])) }
        return parts
    }

    /// The same as FS.WRITE.
    func words(source: String) -> [String] {
        var lines = rows.map { view, user, time in
            view == "wide"
                ? "wide,a=\(user),b=b n=\(id)i \(time)" : "\(view),user_id=\(user) clicks=\(id)i,ctr=0 \(time)"
        }
        if flaw == .tooWide { lines.append(Self.tooWide) }
        if flaw == .line { lines.append("stats") }
        let precision = flaw == .option ? "week" : "s"
        let words = ["FS.WRITE", lines.joined(separator: "\n"), "ALLOW1970", "PRECISION", precision]
        return words + (number.map { ["SOURCE", source, "SEQ", "\($0)"] } ?? [])
    }

    private static let tooWide: String = {
        var random = SeededRandom(seed: 1)
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        func text() -> String { String((0..<1_900).map { _ in letters[random.int(0...letters.count - 1)] }) }
        return "wide,a=\(text()),b=\(text()) n=1i 1"
    }()
}
