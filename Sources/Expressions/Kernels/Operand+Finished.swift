import PointInTime

extension Operand {
    /// As a column has it: a value for each row, zero or an empty text where there is none.
    func finished(_ rowCount: Int) -> Operand {
        if isConstant {
            var selection = Selection(rowCount: rowCount)
            selection.takeValid(self)
            selection.close(branchCount: 1)
            return selection.result([self, Operand(nullLike: self)], like: self)
        }
        guard let validity else { return self }
        var result = self
        if validity.contains(false) {
            switch values {
            case .bool(let array): result.values = .bool(Self.cleared(array, validity))
            case .int32(let array): result.values = .int32(Self.cleared(array, validity))
            case .int64(let array): result.values = .int64(Self.cleared(array, validity))
            case .float32(let array): result.values = .float32(Self.cleared(array, validity))
            case .float64(let array): result.values = .float64(Self.cleared(array, validity))
            case .text(let texts): result.values = .text(Self.cleared(texts, validity))
            case .vector(let dimensions, let array):
                result.values = .vector(dimensions: dimensions, Self.cleared(array, dimensions, validity))
            case .listInt64, .listString: break
            }
        } else {
            result.validity = nil
        }
        return result
    }

    private static func cleared<Element: Slot>(_ values: [Element], _ validity: [Bool]) -> [Element] {
        Loops.map(values, validity, values.count) { (value: Element, isValid: Bool) in isValid ? value : .zero }
    }

    private static func cleared(_ texts: TextValues, _ validity: [Bool]) -> TextValues {
        let isClear = validity.indices.allSatisfy { validity[$0] || texts.offsets[$0] == texts.offsets[$0 + 1] }
        guard !isClear else { return texts }
        var cleared = TextValues()
        cleared.offsets.reserveCapacity(texts.offsets.count)
        for row in validity.indices { cleared.append(validity[row] ? texts[row] : []) }
        return cleared
    }

    private static func cleared(_ values: [Float], _ dimensions: Int, _ validity: [Bool]) -> [Float] {
        var cleared = values
        for row in validity.indices where !validity[row] {
            for index in 0..<dimensions { cleared[row * dimensions + index] = 0 }
        }
        return cleared
    }
}
