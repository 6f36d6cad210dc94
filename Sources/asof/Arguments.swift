import ArgumentParser
import Features
import Store
import Workflows

/// Times on the command line.
enum TimeArgument {
    /// - Throws: a usage error where `text` is no unit.
    static func checkUnit(_ text: String?) throws {
        guard let text, TimeUnit(rawValue: text) == nil else { return }
        throw ValidationError("--time-unit '\(text)': expected s, ms, us or ns")
    }

    static func parse(_ text: String, option: String) throws -> Timestamp {
        do {
            return try Timestamp(text: text)
        } catch {
            throw ValidationError(
                "\(option) '\(text)': \(ValueTextError.time(error).reason); expected RFC 3339, as 2026-01-31T12:00:00Z"
            )
        }
    }
}

/// What `--features` and `get` name.
enum FeatureArgument {
    /// As ``Registry/plan(for:_:)``; a bare view stands for all of its features.
    static func plan(
        _ text: String,
        _ registry: Registry,
        _ session: Session
    ) throws -> (plan: FeaturePlan, service: Registry.StoredService?) {
        var text = text
        if registry.definitions.service(named: text) == nil, registry.definitions.view(named: text) != nil {
            text += ".*"
        }
        let selection = try FeatureSelection(text: text)
        if case .service(let name, nil) = selection, registry.service(named: name) == nil {
            let known = registry.definitions.services.map(\.name) + registry.views.map(\.name)
            throw WorkflowError.refused("no service or view '\(name)'\(Name.hint(for: name, among: known))")
        }
        return try registry.plan(for: selection, session)
    }
}
