import Foundation
import TestSupport
import Testing

/// The commands of docs/how-to/learn.md, with its features.yaml.
@Suite struct LearnHowToTests {
    @Test func `its definitions apply and its commands do what it says`() throws {
        let page = try String(
            contentsOfFile: URL(fileURLWithPath: #filePath).deletingLastPathComponent().path
                + "/../../../docs/how-to/learn.md",
            encoding: .utf8
        )
        let blocks = page.components(separatedBy: "```").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
        let yaml = try #require(blocks.first { $0.hasPrefix("yaml\n") }?.dropFirst(5))
        let commands = blocks.filter { $0.hasPrefix("\nasof") }.flatMap { $0.split(separator: "\n") }
        #expect(commands.count >= 8)
        let store = try ServedStore(String(yaml))
        _ = try store.scratch.write("features.yaml", String(yaml))
        var random = SeededRandom(seed: 4)
        var weather = "airport_id,event_time,temp,wind\n"
        for airport in 0..<10 {
            for day in 1...9 {
                weather += "A\(airport),2026-01-0\(day)T00:00:00Z,\(random.int(-9...30)),\(random.int(0...30))\n"
            }
        }
        var (spine, arrivals) = (
            "flight_id,prediction_time,airport_id,carrier,late\n",
            "flight_id,event_time,late,prediction_time,airport_id,carrier\n"
        )
        for flight in 0..<900 {
            let (airport, carrier) = (random.int(0...9), random.int(0...4))
            let (time, isLate) = (
                "2026-01-0\(random.int(1...9))T\(random.int(10...20)):00:00Z", random.int(0...99) < 20 + carrier * 10
            )
            spine += "\(flight),\(time),A\(airport),C\(carrier),\(isLate)\n"
            arrivals += "\(flight),2026-01-10T00:00:00Z,\(isLate),\(time),A\(airport),C\(carrier)\n"
        }
        _ = try store.scratch.write("spine.csv", spine)
        #expect(try store.asof(["apply", "--yes"]).status == 0)
        #expect(try store.asof(["ingest", "weather", "-", "--format", "csv"], input: weather).status == 0)
        #expect(try store.asof(["ingest", "arrivals", "-", "--format", "csv"], input: arrivals).status == 0)
        for command in commands where !command.hasPrefix("asof apply") {
            var words: [String] = []
            for (place, part) in command.components(separatedBy: "\"").enumerated() {
                if place % 2 == 1 { words.append(part) } else { words += part.split(separator: " ").map(String.init) }
            }
            let output = try store.asof(Array(words.dropFirst()))
            #expect(output.status == 0, "\(command): \(output.error)")
        }
        let shown = try store.asof(["models", "publishes", "delay"])
        #expect(shown.out.contains("delay@1 has learned 900 labels"), "\(shown.out)")
        let matrix = try store.asof([
            "encode", "delay@1", "--spine", "spine.csv", "--label-time", "prediction_time", "--out", "matrix.csv",
        ])
        #expect(matrix.status == 0 && matrix.out.contains("900 rows of 5 numbers"), "\(matrix)")
        let written = try String(contentsOfFile: store.scratch.path + "/matrix.csv", encoding: .utf8)
        #expect(
            written.hasPrefix(
                "prediction_time,late,weather__temp,weather__wind,request__carrier,request__airport_id,request__carrier*request__airport_id\n"
            ),
            "\(written.prefix(200))"
        )
        let description = try String(contentsOfFile: store.scratch.path + "/matrix.csv.encoding.json", encoding: .utf8)
        #expect(description.contains("asof-encoding-1:"), "\(description)")
    }
}
