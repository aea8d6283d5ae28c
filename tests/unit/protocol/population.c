/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/protocol/population.h"

#include "crypto/digest.h"
#include "crypto/seal.h"
#include "tests/unit/crypto/secret_fixture.h"

static const char *const features[] = {"duration", "bytes", "packets"};
static const char *const classes[] = {"benign", "attack"};

static enum bg_status fill_repeatably(void *context, void *data, size_t size)
{
    struct bg_prng *prng = context;
    uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)bg_prng_next(prng);
    return BG_OK;
}

static void make_identities(struct population *p)
{
    cr_assert_eq(bg_identity_create(&p->random, &p->root), BG_OK);
    cr_assert_eq(bg_identity_create(&p->random, &p->key_holder), BG_OK);
    for (size_t i = 0; i < POPULATION_CLIENTS; i++)
        cr_assert_eq(bg_identity_create(&p->random, &p->clients[i]), BG_OK);
    cr_assert_eq(bg_sealing_key_create(&p->random, &p->sealing_key), BG_OK);
}

static void make_groups(struct population *p, uint64_t epoch)
{
    struct bg_roster_entry entries[POPULATION_CLIENTS] = {0};
    struct bg_roster roster = {entries, POPULATION_CLIENTS};
    struct bg_digest zero = {{0}};
    for (size_t i = 0; i < POPULATION_CLIENTS; i++) {
        entries[i].client = *bg_identity_digest(p->clients[i]);
        strcpy(entries[i].cell.label, "all");
        memcpy(entries[i].public_key, bg_identity_point(p->clients[i]), BG_PUBLIC_POINT_BYTES);
    }
    cr_assert_eq(bg_roster_sort(entries, POPULATION_CLIENTS, NULL), BG_OK);
    struct bg_digest digest = bg_roster_digest(&roster);
    struct bg_digest beacon = bg_beacon(&digest, &zero, &zero);
    cr_assert_eq(bg_partition(&roster, &beacon, epoch, 4, 3, &p->arena, NULL, &p->groups, &p->plan.key.group_most),
                 BG_OK);
    bg_groups_encode(&p->groups_frame, &p->name, &p->groups);
    bg_sha256((struct bg_span){p->groups_frame.data + BG_FRAME_HEADER_BYTES,
                               p->groups_frame.size - BG_FRAME_HEADER_BYTES},
              &p->plan.key.groups);
    p->plan.key.roster = digest;
    p->plan.key.group_count = (uint32_t)p->groups.count;
}

static void make_key_part(struct population *p, const struct population_terms *terms)
{
    struct bg_key_part *part = &p->plan.key;
    part->population = p->name;
    part->epoch = terms->epoch;
    part->encryption = terms->encryption;
    part->mixed_radix = terms->mixed_radix;
    part->group_size = 4;
    part->group_least = 3;
    if (terms->encryption == BG_PLAN_OFF)
        return;
    p->secret = vector_key(0, terms->s ? terms->s : 1);
    const struct bg_public_key *key = bg_secret_key_public(p->secret);
    part->key_bits = bg_public_key_bits(key);
    part->s = bg_public_key_s(key);
    part->insecure = true;
    part->key_id = *bg_public_key_id(key);
    part->modulus = bg_public_key_n(key);
}

static void make_layout(struct bg_layout *layout, const struct bg_layout *wanted)
{
    static const char *const names[] = {"first", "middle", "last"};
    static const uint32_t sizes[] = {900, 30, 110};
    if (wanted) {
        cr_assert_eq(bg_layout_copy(wanted, layout), BG_OK);
        return;
    }
    bg_layout_init(layout);
    for (size_t i = 0; i < COUNT(sizes); i++)
        cr_assert_eq(bg_layout_add(layout, names[i], 1, &sizes[i], NULL), BG_OK);
}

static void make_root_part(struct population *p, const struct population_terms *terms)
{
    struct bg_root_part *part = &p->plan.root;
    strcpy(part->model, "linear");
    strcpy(part->label_map, "some");
    part->features = features;
    part->feature_count = COUNT(features);
    part->classes = classes;
    part->class_count = COUNT(classes);
    make_layout(&part->layout, terms->layout);
    part->codec = (struct bg_plan_codec){.mode = terms->mode ? terms->mode : BG_PLAN_CODEC_EF,
                                         .centre_median = terms->centre_median,
                                         .clip = 4,
                                         .growth = 1.2,
                                         .growth_from = 5,
                                         .percentile = 0.25,
                                         .decay = 0.9,
                                         .client_momentum = terms->client_momentum,
                                         .server_momentum = 0.9,
                                         .server_step = 0.25};
    part->training = (struct bg_plan_training){.optimizer = BG_PLAN_SGD,
                                               .class_weights = BG_PLAN_WEIGHTS_NONE,
                                               .momentum = 0.9,
                                               .proximal_mu = terms->drift_memory,
                                               .drift_memory = terms->drift_memory,
                                               .batch = 8};
    memcpy(part->sealing_key, bg_sealing_key_point(p->sealing_key), BG_PUBLIC_POINT_BYTES);
}

void population_sign_plan(struct population *p)
{
    struct bg_writer key, root;
    uint8_t key_signature[BG_SIGNATURE_BYTES], root_signature[BG_SIGNATURE_BYTES];
    bg_writer_init(&key);
    bg_writer_init(&root);
    bg_key_part_encode(&p->plan.key, &key);
    bg_root_part_encode(&p->plan.root, &root);
    struct bg_span key_bytes = bg_writer_span(&key), root_bytes = bg_writer_span(&root);
    cr_assert_eq(bg_envelope_sign(p->key_holder, BG_SIGNED_KEY_PART, key_bytes, key_signature), BG_OK);
    cr_assert_eq(bg_envelope_sign(p->root, BG_SIGNED_ROOT_PART, root_bytes, root_signature), BG_OK);
    p->plan_id = bg_plan_id(key_bytes, root_bytes);
    bg_writer_finish(&p->plan_frame);
    bg_writer_init(&p->plan_frame);
    bg_plan_encode(&p->plan_frame, &p->name, &p->plan_id, key_bytes, key_signature, root_bytes, root_signature);
    cr_assert_eq(p->plan_frame.status, BG_OK);
    bg_writer_finish(&key);
    bg_writer_finish(&root);
}

void population_init(struct population *p, const struct population_terms *terms)
{
    *p = (struct population){0};
    bg_prng_init(&p->prng, 11);
    p->random = (struct bg_random){fill_repeatably, &p->prng};
    bg_arena_init(&p->arena, SIZE_MAX);
    cr_assert_eq(bg_population_set(&p->name, terms->name ? terms->name : "test"), BG_OK);
    make_identities(p);
    make_groups(p, terms->epoch);
    make_key_part(p, terms);
    make_root_part(p, terms);
    population_sign_plan(p);
}

void population_finish(struct population *p)
{
    bg_identity_destroy(&p->root);
    bg_identity_destroy(&p->key_holder);
    for (size_t i = 0; i < POPULATION_CLIENTS; i++)
        bg_identity_destroy(&p->clients[i]);
    bg_sealing_key_destroy(&p->sealing_key);
    bg_secret_key_destroy(&p->secret);
    bg_plan_finish(&p->plan);
    bg_writer_finish(&p->plan_frame);
    bg_writer_finish(&p->groups_frame);
    bg_arena_finish(&p->arena);
}

struct bg_writer task_frame(const struct population *p, const struct bg_task *task)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_task_encode_unsigned(&w, &p->name, &p->plan_id, task);
    cr_assert_eq(bg_envelope_close(p->root, BG_SIGNED_TASK, &w, 0), BG_OK);
    return w;
}

struct bg_writer receipt_frame(const struct population *p, const struct bg_receipt *receipt)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_receipt_encode_unsigned(&w, &p->name, &p->plan_id, receipt);
    cr_assert_eq(bg_envelope_close(p->root, BG_SIGNED_RECEIPT, &w, 0), BG_OK);
    return w;
}
