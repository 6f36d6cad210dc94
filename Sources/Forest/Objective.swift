/// What a margin stands for, and so how a prediction is made of it.
package enum Objective: String, Sendable, Equatable {
    /// One margin; the prediction is the probability `1 / (1 + exp(-margin))`.
    case logistic
    /// One margin a class; the predictions are probabilities that sum to 1.
    case softmax
    /// The margin is the prediction.
    case squared

    /// The objective that XGBoost calls so.
    init(xgboost name: String) throws(ForestError) {
        switch name {
        case "binary:logistic", "reg:logistic": self = .logistic
        case "multi:softprob", "multi:softmax": self = .softmax
        case "reg:squarederror", "reg:linear", "reg:absoluteerror", "reg:pseudohubererror": self = .squared
        default:
            throw .refused(
                what: "XGBoost's objective \(ModelText.shown(name))",
                hint:
                    "train with binary:logistic, reg:logistic, multi:softprob, reg:squarederror, reg:absoluteerror or reg:pseudohubererror"
            )
        }
    }
}
