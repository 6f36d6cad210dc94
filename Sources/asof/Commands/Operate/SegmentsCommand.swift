import ArgumentParser

struct SegmentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "segments",
        abstract: "Keep history as sorted Parquet files, from which large training sets are made.",
        discussion: """
            A directory of segments is a cache: a file a view and history partition, sorted by keys and event time. \
            `asof export` reads it where it is there, and PostgreSQL for what it lacks. pandas, DuckDB, Polars and Spark \
            read DIR/view=NAME as it is.

            Examples:
              asof segments build                  bring all views' files up to date
              asof segments list
              asof segments check                  read every file, and count history's rows
            """,
        subcommands: [
            SegmentsBuildCommand.self, SegmentsListCommand.self, SegmentsCheckCommand.self, SegmentsDropCommand.self,
        ]
    )
}
