import Features
import Postgres
import Reading
import Store
import Testing
import Wire

@Suite struct CommandFaultTests {
    @Test func `an unknown name comes with the nearest known one`() {
        let fault = CommandFault.unknownView("wether", known: ["weather", "users"])
        #expect(fault.description == "FSNOVIEW no view 'wether'; did you mean 'weather'?")
    }

    @Test func `a name without a near one comes with all that are known`() {
        let fault = CommandFault.unknownFeature("humidity", view: "weather", known: ["wind", "temp"])
        #expect(fault.description == "FSNOFEATURE view 'weather' has no feature 'humidity'; known: temp, wind")
    }

    @Test func `what a client sent is cut and stays on one line`() {
        let fault = CommandFault.unknownService("a\r\nb" + String(repeating: "x", count: 1_000), known: [])
        #expect(fault.description.hasPrefix("FSNOSERVICE no service 'a  bxxx"))
        #expect(fault.description.count < 200)
        #expect(!fault.description.contains("\r") && !fault.description.contains("\n"))
    }

    @Test(arguments: [
        (PostgresError.Kind.connect, CommandFault.Code.unavailable), (.connectionLost, .unavailable),
        (.server(sqlState: "57P01"), .unavailable), (.server(sqlState: "40P01"), .unavailable),
        (.server(sqlState: "25006"), .unavailable), (.server(sqlState: "53100"), .unavailable),
        (.server(sqlState: "57014"), .timeout), (.server(sqlState: "55P03"), .timeout),
        (.server(sqlState: "42501"), .noPermission), (.server(sqlState: "22003"), .value),
        (.server(sqlState: "42601"), .general),
    ])
    func `no word of PostgreSQL's reaches a client`(kind: PostgresError.Kind, code: CommandFault.Code) {
        let error = PostgresError(
            kind: kind,
            message: "syntax error at SECRET",
            detail: "Key (SECRET)",
            hint: "SECRET"
        )
        let fault = CommandFault(StoreError.database(error))
        #expect(fault.code == code)
        #expect(!fault.description.contains("SECRET"))
    }

    @Test func `the store's refusals keep their words on one line`() {
        let fault = CommandFault(StoreError.row(3, reason: "key 'id':\nexpected int64"))
        #expect(fault.description == "FSVALUE row 3: key 'id': expected int64")
        #expect(CommandFault(StoreError.unknownService(name: "a", hint: "; known: b")).code == .noService)
    }
}
