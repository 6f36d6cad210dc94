import Features
package import Online
import Wire

/// The rows that a request's keys lead to: for each entity or request row, one row a role.
///
/// Valid while the memories that they lie in are locked.
package struct FoundRows: ~Copyable {
    let rowCount: Int
    let roleCount: Int
    /// As of when: µs, at which TTLs count, and which expressions know as label time.
    let time: Int64
    /// Gets why the rows are not to be shown; `nil` where nothing of the kind can be.
    let refusal: RowRefusal?
    /// Each role's row of each request row, role by role within a row; `nil` = none.
    private let found: UnsafeMutablePointer<UnsafeRawPointer?>
    /// As ``found``, and `nil` where the row has no values to show: a tombstone, or older than the TTL.
    private let shown: UnsafeMutablePointer<UnsafeRawPointer?>

    package init(rowCount: Int, roleCount: Int, time: Int64 = 0, refusal: RowRefusal? = nil) {
        self.rowCount = rowCount
        self.refusal = refusal
        self.roleCount = roleCount
        self.time = time
        found = .allocate(capacity: rowCount * roleCount * 2)
        shown = found + rowCount * roleCount
        found.initialize(repeating: nil, count: rowCount * roleCount * 2)
    }

    deinit { found.deallocate() }

    /// - Parameter index: row × roles + role.
    func set(_ index: Int, _ row: PackedRow?) {
        // Safe: callers count rows and roles as they were given.
        found[index] = row?.base
    }

    /// Takes a row that is shown whatever it says.
    func show(_ row: Int, role: Int, _ packed: PackedRow?) {
        found[row &* roleCount &+ role] = packed?.base
        shown[row &* roleCount &+ role] = packed?.base
    }

    /// Whether a role's rows are all of event times up to a time; one that is not there counts as such.
    func isWithin(_ time: Int64, roles: Range<Int>) -> Bool {
        for row in 0..<rowCount {
            for role in roles {
                if let base = found[row &* roleCount &+ role], PackedRow(base: base).eventTime > time { return false }
            }
        }
        return true
    }

    /// What reads of a role came to.
    struct Counts {
        var hits = 0
        var misses = 0
        var expired = 0
    }

    /// Decides which rows of a role are shown.
    /// - Parameter earliest: the event time, µs, from which on a row has not expired.
    func show(role: Int, earliest: Int64) -> Counts {
        var counts = Counts()
        var index = role
        for _ in 0..<rowCount {
            if let base = found[index], !PackedRow(base: base).isDeleted {
                if PackedRow(base: base).eventTime >= earliest {
                    shown[index] = base
                    counts.hits &+= 1
                } else {
                    counts.expired &+= 1
                }
            } else {
                counts.misses &+= 1
            }
            index &+= roleCount
        }
        return counts
    }

    /// One row a role.
    func row(_ row: Int) -> UnsafePointer<UnsafeRawPointer?> { UnsafePointer(shown + row &* roleCount) }

    /// The found row, shown or not.
    package func found(_ row: Int, role: Int) -> PackedRow? {
        found[row &* roleCount &+ role].map { PackedRow(base: $0) }
    }

    package func shown(_ row: Int, role: Int) -> PackedRow? {
        shown[row &* roleCount &+ role].map { PackedRow(base: $0) }
    }

    func status(_ row: Int, _ field: RowPlan.Field) -> ValueStatus {
        if shown[row &* roleCount &+ field.origin] != nil, let base = shown[row &* roleCount &+ field.role] {
            return field.isNull(base) ? .null : .present
        }
        guard let row = found(row, role: field.origin), !row.isDeleted else { return .missing }
        return .expired
    }
}

/// Why rows are not shown, found out while they are computed. Of one request, on the thread that answers it.
package final class RowRefusal {
    var fault: CommandFault?

    init() {}
}

extension RowPlan.Field {
    @inline(__always)
    func isNull(_ base: UnsafeRawPointer) -> Bool {
        base.load(fromByteOffset: nullByte, as: UInt8.self) & nullBit != 0
    }
}
