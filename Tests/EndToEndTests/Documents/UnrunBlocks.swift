/// Blocks of commands that ``DocumentedBlockTests`` does not run, each with its reason.
enum UnrunBlocks {
    struct Exception: Sendable {
        /// How the block begins.
        let start: String
        let reason: String

        init(_ start: String, _ reason: String) { (self.start, self.reason) = (start, reason) }
    }

    static let all: [String: [Exception]] = [
        "README.md": [
            Exception("scripts/quickstart", "builds a release, and fetches a year of flights"),
            Exception("awk", "ReadmeTests"), Exception("$ asof init", "ReadmeTests"),
            Exception("redis-cli", "ReadmeTests"), Exception("asof status", "ReadmeTests"),
            Exception("asof validate", "ReadmeTests"),
        ],
        "docs/how-to/backup-upgrade.md": [
            Exception("pg_dump -Fc -d \"$(asof uri)\" -f store.dump   ", "BackupPageTests"),
            Exception("createdb restored", "BackupPageTests"),
            Exception("pg_dump -Fc -d \"$(asof uri)\" -f before.dump", "BackupPageTests"),
            Exception("pg_dump -Fc -d \"$(asof uri)\" -f store.dump\nmv", "BackupPageTests"),
            Exception("pg_dump -Fc --no-owner", "BackupPageTests"),
        ],
        "docs/how-to/deploy-kubernetes.md": [
            Exception("packaging/image/context", "lane image"), Exception("helm upgrade", "a cluster: run nowhere"),
        ],
        "docs/how-to/deploy-vm.md": [
            Exception("packaging/deb/build", "lane deb"), Exception("apt-get install --yes ./asof_0.1.0_", "lane deb"),
            Exception("install -d -o asof", "lane deb"), Exception("printf 'user_id", "lane deb"),
            Exception("systemctl enable --now asof-materialize", "lane deb"), Exception("cd /etc/asof", "lane deb"),
            Exception("systemctl reload", "lane deb"), Exception("apt-get install --yes ./asof_0.1.0+2", "lane deb"),
            Exception("apt-get purge", "lane deb"),
        ],
        "docs/how-to/expectations.md": [Exception("$ asof status", "a week of another store; ExpectationTests")],
        "docs/how-to/learn.md": [
            Exception("asof apply", "LearnHowToTests"), Exception("asof verify", "LearnHowToTests"),
        ],
        "docs/how-to/many-machines.md": [Exception("asof ingest user_stats s3:", "lane objects")],
        "docs/how-to/monitor.md": [
            Exception("asof apply", "MonitorTests"), Exception("redis-cli -p 6567 ML.STATS", "MonitorTests"),
            Exception("asof replay", "ReplayTests"), Exception("asof monitor buys\n", "MonitorTests"),
            Exception("asof monitor buys --labels", "MonitorTests"),
        ],
        "docs/how-to/operate.md": [Exception("createuser etl", "LeastPrivilegeTests")],
        "docs/how-to/secure.md": [
            Exception("openssl req", "SecureServerPageTests"),
            Exception("redis-cli -h features", "SecureServerPageTests"),
            Exception("asof user list", "SecureServerPageTests"),
        ],
        "docs/how-to/segments.md": [Exception("$ asof segments build", "ten million rows; SegmentsCommandTests")],
        "docs/how-to/serve.md": [Exception("asof serve", "two terminals; TrainedModelTests, ReadmeTests")],
        "docs/how-to/streams.md": [Exception("apt-get install librdkafka1", "lane broker")],
        "docs/how-to/train.md": [Exception("asof models ", "a store with seven versions; TrainedModelTests")],
        "docs/how-to/training-sets.md": [
            Exception("$ asof export --spine labels.parquet", "ten million rows; ScanExportTests")
        ],
        "docs/reference/http.md": [
            Exception("curl -sf --data-binary", "lane python"), Exception("curl -s http", "lane python"),
            Exception("curl -sf http://127.0.0.1:9567/healthz", "lane python"),
            Exception("curl -sf http://127.0.0.1:9567/get-online", "lane python"),
            Exception("curl -sf http://127.0.0.1:9567/views/", "lane python"),
        ],
        "docs/reference/protocol.md": [
            Exception("$ asof serve &", "two terminals; ReadmeTests"),
            Exception("$ redis-cli", "redis-cli's own prompt; ClientProgramTests"),
        ],
        "docs/reference/python.md": [Exception("pip install", "lane python")],
        "docs/reference/segments-format.md": [Exception("asof export --spec-only", "a synopsis; lane spark")],
        "docs/tutorial/flights.md": [
            Exception("scripts/quickstart", "builds a release, and fetches a year; the fixture has four days of it"),
            Exception("$ asof train", "a year of flights"), Exception("$ asof predict", "a year of flights"),
            Exception("asof serve", "two terminals; ReadmeTests"),
        ],
    ]
}
