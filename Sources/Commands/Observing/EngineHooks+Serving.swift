import Metrics
package import Reading
package import Serving
import Store

extension EngineHooks {
    /// What INFO, DBSIZE, MEMORY USAGE and the clock tell of the latest values.
    package init(observing serving: Serving, _ reads: FeatureReads) {
        isLoading = { serving.state.isLoading }
        loadingReason = { serving.state.loadingText(naming: $0) }
        isHalted = { serving.state.isHalted }
        isTakingDefinitions = { serving.state.isTakingDefinitions }
        nowUs = { serving.now() }
        entityCount = { reads.entityCount() }
        memoryUsage = { reads.memoryUsage(of: $0) }
        asofInfo = { Self.asofInfo(serving) + [InfoLine("derived_errors", reads.derivedErrors)] }
        postgresInfo = { Self.postgresInfo(serving) }
    }

    private static func asofInfo(_ serving: Serving) -> [InfoLine] {
        let (state, catalog, totals) = (serving.state, serving.catalog, serving.totals)
        return [
            InfoLine("definitions_version", catalog.version),
            // In force, and of a format that this server cannot read: it serves the version above.
            InfoLine("definitions_unknown_version", state.newerDefinitions?.version ?? 0),
            InfoLine("definitions_unknown_reason", state.newerDefinitions?.reason ?? ""),
            InfoLine("views", catalog.views.count),
            InfoLine("denied_views", state.deniedViews.count),
            InfoLine("resident_views", totals.residentViews), InfoLine("services", catalog.services.count),
            InfoLine("position", state.reached.position), InfoLine("position_uid", state.reached.uid ?? ""),
            InfoLine("lag_positions", state.lag), InfoLine("lag_us", serving.lagUs(state)),
            InfoLine("entities", totals.entities), InfoLine("tombstones", totals.tombstones),
            InfoLine("resident_bytes", totals.bytes), InfoLine("window_events", totals.events),
            InfoLine("window_bytes", totals.eventBytes),
            InfoLine("memory_limit_bytes", serving.options.memoryBytesMax ?? 0),
            InfoLine("loading_reason", state.loadingReason), InfoLine("loaded_rows", state.loadedRows),
            InfoLine("load_us", state.loadUs),
            InfoLine("followed_rows", state.followedRows), InfoLine("view_reloads", state.reloads),
            InfoLine("timeline_changes", state.timelineChanges), InfoLine("hits", totals.reads.hits),
            InfoLine("misses", totals.reads.misses), InfoLine("expired", totals.reads.expired),
            InfoLine("late", totals.reads.late),
        ]
    }

    private static func postgresInfo(_ serving: Serving) -> [InfoLine] {
        let state = serving.state
        let downUs = state.downSince.map { max(serving.now() - $0, 0) } ?? 0
        return [
            InfoLine("status", state.downSince == nil && state.connections > 0 ? "up" : "down"),
            InfoLine("down_since_us", state.downSince ?? 0), InfoLine("down_us", downUs),
            InfoLine("down_reason", state.downReason), InfoLine("connections_made", state.connections),
            InfoLine("notifications", state.isNotified ? 1 : 0), InfoLine("head_position", state.head),
            InfoLine("clock_offset_us", state.clockOffsetUs),
            InfoLine("clock_round_trip_us", state.clockRoundTripUs),
        ]
    }
}
