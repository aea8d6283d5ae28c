/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seeds.h"
#include "tests/unit/aggregator/one_group.h"
#include "tests/unit/wire/examples.h"

#include <stdio.h>
#include <stdlib.h>

/* Two examples of every kind of message. */
static void seed_frames(void)
{
    struct bg_writer several;
    bg_writer_init(&several);
    for (size_t k = 0; k < kind_count; k++) {
        for (uint64_t i = 0; i < 2; i++) {
            struct source source;
            struct bg_writer w;
            char name[64];
            source_init(&source, 100 * k + i);
            bg_writer_init(&w);
            kinds[k].make(&source, &w);
            FUZZ_REQUIRE(w.status == BG_OK, "no memory");
            snprintf(name, sizeof name, "%s_%u", bg_frame_type_name(kinds[k].type), (unsigned)i);
            for (char *c = name; *c; c++)
                *c = *c == ' ' ? '_' : *c;
            seed("frames", name, bg_writer_span(&w));
            if (i == 0 && w.size < 400)
                bg_write_bytes(&several, w.data, w.size);
            bg_writer_finish(&w);
            source_finish(&source);
        }
    }
    seed("frames", "several", bg_writer_span(&several));
    bg_writer_finish(&several);
}

static void seed_plan_parts(void)
{
    for (uint64_t i = 0; i < 6; i++) {
        struct source source;
        struct bg_writer key, root;
        char name[32];
        source_init(&source, 7 + i);
        bg_writer_init(&key);
        bg_writer_init(&root);
        struct bg_key_part key_part = random_key_part(&source);
        struct bg_root_part root_part = random_root_part(&source);
        bg_key_part_encode(&key_part, &key);
        bg_root_part_encode(&root_part, &root);
        snprintf(name, sizeof name, "key_%u", (unsigned)i);
        seed("plan_parts", name, bg_writer_span(&key));
        snprintf(name, sizeof name, "root_%u", (unsigned)i);
        seed("plan_parts", name, bg_writer_span(&root));
        bg_layout_finish(&root_part.layout);
        bg_writer_finish(&key);
        bg_writer_finish(&root);
        source_finish(&source);
    }
}

/* A member's manifest and blocks, as its file has them, and without the last block. */
static void seed_uploads(void)
{
    static struct one_group group;
    struct bg_writer w;
    one_group_init(&group, &(struct group_terms){.encryption = BG_PLAN_PAILLIER,
                                                 .mode = BG_PLAN_CODEC_EF,
                                                 .s = 2,
                                                 .coordinates = 19500});
    uint64_t *slots = honest_slots(&group);
    struct bg_update update = update_of(&group, 0, slots, NULL);
    bg_writer_init(&w);
    for (size_t i = 0; i <= update.block_count; i++) {
        struct bg_span frame = bg_update_frame(&update, i);
        if (i == update.block_count)
            seed("upload", "incomplete", bg_writer_span(&w));
        bg_write_bytes(&w, frame.data, frame.size);
    }
    seed("upload", "complete", bg_writer_span(&w));
    bg_writer_finish(&w);
    bg_update_finish(&update);
    free(slots);
    one_group_finish(&group);
}

void seed_messages(void)
{
    seed_uploads();
    seed_frames();
    seed_plan_parts();
}
