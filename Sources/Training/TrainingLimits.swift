/// Every bound of fitting, with its reason.
package enum TrainingLimits {
    // MARK: Texts as numbers

    /// Texts of one feature that are categories: what a split by categories and 8 bits can tell apart.
    package static let categoriesMax = 254
    /// Texts of one feature that get a column each; the rarer ones share none.
    package static let levelsMax = 64
    /// Texts of one feature that get a weight of their own in a sparse linear model: the list is a part of each version.
    package static let slotLevelsMax = 65_536
    /// Buckets of a hashed feature in logistic and ridge, which solve for all their weights together.
    package static let linearBucketsMax = 1_024

    /// Rounds of boosting that `rounds` and `early_stopping` may ask for: a tree each, and one for each class.
    package static let roundsMax = 100_000

    // MARK: Checks

    /// Test rows among which an input is shuffled: more tell no other importance.
    package static let permutationRowsMax = 10_000
    /// Those rows times inputs: with more inputs than a thousand fewer rows are taken, so that a report never takes long.
    package static let permutationsMax = 10_000_000
    /// Rows by which training and test are told apart, half of each.
    static let adversarialRowsMax = 10_000

    // MARK: Inside

    /// Rows times the square of the numbers in each: with more columns fewer rows are taken, so that the check never takes long.
    static let adversarialWorkMax = 400_000_000
    /// How often a text is to occur for a weight of its own, where the model does not say.
    static let minCount = 20
}
