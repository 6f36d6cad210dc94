import Features
import Online
import Reading
import Serving
import Wire

/// A key of the hash view: `view:entity`, which stands for the entity's latest values.
struct HashKey: Sendable {
    let view: ServedView
    /// Of one entity.
    let keys: LookupKeys

    /// - Returns: `nil` where no view in force has such a key, so that there is no hash.
    init?(_ text: Span<UInt8>, in catalog: Catalog) {
        guard let colon = Self.colon(in: text), let view = catalog.view(named: text.extracting(0..<colon)),
            view.isOnline
        else { return nil }
        var keys = LookupKeys(view, capacity: 1)
        do throws(CommandFault) {
            try keys.append(entity: text.extracting(colon + 1..<text.count))
        } catch {
            return nil
        }
        self.view = view
        self.keys = keys
    }

    /// Where the view's name ends: names have no colons.
    private static func colon(in text: Span<UInt8>) -> Int? {
        for index in 0..<min(text.count, DefinitionLimits.nameLengthMax + 1) where text[index] == UInt8(ascii: ":") {
            return index
        }
        return nil
    }

    /// The key of a row.
    static func text(_ row: PackedRow, _ view: ServedView) -> String {
        let keys = view.definition.keys
        return "\(view.name):" + (keys.isEmpty ? "" : EntityText.text(row.keys(view.layout), keys: keys))
    }
}
