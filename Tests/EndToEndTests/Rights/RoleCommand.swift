/// A command of the program, and the role of PostgreSQL that needs the least for it.
struct RoleCommand {
    enum Role: String, CaseIterable {
        /// May connect, and nothing else.
        case stranger
        case reader, writer, trainer, owner

        /// Roles that must not be enough.
        var lesser: [Role] {
            switch self {
            case .stranger: []
            case .reader: [.stranger]
            case .writer: [.reader, .trainer]
            case .trainer: [.reader, .writer]
            case .owner: [.writer, .trainer]
            }
        }
    }

    enum How: Equatable {
        /// Ends with 0 as the role, and is refused to lesser ones.
        case runs
        /// Asks no store of PostgreSQL.
        case needsNoStore
        /// Is shown by another test.
        case shown(String)
    }

    /// The command's path: `segments build`.
    let name: String
    let arguments: [String]
    let role: Role
    var how = How.runs
    var input = ""
    /// Roles that are told that permission is denied.
    let lesser: [Role]

    init(
        _ name: String,
        _ arguments: String,
        _ role: Role,
        _ how: How = .runs,
        lesser: [Role]? = nil,
        input: String = ""
    ) {
        self.lesser = lesser ?? role.lesser
        self.name = name
        self.arguments = arguments.split(separator: " ").map(String.init)
        self.role = role
        self.how = how
        self.input = input
    }

    var words: [String] { name.split(separator: " ").map(String.init) + arguments }

    /// Before a server of the writer has answered.
    static let before: [RoleCommand] = [
        RoleCommand("init", "", .owner, lesser: []),
        RoleCommand("migrate", "", .owner, lesser: []),
        RoleCommand("validate", "", .stranger, .needsNoStore),
        RoleCommand(
            "test",
            "",
            .stranger,
            .shown("FeatureTestCommandTests: in a throw-away store, by no store's role")
        ),
        RoleCommand("plan", "", .reader),
        RoleCommand("apply", "--yes", .owner),
        RoleCommand("views", "", .reader),
        RoleCommand("describe", "stats", .reader),
        RoleCommand("definitions", "", .reader),
        RoleCommand("ingest", "stats rows.csv", .writer),
        RoleCommand("ingest", "arrivals arrivals.csv", .writer),
        RoleCommand("ingest", "clicks clicks.csv", .writer),
        RoleCommand("ingest", "- --lines", .writer, .shown("OtherWaysInTests: as the file")),
        RoleCommand("materialize", "sums --from 2026-01-01T00:00:00Z --to 2026-01-03T00:00:00Z", .writer),
        RoleCommand("get", "stats 1", .reader),
        RoleCommand("export", "--spine spine.csv --label-time at --features shop --out set.csv", .reader),
        RoleCommand("verify", "set.csv", .reader),
        RoleCommand("report", "set.csv.manifest.json", .stranger, .needsNoStore),
        RoleCommand("log", "", .reader),
        RoleCommand("train", "buys --spine spine.csv --label-time at --promote always", .trainer),
        RoleCommand("train", "buys --spine spine.csv --label-time at --set penalty=50 --promote never", .trainer),
        RoleCommand("train", "old --spine spine.csv --label-time at --promote always", .trainer),
        RoleCommand("train", "late --spine flights.csv --label-time prediction_time --promote always", .trainer),
        RoleCommand("learn", "late", .trainer),
        RoleCommand("verify", "late@1.1", .reader),
        RoleCommand("models list", "", .reader),
        RoleCommand("models show", "buys", .reader),
        RoleCommand("models publishes", "late", .reader),
        RoleCommand("encode", "buys --spine spine.csv --label-time at --out numbers.csv", .reader),
        RoleCommand("collisions", "late", .reader),
        RoleCommand("predict", "buys user_id=1 amount=3", .reader),
        RoleCommand("score", "old --into picks --at 2026-01-08T00:00:00Z", .writer),
        RoleCommand("user add", "ada admin --password-stdin", .owner, input: "geheim\n"),
        RoleCommand("user list", "", .writer),
        RoleCommand("user grant", "ada reader x*", .owner),
        RoleCommand("user revoke", "ada reader x*", .owner),
        RoleCommand("user passwd", "ada --password-stdin", .owner, input: "geheim\n"),
        RoleCommand("serve", "", .writer, .shown("the test itself")),
    ]

    /// While that server runs.
    static let after: [RoleCommand] = [
        RoleCommand("ping", "--server PLACE --user ada --password-file word", .stranger, .needsNoStore),
        RoleCommand(
            "fetch",
            "plain user_id=1 --server PLACE --user ada --password-file word",
            .stranger,
            .needsNoStore
        ),
        RoleCommand("monitor", "buys", .reader),
        RoleCommand("replay", "buys", .reader),
        RoleCommand("models diff", "buys@1 buys@2", .reader),
        RoleCommand(
            "models export",
            "",
            .reader,
            .shown("ModelTransferTests: it reads what `models show` and `predict` read")
        ),
        RoleCommand("models import", "", .trainer, .shown("ModelTransferTests: it registers as `train` does")),
        RoleCommand("models alias", "buys champion 2", .trainer),
        RoleCommand("models rollback", "buys --reason worse", .trainer),
        RoleCommand("models retire", "buys 2", .trainer),
        RoleCommand("models log", "buys", .reader),
        RoleCommand("stream run", "", .writer, .shown("StreamRunTests: a role that may write, and no more")),
        RoleCommand("stream peek", "", .reader, .shown("StreamRunTests: a role that may write, and no more")),
        RoleCommand("stream check", "", .reader, .shown("StreamRunTests: a role that may write, and no more")),
        RoleCommand("stream status", "", .reader, .shown("StreamRunTests: a role that may write, and no more")),
        RoleCommand("stream rejects", "orders", .reader),
        RoleCommand("segments build", "", .writer),
        RoleCommand("segments list", "", .reader),
        RoleCommand("segments check", "", .reader),
        RoleCommand(
            "export",
            "--spine spine.csv --label-time at --features shop --out scan.csv --engine scan",
            .reader
        ),
        RoleCommand("segments drop", "--all", .writer),
        RoleCommand("status", "", .reader),
        RoleCommand("doctor", "", .reader),
        RoleCommand("check", "", .reader),
        RoleCommand("audit", "", .reader),
        // What is right is not touched, so that a trainer, who may commit, could run it then.
        RoleCommand("rebuild-online", "stats", .writer, lesser: [.reader]),
        RoleCommand("forget", "user 3 --yes", .owner),
        RoleCommand("drop-history", "stats --before 2025-06-01T00:00:00Z --yes", .owner),
        RoleCommand("user remove", "ada", .owner),
        RoleCommand("check", "", .reader),
        RoleCommand("stop", "", .stranger, .shown("EmbeddedStoreTests: the cluster's own account")),
        RoleCommand("grant-sql", "etl writer", .stranger, .needsNoStore),
        RoleCommand("uri", "", .stranger, .needsNoStore),
    ]

    static let all = before + after
}
