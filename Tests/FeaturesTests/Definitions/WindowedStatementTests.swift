import Features
import Testing

@Suite struct WindowedStatementTests {
    @Test(arguments: [
        ("SELECT :from, :to", "SELECT F, T"),
        ("a >= :from AND a<:to;\n", "a >= F AND a<T"),
        (
            "':from' \":to\" -- :from\n/* :to /* :from */ :to */ :from",
            "':from' \":to\" -- :from\n/* :to /* :from */ :to */ F"
        ),
        ("'it''s :from' :to", "'it''s :from' T"),
        (#"E'\':from' :to e'\\' :to"#, #"E'\':from' T e'\\' T"#),
        (#"'\' :to"#, #"'\' T"#),
        ("$$ :from $$ :to $a$ :from $$ :to $a$ :from $1", "$$ :from $$ T $a$ :from $$ :to $a$ F $1"),
        ("x::from, x::to, :from::date", "x::from, x::to, F::date"),
        (":from_date :FROM :tomorrow :to", ":from_date :FROM :tomorrow T"),
        ("a$b$ :from $b$", "a$b$ F $b$"),
        ("':from", "':from"),
        ("/* :from", "/* :from"),
        ("é:from 1:to", "éF 1T"),
    ])
    func `parameters are found where PostgreSQL would read them`(_ sql: String, _ expected: String) {
        #expect(WindowedStatement(sql).text(from: "F", to: "T") == expected)
    }

    @Test func `absent parameters are named`() {
        #expect(WindowedStatement("SELECT ':from', x::to").absentParameters == [":from", ":to"])
        #expect(WindowedStatement("SELECT :to").absentParameters == [":from"])
    }

    @Test func `places are those of the SQL as it was written`() throws {
        let statement = WindowedStatement("SELECT :from, é\nWHERE :to = x")
        let made = statement.text(from: "$1", to: "$2")
        #expect(made == "SELECT $1, é\nWHERE $2 = x")
        let position = try #require(Array(made.unicodeScalars).firstIndex(of: "x")) + 1
        let place = try #require(statement.place(of: position, from: "$1", to: "$2"))
        #expect(place.line == 2 && place.column == 13 && place.text == "WHERE :to = x")
        #expect(statement.place(of: 0, from: "$1", to: "$2") == nil)
        #expect(statement.place(of: 99, from: "$1", to: "$2") == nil)
    }
}
