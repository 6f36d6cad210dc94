import ArgumentParser

struct StreamCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stream",
        abstract: "Read topics of Kafka into views, each record exactly once.",
        discussion: """
            Streams stand in features.yaml under streams:. Their offsets move in the transaction of the rows, so that a run \
            that was ended at any moment goes on with the first record that is not stored. It needs librdkafka (apt \
            install librdkafka1, or ASOF_LIBRDKAFKA); secrets are in the stream's file of properties or in ASOF_KAFKA_* \
            (ASOF_KAFKA_SASL_PASSWORD is sasl.password).

            Examples:
              asof stream check                    before anything is stored
              asof stream peek orders -n 5         what records become
              asof stream run --all                until it is ended
              asof stream run orders --once        what is there now
              asof stream status
            """,
        subcommands: [
            StreamRunCommand.self, StreamStatusCommand.self, StreamPeekCommand.self, StreamCheckCommand.self,
            StreamRejectsCommand.self,
        ]
    )
}

/// Which streams a command is about.
struct StreamNames: ParsableArguments {
    @Argument(help: "The streams; none = all.")
    var names: [String] = []
}
