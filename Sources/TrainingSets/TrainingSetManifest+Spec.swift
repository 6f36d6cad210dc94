import Features
package import Store

/// Why a training set cannot be made again.
package enum VerificationObstacle: Error, Sendable, CustomStringConvertible {
    case anotherStore(expected: String, got: String)
    case anotherTimeline(position: Int64)
    case removed(Removal)
    case damagedManifest(String)
    case anotherPlatform(expected: TrainingSetManifest.Platform, got: TrainingSetManifest.Platform)

    package var description: String {
        switch self {
        case .anotherStore(let expected, let got): "it was made from store \(expected); this is store \(got)"
        case .anotherTimeline(let position):
            "another timeline: position \(position) of this store is not the commit that the manifest names; "
                + "the database was restored to an earlier point, or failed over with loss, and written to since"
        case .removed(let removal): "\(removal.text), after the manifest's position"
        case .damagedManifest(let reason): "the manifest contradicts itself: \(reason)"
        case .anotherPlatform(let expected, let got):
            "its derived columns were computed with \(expected.text); this machine has \(got.text), which may round or "
                + "place times otherwise"
        }
    }
}

extension TrainingSetManifest {
    /// The spec to make the training set again, by the rules that were in force then.
    package func spec(_ session: Session) throws -> TrainingSetSpec {
        let storeID = try session.storeID()
        guard storeID == store.id else { throw VerificationObstacle.anotherStore(expected: store.id, got: storeID) }
        if let platform, platform != .current {
            throw VerificationObstacle.anotherPlatform(expected: platform, got: .current)
        }
        let state = try timeline(session)
        // Another view of the same name would give other values without a word.
        if let pruned = try removals(session).first(where: { $0.kind == .prune }) {
            throw VerificationObstacle.removed(pruned)
        }
        let columns = try serviceColumns()
        let rules = try serviceRules()
        for prefix in (self.columns + (self.inputs ?? [])).compactMap(\.prefix) where rules[prefix] == nil {
            throw VerificationObstacle.damagedManifest("no role '\(prefix)'")
        }
        let inputs = try (self.inputs ?? []).map { input in
            guard let feature = try serviceColumn(input).feature else {
                throw VerificationObstacle.damagedManifest("the input '\(input.name)' is no feature")
            }
            return feature
        }
        let plan = try FeaturePlan(
            columns,
            inputs: inputs,
            rules: { rules[$0] },
            view: { name throws(StoreError) in try StoredView.whole(name, session) }
        )
        for role in plan.roles where role.keyColumns.count != role.view.definition.keys.count {
            throw VerificationObstacle.damagedManifest(
                "role '\(role.prefix)' has \(role.keyColumns.count) keys; view '\(role.view.name)' has "
                    + "\(role.view.definition.keys.count)"
            )
        }
        return try TrainingSetSpec(
            plan: plan,
            labelTime: labelTime,
            positionColumn: positionColumn,
            spine: spineColumns(),
            state: state,
            options: JoinOptions(knownAtLabel: knownAtLabel, witness: witness),
            isServed: served ?? false,
            atColumn: atColumn
        )
    }

    package func spineColumns() throws -> [ColumnSchema] {
        try spine.columns.map { column in
            if let type = FeatureType(text: column.type) { return ColumnSchema(name: column.name, type: type) }
            guard let passed = PassedType(text: column.type) else {
                throw VerificationObstacle.damagedManifest("type '\(column.type)' of spine column '\(column.name)'")
            }
            return ColumnSchema(name: column.name, type: passed.carrier, passed: passed)
        }
    }

    /// The state at the manifest's position, if it is the one that the manifest saw.
    private func timeline(_ session: Session) throws -> LedgerState {
        let ledger = Ledger(session)
        guard store.position > 0 else { return .beginning }
        guard try ledger.head().position >= store.position else {
            throw VerificationObstacle.anotherTimeline(position: store.position)
        }
        let state = try ledger.state(at: store.position)
        guard state.uid == store.uid else { throw VerificationObstacle.anotherTimeline(position: store.position) }
        return state
    }

    /// What was removed of the manifest's views since its position: what it says may no longer be found.
    package func removals(_ session: Session) throws(StoreError) -> [Removal] {
        let all = columns + (inputs ?? [])
        let views = Set(all.compactMap { $0.events ?? $0.view }).map { view in
            let direct = all.filter { $0.view == view && $0.events == nil }.compactMap(\.feature)
            let used = all.filter { $0.events == view }.flatMap { column in
                WindowColumn(of: view, text: column.window ?? "").words
            }
            return (name: view, features: direct + used)
        }
        return try RemovalRecord(session).since(store.position, of: views)
    }

    private func serviceColumns() throws -> [ServiceColumn] {
        try columns.map(serviceColumn)
    }

    private func serviceColumn(_ column: Column) throws -> ServiceColumn {
        guard let type = FeatureType(text: column.type) else {
            throw VerificationObstacle.damagedManifest("type '\(column.type)' of column '\(column.name)'")
        }
        if let request = column.request { return .request(RequestField(name: request, type: type)) }
        if let derive = column.derive, let expression = column.from {
            return .derived(DerivedColumn(name: derive, expression: expression, type: type))
        }
        guard let view = column.view, let prefix = column.prefix, let feature = column.feature else {
            throw VerificationObstacle.damagedManifest("the column '\(column.name)' comes from nowhere")
        }
        var made = FeatureColumn(
            view: view,
            alias: prefix == view ? nil : prefix,
            keys: roles.first { $0.prefix == prefix }?.keys ?? [],
            feature: feature,
            type: type
        )
        if let window = column.window, let events = column.events {
            made.window = WindowColumn(of: events, text: window)
        }
        return .feature(made)
    }

    /// The rules that were in force then: every manifest has them, also those without ``rules``.
    private func serviceRules() throws -> ServiceRules {
        let found = try roles.map { role in
            guard let delay = Interval(text: role.delay) else {
                throw VerificationObstacle.damagedManifest("delay '\(role.delay)' of role '\(role.prefix)'")
            }
            let ttl = try role.ttl.map { text in
                guard let ttl = Interval(text: text) else {
                    throw VerificationObstacle.damagedManifest("ttl '\(text)' of role '\(role.prefix)'")
                }
                return ttl
            }
            return ServiceRules.Role(prefix: role.prefix, ViewRules(ttl: ttl, delay: delay, isStrict: role.strict))
        }
        let columns = try serviceColumns()
        let made = ServiceRules(
            found,
            derived: columns.compactMap(\.derived),
            windows: columns.compactMap(\.feature) + (try (inputs ?? []).compactMap { try serviceColumn($0).feature })
        )
        if let rules, rules != made.fingerprint {
            throw VerificationObstacle.damagedManifest(
                "its rules are \(rules), and those of its roles \(made.fingerprint)"
            )
        }
        return made
    }
}
