import Features

extension TextReader {
    /// The narrowest types that all values of the whole file have, and starts over.
    func inferTypes(dropping dropped: Set<String>, times: Set<String>) throws(ColumnarError) -> [ColumnRequest] {
        var tally = TypeTally(times: times)
        try tallyTypes(dropping: dropped, &tally)
        guard case .jsonLines = splitter else { return tally.requests(absentIsNull: false) }
        return tally.requests(absentIsNull: true, except: dropped)
    }

    /// Takes the values of the whole file, and starts over.
    func tallyTypes(dropping dropped: Set<String>, _ tally: inout TypeTally) throws(ColumnarError) {
        try input.makeRewindable()
        try rewind()
        switch splitter {
        case .csv(let csv): try tallyCSV(names: csv.columnNames, csv.dialect.escape, dropped, &tally)
        case .jsonLines: try tallyJSON(dropped, &tally)
        }
        try rewind()
    }

    private func tallyCSV(
        names: [String],
        _ escape: UInt8?,
        _ dropped: Set<String>,
        _ tally: inout TypeTally
    ) throws(ColumnarError) {
        table = FieldTable(stride: names.count)
        let kept = names.indices.filter { !dropped.contains(names[$0]) }
        let places = kept.map { tally.place(names[$0]) }
        var row = 0
        while try fillTable(rowsMax: options.batchRows) {
            row += table.rowCount
            for (column, place) in zip(kept, places) { infer(column, escape, &tally[place]) }
            if let pending { throw pending }
            rowsRead = row
        }
    }

    private func infer(_ column: Int, _ escape: UInt8?, _ candidates: inout TypeCandidates) {
        let buffer = input.buffer
        let bytes = buffer.span
        let nulls = NullTexts(options.nullTexts)
        var scratch: [UInt8] = []
        for row in 0..<table.rowCount {
            if candidates.isDecided { return }
            let field = table.fields[row * table.stride + column]
            if field.kind == .null || (field.kind == .bare && nulls.isNull(field, in: bytes)) { continue }
            if field.kind == .quotedEscaped {
                CSVSplitter.unescape(bytes.extracting(field.range), escape: escape, into: &scratch)
                candidates.addText(scratch.span)
            } else {
                candidates.addText(bytes.extracting(field.range))
            }
        }
    }

    private func tallyJSON(_ dropped: Set<String>, _ tally: inout TypeTally) throws(ColumnarError) {
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
                try tallyJSON(to: end, line: line, row: row, dropped, &tally)
                row += 1
            }
            input.position = min(end + 1, input.buffer.count)
            line += 1
        }
    }

    /// Takes the object that stands on one line.
    private func tallyJSON(
        to end: Int,
        line: Int,
        row: Int,
        _ dropped: Set<String>,
        _ tally: inout TypeTally
    ) throws(ColumnarError) {
        let buffer = input.buffer
        let bytes = buffer.span
        var place = ColumnarError.Place(file: name, row: row, line: line)
        var refusal: String?
        do throws(JSONSyntaxError) {
            var object = try JSONObjectScanner(bytes, from: input.position, to: end)
            var position = 0
            while let key = try object.nextKey() {
                let index = tally.place(key, in: bytes, at: position)
                position += 1
                let value = try object.value()
                if !tally[index].addJSON(value, in: bytes), refusal == nil {
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
