import Foundation
import TestSupport
import Testing

/// The commands of docs/how-to/secure.md, on loopback.
@Suite struct SecureServerPageTests {
    private static let hasPrograms = ["/usr/bin/redis-cli", "/usr/bin/openssl"]
        .allSatisfy { FileManager.default.isExecutableFile(atPath: $0) }

    @Test(
        "a team has a server with TLS and three users by five commands",
        .enabled(if: hasPrograms, "scripts/setup --clients")
    )
    func fiveCommands() throws {
        let page = try String(
            contentsOf: Cases.repository.appendingPathComponent("docs/how-to/secure.md"),
            encoding: .utf8
        )
        let blocks = page.components(separatedBy: "```sh\n").dropFirst().map { $0.components(separatedBy: "\n```")[0] }
        let commands = try #require(blocks.first).split(separator: "\n").map(String.init)
        try #require(commands.count == 5)
        let store = try ServedStore()
        let folder = store.scratch.path
        func shell(_ command: String, input: String = "") throws -> (Int32, String) {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", command]
            process.currentDirectoryURL = URL(fileURLWithPath: folder)
            process.environment = ["PATH": "\(folder):/usr/bin:/bin", "HOME": folder, "ASOF_DATABASE": store.conninfo]
            let (given, out) = (Pipe(), Pipe())
            process.standardInput = given
            process.standardOutput = out
            process.standardError = out
            try process.run()
            try given.fileHandleForWriting.write(contentsOf: Data(input.utf8))
            try given.fileHandleForWriting.close()
            let text = String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return (process.terminationStatus, text)
        }
        try FileManager.default.createSymbolicLink(atPath: folder + "/asof", withDestinationPath: AsofBinary.path)
        for command in commands.dropLast() {
            // Where a terminal would ask, the password comes from standard input.
            let isUser = command.hasPrefix("asof user add")
            let (status, text) = try shell(
                command + (isUser ? " --password-stdin" : ""),
                input: isUser ? "geheim\n" : ""
            )
            #expect(status == 0, "\(command): \(text)")
        }
        let last = try #require(commands.last)
        #expect(last.hasPrefix("asof serve --listen 0.0.0.0:6567 "))
        let options = last.split(separator: " ").dropFirst(4).map(String.init)
        let served = try ServedAsof(["-d", store.conninfo] + options, in: folder)
        func cli(_ user: String, _ words: String) throws -> String {
            try shell(
                "redis-cli -h localhost -p \(served.port) --tls --cacert server.crt --user \(user) --no-auth-warning -a geheim \(words)"
            ).1
        }
        // From elsewhere: only what cannot be here is another, the name, the port, and the terminal that asks for the password.
        let elsewhere = try #require(blocks.dropFirst().first)
        #expect(elsewhere.contains("--askpass"))
        for user in ["ada", "etl", "app"] { #expect(try cli(user, "ACL WHOAMI") == "\(user)\n") }
        #expect(try Patience.wait(seconds: 60) { try cli("ada", "INFO persistence").contains("loading:0") })
        let asked = elsewhere.replacing("-h features.internal -p 6567", with: "-h localhost -p \(served.port)")
            .replacing("--askpass", with: "--no-auth-warning -a geheim")
        let (answered, views) = try shell(asked)
        #expect(answered == 0 && views.contains("stats"), "\(asked): \(views)")
        #expect(try cli("app", "FS.SET marks 1 '*' n 1").contains("NOPERM"))
        #expect(try cli("ada", "FS.SET marks 1 '*' n 1").allSatisfy { $0.isNumber || $0 == "\n" })
        // Afterwards, as the page goes on.
        let changes = try #require(blocks.first { $0.hasPrefix("asof user list") }).split(separator: "\n")
        try #require(changes.count == 6)
        for change in changes {
            let words = String(change.prefix { $0 != "#" })
            let isPassword = words.hasPrefix("asof user passwd")
            let (status, text) = try shell(
                words + (isPassword ? " --password-stdin" : ""),
                input: isPassword ? "another\n" : ""
            )
            #expect(status == 0, "\(words): \(text)")
            #expect(!words.hasPrefix("asof audit") || text.contains("user remove"), "\(text)")
        }
        #expect(try Patience.wait { try cli("etl", "ACL WHOAMI").contains("WRONGPASS") })
    }
}
