import Features

/// The types that the columns of texts could have, by name, in the order in which they came.
struct TypeTally {
    private var names = KeyOrder(keys: [])
    private var candidates: [TypeCandidates] = []
    /// Names of columns that are to be times.
    private let times: Set<String>

    init(times: Set<String>) { self.times = times }

    /// The place of a column, which is made where there is none yet.
    mutating func place(_ name: String) -> Int {
        let key = Array(name.utf8)
        if let known = names.number(of: key.span) { return known }
        names.append(key)
        candidates.append(TypeCandidates(isTime: times.contains(name)))
        return candidates.count - 1
    }

    /// The place of the key that `field` holds, at place `hint` of its record.
    mutating func place(_ field: Field, in bytes: Span<UInt8>, at hint: Int) -> Int {
        names.find(field, in: bytes, at: hint) ?? place(JSONText.string(field, in: bytes))
    }

    subscript(place: Int) -> TypeCandidates {
        get { candidates[place] }
        set { candidates[place] = newValue }
        _modify { yield &candidates[place] }
    }

    /// Takes a text; `nil` = null.
    mutating func add(_ name: String, text: [UInt8]?) {
        let place = place(name)
        if let text { candidates[place].addText(text.span) }
    }

    /// Requests for all columns.
    func requests(absentIsNull: Bool, except dropped: Set<String> = []) -> [ColumnRequest] {
        zip(names.keys, candidates).compactMap { key, candidates in
            let name = String(decoding: key, as: UTF8.self)
            guard !dropped.contains(name) else { return nil }
            var request = candidates.request(name)
            request.absentIsNull = absentIsNull
            return request
        }
    }
}
