#ifndef ASOF_FOREST_H
#define ASOF_FOREST_H
#include <stddef.h>
#include <stdint.h>

/// One node of a tree, 12 bytes. Children lie beside each other: the right one is `left + 1`.
typedef struct {
    /// What a value is compared with; of a leaf its value; of a split by categories the place of its set.
    union {
        float threshold;
        uint32_t set;
    };
    /// The left child; a leaf's is itself.
    uint32_t left;
    uint16_t feature;
    uint8_t kind;
    /// Whether a missing value goes left.
    uint8_t default_left;
} asof_forest_node;

enum {
    /// A value below the threshold goes left, any other right.
    ASOF_FOREST_SPLIT = 0,
    ASOF_FOREST_LEAF = 1,
    /// A value whose category is in the set goes right, any other left.
    ASOF_FOREST_CATEGORIES = 2,
};

/// Categories as bits: category c is bit c % 32 of word first + c / 32.
typedef struct {
    uint32_t first;
    uint32_t words;
} asof_forest_set;

/// Trees, one after the other.
typedef struct {
    const asof_forest_node *nodes;
    /// The root of each tree.
    const uint32_t *roots;
    /// The output that each tree adds to.
    const uint16_t *groups;
    size_t trees;
    const asof_forest_set *sets;
    const uint32_t *words;
    /// Whether any node splits by categories.
    int has_categories;
    /// What each output begins with.
    const float *base;
    size_t outputs;
    /// Values of a row.
    size_t width;
} asof_forest;

/// Adds up the trees of each row, in the order of the trees.
///
/// `rows` are `count` rows of `width` values, NaN = missing; `margins` has room for `count` rows of `outputs` values. Every node's
/// `feature` is below `width`, every child within the tree: whoever made the forest has checked it.
void asof_forest_margins(const asof_forest *forest, const float *rows, size_t count, float *margins);

/// The same sums, one tree after the other, in the plainest way.
void asof_forest_margins_plain(const asof_forest *forest, const float *rows, size_t count, float *margins);

/// Probabilities as XGBoost has them: 1 / (e^-m + 1 + 1e-16), with -m at most 88.7.
void asof_forest_sigmoid(const float *margins, size_t count, float *out);

/// The shares e^(m - max) / sum of each row's `outputs` margins.
void asof_forest_softmax(const float *margins, size_t count, size_t outputs, float *out);

#endif
