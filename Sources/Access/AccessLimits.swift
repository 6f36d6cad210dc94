/// Every bound of users and of letting them in, with its reason. See `Limits` of Store for what of it users read.
package enum AccessLimits {
    // MARK: Users

    /// The name of a user: as long as a role's in PostgreSQL.
    package static let userNameBytesMax = 63
    /// A password.
    package static let passwordBytesMax = 1_024
    /// Grants of one user: each request may be compared with all of them.
    package static let grantsMax = 64
    /// A pattern of a grant: names have at most 48 characters.
    package static let patternBytesMax = 64

    // MARK: Letting in

    /// Failed attempts that an address has at once for one user.
    package static let failuresMax = 10
    /// Failed attempts that an address has at once for all users.
    package static let addressFailuresMax = 100
    /// After that there is one more attempt each so many seconds.
    package static let failureSeconds = 6
    /// What a wrong password waits for its answer at least.
    package static let failureDelayMs = 200
    /// Clients that wait for their passwords to be looked at; others are told to try again.
    package static let waitingAttemptsMax = 1_024

    // MARK: Inside

    /// Addresses, and users from them, that are remembered for their failures; the oldest are forgotten first.
    static let addressesMax = 4_096
    /// Verifiers that are looked at for each password that is wrong, whoever the user is: that of a user whose password is being
    /// changed has two.
    static let verifiersTried = 2
    /// HMACs that a password costs whoever guesses, as PostgreSQL has it.
    package static let iterations = 4_096
    /// Of verifiers that somebody else made: a client's password costs the server as many.
    package static let iterationsMax = 100_000
    package static let saltBytes = 16
}
