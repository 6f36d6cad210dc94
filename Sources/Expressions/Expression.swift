package import Features
package import PointInTime

/// A derived column's text, checked: a subset of PostgreSQL's expressions, docs/reference/expressions.md.
///
/// Pure: the same columns give the same bits, on one machine with one libm and tzdata (``ExpressionVersion``).
package struct Expression: Sendable {
    /// What `evaluate` gives.
    package let type: FeatureType
    /// The one spelling of all texts that differ in blanks, case of keywords, or parentheses that change nothing; it has the
    /// same tree.
    package let normalized: String
    /// The places in the scope that it reads, ascending.
    package let inputs: [Int]
    private let node: Node
    /// What `node` reads, by its numbers.
    private let reads: [(place: Int, type: FeatureType)]
    private let localCount: Int

    /// - Throws: the first fault, with its place in `text`.
    package init(_ text: String, scope: ExpressionScope) throws(ExpressionError) {
        let bytes = Array(text.utf8)
        do throws(Fault) {
            try self.init(bytes, scope)
        } catch {
            throw ExpressionError(error.message, at: error.offset, in: bytes)
        }
    }

    private init(_ bytes: [UInt8], _ scope: ExpressionScope) throws(Fault) {
        let limit = ExpressionLimits.textBytesMax
        guard bytes.count <= limit else {
            throw Fault("the expression has \(bytes.count) bytes; \(limit) are allowed", at: limit)
        }
        let tree = try Parser.parse(bytes)
        normalized = SyntaxWriter.text(of: tree)
        guard normalized.utf8.count <= limit else {
            throw Fault(
                "the expression has \(normalized.utf8.count) bytes once blanks are even; \(limit) are allowed",
                at: 0
            )
        }
        var typer = Typer(scope: scope)
        let part = try typer.part(tree)
        switch part.type {
        case .feature(let type): self.type = type
        case .interval:
            throw Fault(
                "a difference of times is no column's type: expected extract(epoch from a - b)",
                at: part.offset
            )
        case .localTime:
            throw Fault(
                "a local time is no column's type: expected extract(… from it), or at time zone '…' once more",
                at: part.offset
            )
        case .null: throw Fault("null alone has no type: expected cast(null as …)", at: part.offset)
        }
        node = part.node
        inputs = typer.inputs.sorted()
        reads = typer.inputs.map { ($0, scope.entries[$0].type) }
        localCount = typer.slotCount
    }

    package struct Evaluated: Sendable {
        /// Of the expression's type.
        package var column: Column
        /// Rows in which PostgreSQL would raise an error; they are null.
        package var errorCount: Int
    }

    /// Evaluates all rows of a batch.
    ///
    /// - Parameters:
    ///   - column: of a place in the scope, of that entry's type and with `rowCount` rows; called once for each of
    ///     ``inputs``.
    /// - Complexity: O(parts × rows); a few ns for each number's operation.
    package func evaluate(_ column: (Int) -> Column, rowCount: Int) -> Evaluated {
        let inputs = reads.map { read in
            let found = column(read.place)
            precondition(found.rowCount == rowCount, "a column of \(found.rowCount) rows beside \(rowCount)")
            precondition(found.type == read.type, "a column of another type than the scope's")
            return Operand(found.values, validity: found.validity)
        }
        var evaluation = Evaluation(rowCount: rowCount, inputs: inputs, localCount: localCount)
        return finished(evaluation.evaluate(node), rowCount)
    }

    private func finished(_ operand: Operand, _ rowCount: Int) -> Evaluated {
        let result = operand.finished(rowCount)
        return Evaluated(
            column: Column(type: type, validity: result.validity, values: result.values),
            errorCount: result.errors?.count { $0 } ?? 0
        )
    }
}
