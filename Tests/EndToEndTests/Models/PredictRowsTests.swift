import Foundation
import TestSupport
import Testing

/// `asof predict --rows`: the rows of a file with answers behind them, each as the row alone is answered.
@Suite struct PredictRowsTests {
    @Test func `each row of a file is answered as alone, at one time and position`() throws {
        let world = try PredictionWorld(seed: 21)
        let store = world.store
        var random = SeededRandom(seed: 22)
        var csv = "note;user_id;item;amount;channel\n"
        var rows: [[String]] = []
        for row in 0..<40 {
            let values = [
                "\(random.int(0...12))", "i\(random.int(0...6))", "\(random.int(0...99))", "c\(random.int(0...3))",
            ]
            rows.append(values)
            csv += "note \(row);" + values.joined(separator: ";") + "\n"
        }
        _ = try store.scratch.write("asked.csv", csv)
        let (head, at) = (try store.head(), "2026-11-01T00:00:00Z")
        let words = ["--rows", "asked.csv", "--delimiter", ";", "--position", "\(head)"]
        for (model, time) in [("buys@1", at), ("pays", at), ("buys", nil)] {
            let more = time.map { ["--at", $0] } ?? []
            let output = try store.asof(["predict", model] + words + more)
            try #require(output.status == 0, "\(output)")
            let lines = output.out.split(separator: "\n").map {
                $0.split(separator: ",", omittingEmptySubsequences: false)
            }
            #expect(lines[0] == ["note", "user_id", "item", "amount", "channel", "score", "status"], "\(lines[0])")
            try #require(lines.count == 41)
            let told = try #require(
                output.error.firstMatch(of: /40 rows answered by [a-z]+@1.*; --at (\S+) --position ([0-9]+)/)
            )
            #expect(told.2 == "\(head)" && (time == nil || told.1 == at), "\(output.error)")
            for place in stride(from: 0, to: 40, by: 9) {
                let fields = zip(["user_id", "item", "amount", "channel"], rows[place]).map { "\($0)=\($1)" }
                    .filter { model.hasPrefix("buys") || !$0.hasPrefix("channel") }
                let alone = try store.asof(
                    ["predict", model] + fields + ["--at", String(told.1), "--position", "\(head)", "--json"]
                )
                let line = lines[place + 1]
                let score = line[5].isEmpty ? "null" : line[5]
                #expect(alone.out.contains("\"score\":\(score)}"), "\(line) \(alone)")
                #expect(
                    alone.out.contains("\"status\":\"\(line[6])\"") && line[0] == "note \(place)",
                    "\(line) \(alone)"
                )
            }
        }
        let file = try store.asof(["predict", "buys"] + words + ["--at", at, "--out", "answers.parquet"])
        #expect(file.status == 0 && file.out.isEmpty, "\(file)")
        let size =
            try FileManager.default.attributesOfItem(atPath: store.scratch.path + "/answers.parquet")[.size] as? Int
        #expect(size ?? 0 > 500)
    }

    @Test func `what is asked for wrongly is named, and no file is touched`() throws {
        let world = try PredictionWorld(seed: 23)
        let store = world.store
        _ = try store.scratch.write("asked.csv", "user_id,item,amount,kanal\n1,i1,5,c1\n")
        _ = try store.scratch.write("scored.csv", "user_id,item,amount,channel,score\n1,i1,5,c1,1\n")
        _ = try store.scratch.write("bad.csv", "user_id,item,amount,channel\n1,i1,5,c1\n1,i1,much,c1\n")
        _ = try store.scratch.write("out.csv", "before\n")
        func refusal(_ status: Int32, _ words: String...) throws -> String {
            let output = try store.asof(["predict"] + words)
            #expect(output.status == status && output.out.isEmpty, "\(output)")
            return output.error
        }
        #expect(try refusal(1, "buys", "--rows", "asked.csv", "--out", "out.csv").contains("has no column 'channel'"))
        #expect(try refusal(1, "buys", "--rows", "scored.csv").contains("has a column 'score', as the answers have"))
        #expect(try refusal(1, "buys", "--rows", "bad.csv", "--out", "out.csv").contains("row 2"))
        #expect(try refusal(1, "buys", "--rows", "nowhere.csv").contains("nowhere.csv"))
        #expect(try refusal(1, "buyz", "--rows", "asked.csv").contains("did you mean 'buys'?"))
        #expect(try refusal(1, "buys", "--rows", "scored.csv", "--position", "999999").contains("999999"))
        #expect(try refusal(2, "buys", "user_id=1", "--rows", "asked.csv").contains("are columns of the file"))
        #expect(try refusal(2, "buys", "--rows", "asked.csv", "--json").contains("writes a table"))
        #expect(try refusal(2, "buys", "user_id=1", "--out", "out.csv").contains("belong to --rows"))
        #expect(try String(contentsOfFile: store.scratch.path + "/out.csv", encoding: .utf8) == "before\n")
    }
}
