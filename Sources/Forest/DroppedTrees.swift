/// What each tree of a model counts that was trained with dropped trees (`booster=dart`, or `rate_drop`); nil where all count fully.
///
/// XGBoost 3.4 writes them beside the trees of a booster that calls itself gbtree, older versions around one called dart. It
/// multiplies a leaf by its tree's weight in single precision before it adds it, and so the product can be made once.
func droppedTreeWeights(_ booster: ModelValue, _ model: ModelValue) throws(ForestError) -> [Float]? {
    guard let given = model["weight_drop"] ?? booster["weight_drop"] else { return nil }
    guard case .numbers(let numbers) = given, numbers.allSatisfy(\.isFinite) else {
        throw .unsuitable("weight_drop is no list of finite numbers")
    }
    return numbers.isEmpty ? nil : numbers.map { Float($0) }
}
