package import PointInTime
package import Store

/// Rows that become visible together: what one command writes, or all the commands of a MULTI.
package struct RowWrite: Sendable {
    /// One command's share.
    package struct Item: Sendable {
        /// Of parts with the same view, entity and event time the later one counts.
        package var parts: [Part]
        package var source: SourceSequence?

        package init(parts: [Part], source: SourceSequence? = nil) {
            self.parts = parts
            self.source = source
        }
    }

    package struct Part: Sendable {
        package var view: StoredView
        /// Checked by ``RowChecks``; at least one.
        package var rows: ViewRows
        /// How the rows met the view's expectations, and how many beside them did not.
        package var tally: ExpectationTally

        package init(view: StoredView, rows: ViewRows, tally: ExpectationTally = ExpectationTally()) {
            self.view = view
            self.rows = rows
            self.tally = tally
        }
    }

    package var items: [Item]

    package init(_ items: [Item]) { self.items = items }

    package var rowCount: Int { items.reduce(0) { $0 + $1.rowCount } }
    /// About the memory that it takes while it waits.
    var byteCount: Int { items.reduce(ServingLimits.writeOverheadBytes) { $0 + $1.memoryBytes } }
}

extension RowWrite.Item {
    package var rowCount: Int { parts.reduce(0) { $0 + $1.rows.rowCount } }

    /// About how many bytes of memory it takes, with what each of its columns takes beside values.
    package var memoryBytes: Int {
        parts.reduce(0) { $0 + $1.rows.byteCount + $1.rows.columns.count * ServingLimits.columnOverheadBytes }
    }
}

/// A client's own numbering of its writes, by which a write that is sent again is known again.
package struct SourceSequence: Sendable, Hashable {
    package var source: SourceName
    /// Not negative; a write is stored only if its number is above all that its source has stored.
    package var sequence: Int64

    package init(source: String, sequence: Int64) {
        self.source = SourceName(source)
        self.sequence = sequence
    }
}

/// What became of a write that ended well.
package struct WriteReceipt: Sendable, Hashable {
    package struct Item: Sendable, Hashable {
        /// Whether the item's source had stored this number before; then nothing of it was stored now.
        package var isDuplicate: Bool
        /// The state that has the item's rows; for a duplicate that of its source's last write. 0 where it has
        /// no rows, or its position is not known.
        package var position: Int64

        package init(isDuplicate: Bool, position: Int64) {
            self.isDuplicate = isDuplicate
            self.position = position
        }
    }

    /// One for each of the write's items.
    package var items: [Item]
}

/// Why a write was not stored, or may not be.
package enum WriteFailure: Error, Sendable, Hashable {
    /// Nothing was stored; the same write may succeed later.
    case unavailable(String)
    /// The connection ended during COMMIT, and nobody could be asked since.
    case outcomeUnknown(String)
    /// Too much is waiting already.
    case full(String)
    /// A view is held by whoever changes or rebuilds it, or a row by an ingest.
    case timeout(String)
    /// The view's definition is another one by now; a write made for that may succeed.
    case viewChanged(name: String)
    /// Its number cannot be stored, or not before one that failed; why.
    case outOfOrder(String)
    /// The write itself cannot be stored, and never will be.
    case refused(String)
    /// Times that would open too many partitions.
    case times(String)
    /// This binary may not write to the store as it is now.
    case readOnly(String)
    /// The server's role lacks a privilege.
    case forbidden(String)
}

/// What a group commit stored, for whoever keeps latest values.
package struct CommittedRows: Sendable {
    package let state: LedgerState
    /// Whether this group made the state; `false` = it has only writes that were stored by then, maybe through another server.
    package let isOwn: Bool
    /// For each view the newest row of each of its entities, in the order of their keys.
    package let views: [(view: StoredView, rows: ViewRows)]
    /// Of each view, rows that were older than their entity's online row; views without any are left out.
    package let late: [(view: String, rows: Int)]
    /// Of each view that expects something, how the group's rows met that.
    package let tallies: [(view: String, tally: ExpectationTally)]
    /// Of each view of events all its rows, as they were submitted, by ``StoredView/id``.
    package var events: [Int32: ViewRows] = [:]
}
