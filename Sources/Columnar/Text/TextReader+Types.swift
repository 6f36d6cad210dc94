import Features

extension TextReader {
    /// The narrowest types that all values of the whole file have, and starts over.
    func inferTypes(dropping dropped: Set<String>) throws(ColumnarError) -> [ColumnRequest] {
        try input.makeRewindable()
        try rewind()
        let requests =
            switch splitter {
            case .csv(let csv): try inferCSV(names: csv.columnNames, dropped)
            case .jsonLines: try inferJSON(dropped)
            }
        try rewind()
        return requests
    }

    private func inferCSV(names: [String], _ dropped: Set<String>) throws(ColumnarError) -> [ColumnRequest] {
        table = FieldTable(stride: names.count)
        let kept = names.indices.filter { !dropped.contains(names[$0]) }
        var candidates = names.map { _ in TypeCandidates() }
        var row = 0
        while try fillTable(rowsMax: options.batchRows) {
            row += table.rowCount
            for column in kept { infer(column, &candidates[column]) }
            if let pending { throw pending }
            rowsRead = row
        }
        return kept.map { candidates[$0].request(names[$0]) }
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

    private func inferJSON(_ dropped: Set<String>) throws(ColumnarError) -> [ColumnRequest] {
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
                try inferJSON(to: end, line: line, row: row, dropped, &keys, &candidates)
                row += 1
            }
            input.position = min(end + 1, input.buffer.count)
            line += 1
        }
        var requests: [ColumnRequest] = []
        for (index, key) in keys.keys.enumerated() {
            let name = String(decoding: key, as: UTF8.self)
            guard !dropped.contains(name) else { continue }
            var request = candidates[index].request(name)
            request.absentIsNull = true
            requests.append(request)
        }
        return requests
    }

    /// Takes the object that stands on one line.
    private func inferJSON(
        to end: Int,
        line: Int,
        row: Int,
        _ dropped: Set<String>,
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
                    let name = JSONText.string(key, in: bytes)
                    if !dropped.contains(name) { refusal = name }
                }
            }
        } catch {
            throw .malformed(place, reason: error.reason)
        }
        if let refusal {
            place.column = refusal
            throw .malformed(
                place,
                reason: "no column type holds such values; write objects and mixed arrays as strings, or leave the "
                    + "column out (--drop \(refusal))"
            )
        }
    }
}
