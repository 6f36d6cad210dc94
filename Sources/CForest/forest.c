// Sums of trees. Only single-precision additions in a fixed order, so that every way to compute them gives the same bits: this
// file is not to be compiled with -ffast-math, nor with contraction into fused operations.
#pragma STDC FP_CONTRACT OFF
#include "CForest.h"

#include <math.h>
#include <string.h>

/// Trees that are walked side by side: each waits for memory of its own. And rows that do so before the next trees.
enum { LANES = 8, ROWS = 64 };

static inline int in_set(const asof_forest *forest, uint32_t set, float value) {
    // Not a category: negative, beyond the set, or of the size at which floats have gaps.
    if (!(value >= 0) || value >= 16777216.0f) return 0;
    uint32_t category = (uint32_t)value;
    asof_forest_set found = forest->sets[set];
    uint32_t word = category / 32;
    if (word >= found.words) return 0;
    return (int)(forest->words[found.first + word] >> (category % 32) & 1);
}

// One step of one tree, without branches where the forest has no categories; a leaf stays where it is.
static inline __attribute__((always_inline)) uint32_t step(
    const asof_forest *forest, const float *row, uint32_t at, int has_categories) {
    const asof_forest_node *node = forest->nodes + at;
    float value = row[node->feature];
    uint32_t right = !(value < node->threshold);
    if (has_categories && node->kind == ASOF_FOREST_CATEGORIES) right = (uint32_t)in_set(forest, node->set, value);
    uint32_t missing = value != value;
    right = (missing & !node->default_left) | (~missing & right);
    return node->left + (right & (node->kind != ASOF_FOREST_LEAF));
}

// Eight trees side by side, for some rows before the next eight, so that their nodes stay near; each row adds in the trees' order.
static inline __attribute__((always_inline)) void walk(
    const asof_forest *forest, const float *rows, size_t count, float *margins, int has_categories) {
    size_t tree = 0;
    for (; tree + LANES <= forest->trees; tree += LANES) {
        for (size_t index = 0; index < count; index++) {
            const float *row = rows + index * forest->width;
            uint32_t at[LANES];
            for (int lane = 0; lane < LANES; lane++) at[lane] = forest->roots[tree + (size_t)lane];
            uint32_t moved;
            do {
                moved = 0;
                for (int lane = 0; lane < LANES; lane++) {
                    uint32_t next = step(forest, row, at[lane], has_categories);
                    moved |= next ^ at[lane];
                    at[lane] = next;
                }
            } while (moved != 0);
            float *sums = margins + index * forest->outputs;
            for (int lane = 0; lane < LANES; lane++)
                sums[forest->groups[tree + (size_t)lane]] += forest->nodes[at[lane]].threshold;
        }
    }
    for (; tree < forest->trees; tree++) {
        for (size_t index = 0; index < count; index++) {
            uint32_t at = forest->roots[tree];
            while (forest->nodes[at].kind != ASOF_FOREST_LEAF)
                at = step(forest, rows + index * forest->width, at, has_categories);
            margins[index * forest->outputs + forest->groups[tree]] += forest->nodes[at].threshold;
        }
    }
}

void asof_forest_margins(const asof_forest *forest, const float *rows, size_t count, float *margins) {
    for (size_t begin = 0; begin < count; begin += ROWS) {
        size_t part = count - begin < ROWS ? count - begin : ROWS;
        const float *first = rows + begin * forest->width;
        float *sums = margins + begin * forest->outputs;
        for (size_t index = 0; index < part; index++)
            memcpy(sums + index * forest->outputs, forest->base, forest->outputs * sizeof *sums);
        if (forest->has_categories) walk(forest, first, part, sums, 1);
        else walk(forest, first, part, sums, 0);
    }
}

void asof_forest_margins_plain(const asof_forest *forest, const float *rows, size_t count, float *margins) {
    for (size_t index = 0; index < count; index++) {
        const float *row = rows + index * forest->width;
        for (size_t output = 0; output < forest->outputs; output++) margins[index * forest->outputs + output] = forest->base[output];
        for (size_t tree = 0; tree < forest->trees; tree++) {
            uint32_t at = forest->roots[tree];
            while (forest->nodes[at].kind != ASOF_FOREST_LEAF) {
                const asof_forest_node *node = &forest->nodes[at];
                float value = row[node->feature];
                int left;
                if (isnan(value)) {
                    left = node->default_left;
                } else if (node->kind == ASOF_FOREST_CATEGORIES) {
                    left = !in_set(forest, node->set, value);
                } else {
                    left = value < node->threshold;
                }
                at = left ? node->left : node->left + 1;
            }
            margins[index * forest->outputs + forest->groups[tree]] += forest->nodes[at].threshold;
        }
    }
}

void asof_forest_sigmoid(const float *margins, size_t count, float *out) {
    for (size_t index = 0; index < count; index++) {
        float negative = -margins[index];
        if (negative > 88.7f) negative = 88.7f;
        out[index] = 1.0f / (expf(negative) + 1.0f + 1e-16f);
    }
}

void asof_forest_softmax(const float *margins, size_t count, size_t outputs, float *out) {
    for (size_t index = 0; index < count; index++) {
        const float *row = margins + index * outputs;
        float *shares = out + index * outputs;
        float most = row[0];
        for (size_t output = 1; output < outputs; output++) most = fmaxf(row[output], most);
        double sum = 0;
        for (size_t output = 0; output < outputs; output++) {
            shares[output] = expf(row[output] - most);
            sum += shares[output];
        }
        for (size_t output = 0; output < outputs; output++) shares[output] /= (float)sum;
    }
}
