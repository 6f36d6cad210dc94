import Features
import Training

extension ModelTrial {
    /// Refuses columns whose numbers, as the model reads them, are infinite in some row: no tree and no weight can be fitted to
    /// them, and a linear model's answer would be no number. An encoder that bounds its values, as `clip`, lets them pass.
    func checkFinite() throws {
        let rows = split.train + split.valid + split.test
        let numbers = matrix(signature, rows)
        var offset = 0
        for input in signature.inputs {
            defer { offset += input.width }
            let infinite = rows.indices.filter { row in
                (0..<input.width).contains { numbers.values[row * numbers.width + offset + $0].isInfinite }
            }
            guard let first = infinite.map({ rows[$0] }).min() else { continue }
            throw WorkflowError.refused(
                """
                the column '\(input.name)' is infinite, or beyond single precision (3.4e38), in \(infinite.count) of \(rows.count) \
                rows, first in row \(first + 1) of the spine; no model can be fitted to that. Keep such values out by an \
                expectation of its view, bound them in the model, as encode: { \(input.name): "clip(-1e6, 1e6)" }, or take a derived \
                column in its place, as { derive: bounded, from: "case when abs(x) < 1e30 then x end" }
                """
            )
        }
    }
}
