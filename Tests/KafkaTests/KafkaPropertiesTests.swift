import Kafka
import Testing

/// Properties of the client: what is read, and what is refused.
@Suite struct KafkaPropertiesTests {
    @Test func `a file has a property a line, and variables come before it`() throws {
        let text = "# who\nsasl.username = asof\n\n! old\nsasl.password=a=b \r\nsasl.username=other\n"
        var properties = try KafkaProperties(text: text, file: "kafka.properties")
        #expect(properties.all.map { "\($0.name)=\($0.value)" } == ["sasl.password=a=b", "sasl.username=other"])
        try properties.add(["ASOF_KAFKA_SASL_PASSWORD": "s3", "ASOF_DATABASE": "x", "HOME": "/"])
        #expect(properties.all.map { "\($0.name)=\($0.value)" } == ["sasl.username=other", "sasl.password=s3"])
    }

    @Test(
        arguments: [
            "enable.auto.commit", "enable.auto.offset.store", "isolation.level", "auto.offset.reset",
            "plugin.library.paths", "bootstrap.servers", "metadata.broker.list", "enable.partition.eof",
        ]
    )
    func `what exactly-once reading hangs on is refused, in files and in variables`(name: String) throws {
        let inFile = #expect(throws: KafkaError.self) { try KafkaProperties(text: "a=b\n\(name)=x", file: "k") }
        #expect(inFile.map { "\($0)".hasPrefix("k:2: '\(name)' is not to be set: ") } == true)
        let variable = "ASOF_KAFKA_" + name.uppercased().replacing(".", with: "_")
        let inVariable = #expect(throws: KafkaError.self) {
            var properties = KafkaProperties()
            try properties.add([variable: "x"])
        }
        #expect(inVariable.map { "\($0)".hasPrefix("\(variable): '\(name)' is not to be set: ") } == true)
    }

    @Test func `a line without a value is told by its number, and shows no secret`() {
        let error = #expect(throws: KafkaError.self) { try KafkaProperties(text: "\nsasl.password secret", file: "k") }
        #expect(error == .properties("k:2: expected name=value, got 'sasl.password'"))
    }

    @Test func `without the library it is said what to install`() {
        let error = #expect(throws: KafkaError.self) { try KafkaLibrary(["ASOF_LIBRDKAFKA": "/nowhere/librdkafka.so"]) }
        #expect(error.map { "\($0)".contains("apt install librdkafka1") && "\($0)".contains("/nowhere/") } == true)
    }
}
