import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// Traffic of models is counted and compared with their training sets, and labels are joined when they arrive.
@Suite struct MonitorTests {
    private func predict(_ client: RespClient, _ count: Int, _ amount: (Int) -> String) throws {
        for start in stride(from: 0, to: count, by: 50) {
            var words = ["ML.PREDICT", "pays", "KEYS", "3", "amount", "item", "user_id", "ROWS", "50"]
            for row in start..<start + 50 { words += [amount(row), "i\(row % 5)", "\(row % 10)"] }
            guard client.send(RespClient.request(words)) else { throw Trouble("the connection was lost") }
            let reply = try client.reply()
            #expect(!reply.isError, "\(reply)")
        }
    }

    @Test func `traffic like the training set is quiet, a shift of a column alarms by its name`() throws {
        let world = try PredictionWorld(seed: 11)
        let store = world.store
        let server = try store.serve()
        let client = try server.client()
        _ = try client.run("HELLO", "3")
        let few = try store.asof(["monitor", "pays", "--fail"])
        #expect(few.status == 0 && few.out.contains("too few rows"), "\(few)")
        // Amounts were 1 to 100 in training.
        try predict(client, 1_000) { "\($0 % 100 + 1)" }
        let quiet = try #require(try client.line("ML.DRIFT pays").items)
        let names = quiet.compactMap { $0.items?.first?.text }
        #expect(
            names == [
                "stats__age", "stats__ctr", "prices__price", "request__amount", "derive__double", "score",
            ],
            "\(quiet)"
        )
        let amount = try #require(quiet[3].items)
        #expect(amount.count == 6 && amount[5] == .integer(1_000), "\(amount)")
        #expect(Double(amount[1].text ?? "") ?? 1 < 0.05, "\(amount)")
        // In whole again, this time counted by another server.
        let other = try store.serve()
        let second = try other.client()
        try predict(second, 1_000) { "\(($0 % 100 + 1) * 100)" }
        #expect(other.stop().status == 0)
        let loud = try store.asof(["monitor", "pays", "--fail"])
        #expect(loud.status == 1 && loud.out.contains("2,000 predictions from"), "\(loud)")
        #expect(loud.out.contains("ALARM request__amount: its distribution has shifted"), "\(loud)")
        #expect(loud.out.contains("ALARM request__amount: 49.5 % lie beyond what training had (1 to 100)"), "\(loud)")
        let json = try store.asof(["monitor", "pays", "--json"])
        #expect(json.status == 0 && json.out.contains("\"alarm\":true"), "\(json)")
        // What was long ago is not now.
        _ = try store.session().execute("UPDATE asof.model_counts SET minute = minute - interval '5 days'")
        #expect(try store.asof(["monitor", "pays", "--fail"]).status == 0)
        #expect(try store.asof(["monitor", "pays", "--fail", "--window", "7d"]).status == 1)
        #expect(try client.line("ML.DRIFT pays WINDOW 7x").text?.contains("expected a duration") == true)
        #expect(try client.line("ML.DRIFT pay").text?.contains("did you mean 'pays'?") == true)
        // A version without its training rows says so.
        _ = try store.session().execute("UPDATE asof.model_versions SET reference = NULL")
        let blind = try store.asof(["monitor", "pays"])
        #expect(blind.status == 0 && blind.out.contains("has nothing to compare traffic with"), "\(blind)")
    }

    @Test func `labels that arrive are joined to the log; due ones that are missing are told`() throws {
        let world = try PredictionWorld(seed: 12)
        let store = world.store
        let server = try store.serve()
        let client = try server.client()
        let hour = world.now - 3_600_000_000
        // Forty users at a time an hour ago; the label of every fourth never comes, that of user 39 too late.
        for user in 0..<40 {
            let reply = try client.line(
                "ML.PREDICT buys KEYS 4 channel user_id item amount ROWS 1 c1 \(user) i1 \(user * 3) AT \(hour)"
            )
            #expect(!reply.isError, "\(reply)")
        }
        try world.waitForLog(40)
        var csv = "user_id,at,bought\n"
        for user in 0..<40 where user % 4 != 0 {
            let time = hour + (user == 39 ? 700_000_000 : 60_000_000)
            let bought = user >= 20 ? 1 : 0
            #expect(try !client.line("FS.SET bought \(user) \(time) bought \(bought)").isError)
            csv += "\(user),\(time),\(bought)\n"
            // A later label is another's.
            #expect(try !client.line("FS.SET bought \(user) \(time + 1_000_000) bought \(1 - bought)").isError)
        }
        let byView = try store.asof(["monitor", "buys", "--labels", "bought.bought", "--json"])
        #expect(byView.status == 0, "\(byView)")
        #expect(byView.out.contains("\"version\":1,\"predictions\":40,\"due\":40,\"missing\":11"), "\(byView)")
        let auc = try #require(byView.out.split(separator: "\"auc\":").last?.prefix { $0 != "," })
        // By pairs: how often one that bought has the higher score, ties count half.
        let rows = try store.session().query(
            "SELECT (keys->>'user_id')::bigint, score[1]::float8 FROM asof.predictions"
        )
        var (yes, no) = ([Double](), [Double]())
        for row in 0..<rows.count {
            let (user, score) = (rows.int64(row, 0) ?? 0, rows.double(row, 1) ?? 0)
            guard user % 4 != 0, user != 39 else { continue }
            if user >= 20 { yes.append(score) } else { no.append(score) }
        }
        let wins = yes.reduce(0.0) { sum, high in
            sum + no.reduce(0.0) { $0 + (high > $1 ? 1 : high == $1 ? 0.5 : 0) }
        }
        #expect(abs((Double(auc) ?? 0) - wins / Double(yes.count * no.count)) < 1e-12, "\(byView)")
        _ = try store.scratch.write("known.csv", csv)
        let file = ["--labels", "known.csv", "--label-time", "at", "--time-unit", "us"]
        let byFile = try store.asof(["monitor", "buys", "--json"] + file)
        #expect(
            byFile.out.split(separator: "\"quality\"").last == byView.out.split(separator: "\"quality\"").last,
            "\(byFile) \(byView)"
        )
        #expect(try store.asof(["monitor", "buys"] + file.dropLast(2)).error.contains("--time-unit"))
        let text = try store.asof(["monitor", "buys", "--labels", "bought.bought"]).out
        #expect(text.contains("without label") && text.contains("27.5 %"), "\(text)")
        func error(_ arguments: String...) throws -> String {
            let output = try store.asof(["monitor"] + arguments)
            #expect(output.status != 0, "\(output)")
            return output.error
        }
        #expect(try error("buys", "--labels", "bought.bot").contains("bot"))
        #expect(try error("buys", "--labels", "bougt.bought").contains("did you mean 'bought'?"))
        #expect(try error("buys", "--labels", "known.csv").contains("--label-time"))
        #expect(try error("buys", "--labels", "known.csv", "--label-time", "when").contains("no column 'when'"))
        #expect(try error("buys", "--window", "1s").contains("expected 1m to 400d"))
        #expect(try error("bys").contains("did you mean 'buys'?"))
    }

    @Test func `the commands of the page about watching run as they stand there`() throws {
        let world = try PredictionWorld(seed: 13)
        let store = world.store
        _ = try store.scratch.write("features.yaml", PredictionWorld.yaml)
        _ = try store.scratch.write("known.csv", "user_id,at,bought\n7,\(world.now),1\n")
        let server = try store.serve()
        let client = try server.client()
        let page = Cases.repository.appendingPathComponent("docs/how-to/monitor.md")
        let blocks = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "```")
        var count = 0
        for (index, block) in blocks.enumerated() where index % 2 == 1 && !block.hasPrefix("yaml") {
            for line in block.split(separator: "\n") {
                let command = (line.range(of: "  #").map { line[..<$0.lowerBound] } ?? line[...])
                let words = command.split(separator: " ").map(String.init)
                count += 1
                if words.first == "asof" {
                    let output = try store.asof(Array(words.dropFirst()))
                    #expect(output.status == 0, "\(command): \(output)")
                } else {
                    try #require(words.prefix(3) == ["redis-cli", "-p", "6567"], "\(line)")
                    let reply = try world.ask(client, Array(words.dropFirst(3)))
                    #expect(!reply.isError, "\(command): \(reply)")
                    if words.contains("ML.PREDICT") { try world.waitForLog(1) }
                }
            }
        }
        #expect(count == 11, "\(count) commands ran")
    }
}
