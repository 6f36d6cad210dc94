// Walks through forests of decision trees. Every kernel adds the same float32 leaves in the same order, so that their
// margins are equal bit for bit; nothing here checks indices: the Swift reader has.
#ifndef ASOF_FOREST_H
#define ASOF_FOREST_H

#include <stddef.h>
#include <stdint.h>

#define ASOF_FOREST_DEFAULT_LEFT 1
#define ASOF_FOREST_LEAF 2
#define ASOF_FOREST_CATEGORY 4

// A node of a tree. Its children are `left` and `left + 1`; a leaf's `left` is itself.
typedef struct {
    float value;       // below it goes left; a leaf: what it adds; of a category: the index of its set, as bits
    uint32_t left;
    uint16_t feature;  // 0 in a leaf
    uint8_t flags;
    uint8_t unused;
} asof_forest_node;

// Categories that go right: `count` words of bits from `first`.
typedef struct {
    uint32_t first;
    uint32_t count;
} asof_forest_set;

typedef struct {
    const asof_forest_node *nodes;
    const uint32_t *roots;    // of each tree
    const uint16_t *depths;   // of each tree: steps from the root to its deepest leaf
    const uint16_t *outputs;  // of each tree: which output it adds to
    const asof_forest_set *sets;
    const uint32_t *words;
    const float *base;        // of each output
    size_t trees;
    size_t width;             // values of a row
    size_t outputs_count;
    int has_categories;
} asof_forest;

// Margins of `count` rows of `width` values, NaN where one is missing: `outputs_count` of each row.
// One tree after the other, as the definition says; slow.
void asof_forest_scalar(const asof_forest *forest, const float *rows, size_t count, float *margins);
// Eight trees at once, so that their loads overlap; any shape.
void asof_forest_lockstep(const asof_forest *forest, const float *rows, size_t count, float *margins);

// Reads a number of JSON, or NaN, Infinity, -Infinity; as double and as float, each rounded once. 0 where it is none.
int asof_forest_number(const uint8_t *text, size_t count, double *as_double, float *as_float);

// The margin that stands for a probability.
float asof_forest_logit(float probability);
// Margins to predictions, in place, as XGBoost 3 computes them.
void asof_forest_logistic(float *values, size_t count);
void asof_forest_softmax(float *values, size_t count, size_t classes);

#endif
