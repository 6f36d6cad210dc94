import Testing

@testable import asof

/// What a report says of the command that made it.
@Suite struct ReportedCommandTests {
    @Test(arguments: [
        (
            ["train", "buys", "-d", "postgres://u:geheim@h/db", "--report", "r.html"],
            "asof train buys -d … --report r.html"
        ),
        (["train", "buys", "--database", "host=h password=geheim"], "asof train buys --database …"),
        (["train", "buys", "--database=postgres://u:geheim@h/db", "--quick"], "asof train buys --database=… --quick"),
        (["train", "-dpostgres://u:geheim@h/db", "buys"], "asof train -d … buys"),
        (["train", "buys", "--password-command", "echo geheim"], "asof train buys --password-command …"),
        (
            ["train", "buys", "--password-command=echo geheim", "--seed", "7"],
            "asof train buys --password-command=… --seed 7"
        ),
        (["train", "buys", "--spine", "a file.csv", "--drop", "x"], "asof train buys --spine 'a file.csv' --drop x"),
        (["train", "buys", "-d", "-d", "--quick"], "asof train buys -d … --quick"),
    ])
    func `it says neither where the store is nor by which password`(words: [String], told: String) {
        #expect(TrainCommand.told(words) == told)
    }
}
