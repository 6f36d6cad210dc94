extension PostgresError {
    /// Of a connection that could not be made: libpq's words, and what to do where they do not say it.
    static func connect(_ message: String, asksCommand: Bool) -> PostgresError {
        PostgresError(kind: .connect, message: message, hint: connectHint(message, asksCommand: asksCommand))
    }

    private static func connectHint(_ message: String, asksCommand: Bool) -> String? {
        if message.contains("certificate verify failed") {
            return "the server's certificate is of no authority in the file that sslrootcert names, or it has ended"
        }
        if message.contains("does not match host name") {
            return "name the host as the server's certificate does; hostaddr says where it is, if its name does not"
        }
        if asksCommand, message.contains("password authentication failed") {
            return "the password is what --password-command (or ASOF_PASSWORD_COMMAND) printed"
        }
        return nil
    }
}
