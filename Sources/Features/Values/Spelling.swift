/// Whether texts of definitions are the same bytes, which is what a store keeps and PostgreSQL compares.
///
/// `==` of strings also takes for equal what Unicode calls equivalent: é as one scalar, and as e with an accent.
enum Spelling {
    static func isSame(_ left: String?, _ right: String?) -> Bool {
        guard let left, let right else { return left == nil && right == nil }
        return left.utf8.elementsEqual(right.utf8)
    }

    static func isSame(_ left: [String], _ right: [String]) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { isSame($0, $1) }
    }

    static func isSame(_ left: [String: String], _ right: [String: String]) -> Bool {
        let (left, right) = (left.sorted { $0.key < $1.key }, right.sorted { $0.key < $1.key })
        return isSame(left.flatMap { [$0.key, $0.value] }, right.flatMap { [$0.key, $0.value] })
    }
}
