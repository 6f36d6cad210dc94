import ArgumentParser
import Wire
import Workflows

struct PingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ping",
        abstract: "Ask whether a server lives, or with --ready whether it serves.",
        discussion: """
            For probes that run a program. A server that loads latest values lives and is not ready; one without PostgreSQL \
            is ready, since reads go on. Exit codes: 0 yes, 1 no, with the reason.

            Examples:
              asof ping                                  liveness
              asof ping --ready --server 127.0.0.1:6567  readiness
            """
    )

    @Flag(help: "Ask whether latest values are loaded and followed.")
    var ready = false
    @Flag(name: [.short, .long], help: "Print only why not.")
    var quiet = false
    @OptionGroup var server: ServerOptions

    func run() throws {
        let client = try server.connect()
        guard ready else {
            _ = try client.ask(["PING"])
            if !quiet { Console.write("alive") }
            return
        }
        let info = try client.ask(["INFO", "persistence", "asof"]).string ?? ""
        let lines = info.split(whereSeparator: \.isNewline)
        func value(_ name: String) -> Substring? {
            lines.first { $0.hasPrefix(name + ":") }.map { $0.dropFirst(name.utf8.count + 1) }
        }
        guard value("loading") == "0" else {
            let reason = value("loading_reason").flatMap { $0.isEmpty ? nil : ": \($0)" } ?? ""
            throw WorkflowError.refused("the server is loading latest values\(reason)")
        }
        if !quiet { Console.write("ready, at position \(value("position") ?? "0")") }
    }
}
