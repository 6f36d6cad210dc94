import Features

extension TextReader {
    /// The narrowest types that all values of the whole file have, and starts over.
    func inferTypes() throws(ColumnarError) -> [ColumnRequest] {
        try input.makeRewindable()
        try rewind()
        let requests =
            switch splitter {
            case .csv(let csv): try inferCSV(names: csv.columnNames)
            case .jsonLines: try inferJSON()
            }
        try rewind()
        return requests
    }

    private func inferCSV(names: [String]) throws(ColumnarError) -> [ColumnRequest] {
        table = FieldTable(stride: names.count)
        var candidates = names.map { _ in TypeCandidates() }
        var row = 0
        while try fillTable(rowsMax: options.batchRows) {
            row += table.rowCount
            for column in names.indices { infer(column, &candidates[column]) }
            if let pending { throw pending }
            rowsRead = row
        }
        return names.indices.map { ColumnRequest(sourceName: names[$0], type: candidates[$0].narrowest) }
    }

    private func infer(_ column: Int, _ candidates: inout TypeCandidates) {
        let buffer = input.buffer
        let bytes = buffer.span
        let nulls = NullTexts(options.nullTexts)
        var scratch: [UInt8] = []
        for row in 0..<table.rowCount {
            if candidates.isDecided { return }
            let field = table.fields[row * table.stride + column]
            if field.kind == .bare, nulls.isNull(field, in: bytes) { continue }
            if field.kind == .quotedEscaped {
                CSVSplitter.unescape(bytes.extracting(field.range), into: &scratch)
                candidates.addText(scratch.span)
            } else {
                candidates.addText(bytes.extracting(field.range))
            }
        }
    }

    private func inferJSON() throws(ColumnarError) -> [ColumnRequest] {
        var keys = KeyOrder(keys: [])
        var candidates: [TypeCandidates] = []
        var line = 1
        var row = 1
        while true {
            guard let end = JSONLinesSplitter.lineEnd(input.buffer.span, from: input.position, isEnd: input.isAtEnd)
            else {
                try input.refill(line: line)
                continue
            }
            if input.position >= input.buffer.count, input.isAtEnd { break }
            if !JSONLinesSplitter.isBlank(input.buffer.span, from: input.position, to: end) {
                try inferJSON(to: end, line: line, row: row, &keys, &candidates)
                row += 1
            }
            input.position = min(end + 1, input.buffer.count)
            line += 1
        }
        return keys.keys.indices.map {
            ColumnRequest(
                sourceName: String(decoding: keys.keys[$0], as: UTF8.self),
                type: candidates[$0].narrowest,
                absentIsNull: true
            )
        }
    }

    /// Takes the object that stands on one line.
    private func inferJSON(
        to end: Int,
        line: Int,
        row: Int,
        _ keys: inout KeyOrder,
        _ candidates: inout [TypeCandidates]
    ) throws(ColumnarError) {
        let buffer = input.buffer
        let bytes = buffer.span
        var place = ColumnarError.Place(file: name, row: row, line: line)
        var refusal: String?
        do throws(JSONSyntaxError) {
            var object = try JSONObjectScanner(bytes, from: input.position, to: end)
            var position = 0
            while let key = try object.nextKey() {
                let index: Int
                if let known = keys.find(key, in: bytes, at: position) {
                    index = known
                } else {
                    index = candidates.count
                    keys.append(Array(JSONText.string(key, in: bytes).utf8))
                    candidates.append(TypeCandidates())
                }
                position += 1
                let value = try object.value()
                if !candidates[index].addJSON(value, in: bytes), refusal == nil {
                    refusal = JSONText.string(key, in: bytes)
                }
            }
        } catch {
            throw .malformed(place, reason: error.reason)
        }
        if let refusal {
            place.column = refusal
            throw .malformed(
                place,
                reason: "no column type holds such values; write objects and mixed arrays as strings"
            )
        }
    }
}
