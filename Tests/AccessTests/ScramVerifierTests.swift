import Access
import Testing

@Suite struct ScramVerifierTests {
    /// RFC 7677, section 3: its salt, iterations and password; the keys by Python's hashlib.
    @Test func `a verifier has the text that PostgreSQL has`() throws {
        let text =
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        let verifier = try #require(ScramVerifier(text))
        #expect(verifier.matches(Array("pencil".utf8)))
        #expect(!verifier.matches(Array("pencils".utf8)))
        #expect(!verifier.matches([]))
        #expect(verifier.text == text)
    }

    @Test func `two verifiers of a password differ, and each knows it`() {
        let password = Array("correct horse".utf8)
        let (first, second) = (ScramVerifier(password: password), ScramVerifier(password: password))
        #expect(first != second)
        #expect(first.matches(password) && second.matches(password))
        #expect(ScramVerifier(first.text) == first)
    }

    @Test(arguments: [
        "", "md5abc", "SCRAM-SHA-256", "SCRAM-SHA-256$4096:c2FsdA==$x:y", "SCRAM-SHA-256$0:c2FsdA==$QUE=:QUE=",
        "SCRAM-SHA-256$999999999:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    ])
    func `what is no verifier is none`(text: String) { #expect(ScramVerifier(text) == nil) }

    @Test func `passwords are printable ASCII of a length`() {
        #expect(NewPassword.refusal(Array("s3cret pass~".utf8)) == nil)
        #expect(NewPassword.refusal([])?.contains("is empty") == true)
        #expect(NewPassword.refusal(Array("geheim\n".utf8))?.contains("printable ASCII") == true)
        #expect(NewPassword.refusal(Array("schlüssel".utf8))?.contains("printable ASCII") == true)
        #expect(NewPassword.refusal([UInt8](repeating: 65, count: 1_025))?.contains("1025 bytes") == true)
    }
}
