/// A client of HTTP over a real socket that sends exactly what it is told; every wait is bounded.
package struct HTTPAnswer {
    package var status: Int
    /// Names in lower case.
    package var headers: [String: String]
    package var body: String
}

package enum HTTPProbe {
    /// Sends one request on a connection of its own, and reads to the connection's end.
    /// - Parameter headers: besides Host, Content-Length and Connection; a header of theirs takes their place.
    package static func ask(
        _ port: Int,
        _ method: String,
        _ path: String,
        headers: [(String, String)] = [],
        body: String? = nil
    ) throws -> HTTPAnswer {
        try ask(port, method, path, headers: headers, body: body.map { Array($0.utf8) })
    }

    package static func ask(
        _ port: Int,
        _ method: String,
        _ path: String,
        headers: [(String, String)] = [],
        body: [UInt8]?
    ) throws -> HTTPAnswer {
        var head = "\(method) \(path) HTTP/1.1\r\n"
        var all = [("Host", "localhost:\(port)"), ("Connection", "close")]
        if let body {
            all += [("Content-Length", String(body.count)), ("Content-Type", "application/json")]
        }
        all.removeAll { own in headers.contains { $0.0.lowercased() == own.0.lowercased() } }
        for (name, value) in all + headers { head += "\(name): \(value)\r\n" }
        let client = try RespClient(port: port)
        defer { client.close() }
        client.send(Array((head + "\r\n").utf8) + (body ?? []))
        return try answer(client)
    }

    /// Sends bytes as they are.
    package static func send(_ port: Int, _ bytes: String) throws -> HTTPAnswer {
        let client = try RespClient(port: port)
        defer { client.close() }
        client.send(bytes)
        return try answer(client)
    }

    /// The answer that a connection ends with.
    package static func answer(_ client: RespClient) throws -> HTTPAnswer {
        let text = String(decoding: try client.untilClosed(), as: UTF8.self)
        guard let answer = parse(text) else { throw RespClient.Failure(description: "no answer of HTTP: '\(text)'") }
        return answer
    }

    private static func parse(_ text: String) -> HTTPAnswer? {
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].split(separator: "\r\n")
        guard let words = lines.first?.split(separator: " "), words.count > 1, let status = Int(words[1]) else {
            return nil
        }
        let rest = String(text[end.upperBound...])
        // 100 Continue comes before the answer.
        if status == 100 { return parse(rest) }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { headers[parts[0].lowercased()] = parts[1].drop { $0 == " " }.description }
        }
        return HTTPAnswer(status: status, headers: headers, body: rest)
    }
}
