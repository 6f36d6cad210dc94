import ArgumentParser
import Foundation
import RESPServer
import Workflows

/// Which server a command asks.
struct ServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("HOST:PORT, or unix:PATH. Default: ASOF_SERVER, else 127.0.0.1:6567.", valueName: "address")
    )
    var server: String?
    @Option(help: "The server's user.")
    var user = "default"
    @Option(help: "A file with its password.")
    var passwordFile: String?

    /// A connection that speaks RESP3.
    func connect() throws -> ServerClient {
        let password = try passwordFile.map { try PasswordFile.bytes($0) }
        let client = try ServerClient(try address())
        try client.greet(user: user, password: password)
        return client
    }

    private func address() throws -> ListenAddress {
        let variable = ProcessInfo.processInfo.environment["ASOF_SERVER"].flatMap { $0.isEmpty ? nil : $0 }
        let text = server ?? variable ?? "127.0.0.1:6567"
        guard let address = ListenAddress(text) else {
            throw WorkflowError.usage(
                "\(server == nil ? "ASOF_SERVER" : "--server") '\(text)': expected HOST:PORT, as 127.0.0.1:6567, or unix:/path"
            )
        }
        return address
    }
}
