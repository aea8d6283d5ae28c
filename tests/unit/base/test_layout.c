/* SPDX-License-Identifier: Apache-2.0 */
#include "base/layout.h"

#include "tests/unit/no_leaks.h"

#include <stdio.h>

TestSuite(layout);

static void make(struct bg_layout *layout)
{
    bg_layout_init(layout);
    cr_assert_eq(bg_layout_add(layout, "w1", 2, (uint32_t[]){64, 35}, NULL), BG_OK);
    cr_assert_eq(bg_layout_add(layout, "b1", 1, (uint32_t[]){64}, NULL), BG_OK);
    cr_assert_eq(bg_layout_add(layout, "k", 4, (uint32_t[]){2, 3, 4, 5}, NULL), BG_OK);
}

static void refused(struct bg_layout *layout, enum bg_status status, const char *name, uint32_t rank,
                    const uint32_t *shape, const char *part)
{
    size_t tensors = layout->tensor_count, coordinates = layout->coordinates;
    struct bg_error error;
    cr_assert_eq(bg_layout_add(layout, name, rank, shape, &error), status);
    cr_assert_eq(error.status, status);
    cr_assert_not_null(strstr(error.text, part), "%s", error.text);
    cr_assert_eq(layout->tensor_count, tensors);
    cr_assert_eq(layout->coordinates, coordinates);
}

Test(layout, tensors_follow_without_gaps)
{
    struct bg_layout layout;
    make(&layout);
    cr_assert_eq(layout.tensor_count, 3);
    cr_assert_eq(layout.coordinates, 64 * 35 + 64 + 120);
    const struct bg_tensor *k = bg_layout_find(&layout, "k");
    cr_assert_eq(k->offset, 64 * 35 + 64);
    cr_assert_eq(k->count, 120);
    const struct bg_tensor *b1 = bg_layout_find(&layout, "b1");
    cr_assert_eq(b1->rank, 1);
    cr_assert_eq(b1->shape[0], 64);
    cr_assert_eq(b1->shape[1], 1);
    cr_assert_eq(b1->shape[3], 1);
    cr_assert_null(bg_layout_find(&layout, "b2"));
    bg_layout_finish(&layout);
    NO_LEAKS();
}

Test(layout, refuses_what_it_cannot_hold)
{
    struct bg_layout layout;
    make(&layout);
    char name[BG_TENSOR_NAME_BYTES + 1];
    memset(name, 'n', sizeof name);
    name[BG_TENSOR_NAME_BYTES] = '\0';
    refused(&layout, BG_INVALID, "", 1, (uint32_t[]){1}, "name of 0 bytes");
    refused(&layout, BG_INVALID, name, 1, (uint32_t[]){1}, "name of 128 bytes");
    refused(&layout, BG_INVALID, "b1", 1, (uint32_t[]){1}, "tensor b1 appears twice");
    refused(&layout, BG_INVALID, "x", 0, (uint32_t[]){1}, "tensor x: rank 0");
    refused(&layout, BG_INVALID, "x", 5, (uint32_t[]){1, 1, 1, 1, 1}, "tensor x: rank 5");
    refused(&layout, BG_INVALID, "x", 2, (uint32_t[]){3, 0}, "tensor x: extent 1 is zero");
    refused(&layout, BG_TOO_LARGE, "x", 2, (uint32_t[]){UINT32_MAX, 2}, "tensor x: more than");
    refused(&layout, BG_TOO_LARGE, "x", 4, (uint32_t[]){UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}, "tensor x");
    refused(&layout, BG_TOO_LARGE, "x", 1, (uint32_t[]){1u << 31}, "over its limit");
    name[BG_TENSOR_NAME_BYTES - 1] = '\0';
    cr_assert_eq(bg_layout_add(&layout, name, 1, (uint32_t[]){1}, NULL), BG_OK);
    bg_layout_finish(&layout);
    NO_LEAKS();
}

Test(layout, refuses_too_many_tensors)
{
    struct bg_layout layout;
    bg_layout_init(&layout);
    char name[16];
    for (int i = 0; i < BG_LAYOUT_MAX_TENSORS; i++) {
        snprintf(name, sizeof name, "t%d", i);
        cr_assert_eq(bg_layout_add(&layout, name, 1, (uint32_t[]){1}, NULL), BG_OK);
    }
    refused(&layout, BG_TOO_LARGE, "last", 1, (uint32_t[]){1}, "tensor last");
    bg_layout_finish(&layout);
    NO_LEAKS();
}

Test(layout, copies_are_equal_and_separate)
{
    struct bg_layout layout, copy, empty;
    make(&layout);
    cr_assert_eq(bg_layout_copy(&layout, &copy), BG_OK);
    cr_assert(bg_layout_equal(&layout, &copy));
    copy.tensors[1].shape[0] = 65;
    cr_assert_not(bg_layout_equal(&layout, &copy));
    copy.tensors[1].shape[0] = 64;
    copy.tensors[2].name[0] = 'q';
    cr_assert_not(bg_layout_equal(&layout, &copy));
    bg_layout_finish(&copy);
    bg_layout_init(&empty);
    cr_assert_not(bg_layout_equal(&layout, &empty));
    cr_assert_eq(bg_layout_copy(&empty, &copy), BG_OK);
    cr_assert(bg_layout_equal(&empty, &copy));
    bg_layout_finish(&copy);
    bg_layout_finish(&layout);
    NO_LEAKS();
}
