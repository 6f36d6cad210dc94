#include "forest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// A multiplication and an addition stay two roundings on every CPU.
#pragma STDC FP_CONTRACT OFF

enum { lanes = 8, rows_at_once = 32 };

static const float categories_end = 16777216.0f;

static inline int is_in_set(const asof_forest *forest, uint32_t index, float value) {
    if (!(value >= 0.0f && value < categories_end)) return 0;
    const uint32_t category = (uint32_t)value;
    const asof_forest_set set = forest->sets[index];
    const uint32_t word = category >> 5;
    if (word >= set.count) return 0;
    return forest->words[set.first + word] >> (category & 31) & 1;
}

static inline uint32_t set_index(const asof_forest_node *node) {
    uint32_t bits;
    memcpy(&bits, &node->value, sizeof bits);
    return bits;
}

static void fill_base(const asof_forest *forest, size_t count, float *margins) {
    for (size_t row = 0; row < count; row++)
        memcpy(margins + row * forest->outputs_count, forest->base, forest->outputs_count * sizeof(float));
}

void asof_forest_scalar(const asof_forest *forest, const float *rows, size_t count, float *margins) {
    fill_base(forest, count, margins);
    for (size_t row = 0; row < count; row++) {
        const float *values = rows + row * forest->width;
        for (size_t tree = 0; tree < forest->trees; tree++) {
            const asof_forest_node *node = forest->nodes + forest->roots[tree];
            while (!(node->flags & ASOF_FOREST_LEAF)) {
                const float value = values[node->feature];
                int right;
                if (isnan(value)) right = !(node->flags & ASOF_FOREST_DEFAULT_LEFT);
                else if (node->flags & ASOF_FOREST_CATEGORY) right = is_in_set(forest, set_index(node), value);
                else right = !(value < node->value);
                node = forest->nodes + node->left + right;
            }
            margins[row * forest->outputs_count + forest->outputs[tree]] += node->value;
        }
    }
}

// One step of one tree. Without branches where there are no categories; a leaf stays where it is.
static inline __attribute__((always_inline)) uint32_t step(
    const asof_forest *forest, const float *values, uint32_t at, int has_categories) {
    const asof_forest_node *node = forest->nodes + at;
    const float value = values[node->feature];
    const uint32_t flags = node->flags;
    uint32_t right = !(value < node->value);
    if (has_categories && (flags & ASOF_FOREST_CATEGORY)) right = is_in_set(forest, set_index(node), value);
    const uint32_t missing = value != value;
    const uint32_t right_by_default = (flags & ASOF_FOREST_DEFAULT_LEFT) ^ ASOF_FOREST_DEFAULT_LEFT;
    right = (missing & right_by_default) | (~missing & right);
    return node->left + (right & ~(flags >> 1) & 1);
}

static inline __attribute__((always_inline)) void walk(
    const asof_forest *forest, const float *rows, size_t count, float *margins, int has_categories) {
    for (size_t begin = 0; begin < count; begin += rows_at_once) {
        const size_t end = begin + rows_at_once < count ? begin + rows_at_once : count;
        size_t tree = 0;
        // Trees in the outer loop, so that eight of them stay in the cache for some rows; each row still adds in their order.
        for (; tree + lanes <= forest->trees; tree += lanes) {
            uint32_t depth = 0;
            for (int lane = 0; lane < lanes; lane++)
                if (forest->depths[tree + lane] > depth) depth = forest->depths[tree + lane];
            for (size_t row = begin; row < end; row++) {
                const float *values = rows + row * forest->width;
                uint32_t at[lanes];
                for (int lane = 0; lane < lanes; lane++) at[lane] = forest->roots[tree + lane];
                for (uint32_t level = 0; level < depth; level++) {
#pragma clang loop unroll(full)
                    for (int lane = 0; lane < lanes; lane++) at[lane] = step(forest, values, at[lane], has_categories);
                }
                float *out = margins + row * forest->outputs_count;
                for (int lane = 0; lane < lanes; lane++)
                    out[forest->outputs[tree + lane]] += forest->nodes[at[lane]].value;
            }
        }
        for (; tree < forest->trees; tree++) {
            for (size_t row = begin; row < end; row++) {
                const float *values = rows + row * forest->width;
                uint32_t at = forest->roots[tree];
                for (uint32_t level = 0; level < forest->depths[tree]; level++)
                    at = step(forest, values, at, has_categories);
                margins[row * forest->outputs_count + forest->outputs[tree]] += forest->nodes[at].value;
            }
        }
    }
}

void asof_forest_lockstep(const asof_forest *forest, const float *rows, size_t count, float *margins) {
    fill_base(forest, count, margins);
    if (forest->has_categories) walk(forest, rows, count, margins, 1);
    else walk(forest, rows, count, margins, 0);
}

static int is_number(const char *p) {
    if (*p == '-') p++;
    if (*p == '0') p++;
    else {
        if (*p < '1' || *p > '9') return 0;
        while (*p >= '0' && *p <= '9') p++;
    }
    if (*p == '.') {
        p++;
        if (*p < '0' || *p > '9') return 0;
        while (*p >= '0' && *p <= '9') p++;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-') p++;
        if (*p < '0' || *p > '9') return 0;
        while (*p >= '0' && *p <= '9') p++;
    }
    return *p == 0;
}

int asof_forest_number(const uint8_t *text, size_t count, double *as_double, float *as_float) {
    char copy[72];
    if (count == 0 || count >= sizeof copy) return 0;
    memcpy(copy, text, count);
    copy[count] = 0;
    if (strlen(copy) != count) return 0;
    if (!is_number(copy) && strcmp(copy, "NaN") && strcmp(copy, "Infinity") && strcmp(copy, "-Infinity")) return 0;
    *as_double = strtod(copy, NULL);
    *as_float = strtof(copy, NULL);
    return 1;
}

float asof_forest_logit(float probability) { return -logf(1.0f / probability - 1.0f); }

void asof_forest_logistic(float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const float negative = -values[i];
        const float power = 88.7f < negative ? 88.7f : negative;
        values[i] = 1.0f / (expf(power) + 1.0f + 1e-16f);
    }
}

void asof_forest_softmax(float *values, size_t count, size_t classes) {
    for (size_t row = 0; row < count; row++, values += classes) {
        float largest = values[0];
        for (size_t i = 1; i < classes; i++) largest = fmaxf(values[i], largest);
        double sum = 0;
        for (size_t i = 0; i < classes; i++) {
            values[i] = expf(values[i] - largest);
            sum += values[i];
        }
        for (size_t i = 0; i < classes; i++) values[i] /= (float)sum;
    }
}
