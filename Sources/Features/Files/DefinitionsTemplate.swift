/// The features.yaml that `asof init` writes.
package enum DefinitionsTemplate {
    /// Valid as it stands: no definitions, and an example that becomes valid definitions when its `#` are taken away.
    package static let commentedYAML = """
        # The features of this store. `asof plan` shows what a change would do, `asof apply` does it.
        # The lines that start with '#  ' are an example: take the '#' away and make them yours.

        # What features describe. The key is the column that names one user, one airport. Key types: int64, string.
        entities:
        #  user: { key: user_id, type: int64, description: A registered user }

        # Groups of features, one row per event. Types: bool, int32, int64, float32, float64, string, bytes, timestamp,
        # vector(n), list(int64), list(string). Durations: an integer and a unit, us ms s m h d w.
        views:
        #  user_stats:
        #    description: What a user did lately
        #    entities: [user]      # [] makes a global view with one latest row
        #    ttl: 30d              # an older value is not returned; without it, values never expire
        #    delay: 0s             # training only: a value counts as known this long after its event time
        #    strict: false         # training only: true = the event time lies strictly before the label time
        #    missing: error        # an input row without one of the features: error, or null
        #    online: true          # false = only history, nothing to serve
        #    partition: month      # of the history: day, month, year, none; cannot be changed later
        #    features:
        #      clicks_7d: int64
        #      ctr: { type: float64, min: 0, max: 1, description: Clicks per impression }

        # What one model reads, in its order: view.feature, or view.* for all of a view.
        services:
        #  ranking: [user_stats.clicks_7d, user_stats.ctr]

        """
}
