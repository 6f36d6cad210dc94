extension CommandTable {
    static let writeCommands: [Command] = [RowCommands.set, RowCommands.delete, LineCommand.write]
    static let historyCommands: [Command] = [HistoryCommands.asof, HistoryCommands.range, ChangesCommand.changes]
}
