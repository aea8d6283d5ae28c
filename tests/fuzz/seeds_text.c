/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/config.h"
#include "base/prng.h"
#include "client/config.h"
#include "keyholder/config.h"
#include "simulator/config.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seeds.h"

#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define ROOM ((size_t)1 << 16)

struct named {
    const char *name, *text;
};

static const struct named tables[] = {
    {"plain", "a,b,Label\n1,2,BENIGN\n3,4.5e-3,\"DoS \"\"Hulk\"\"\"\n"},
    {"crlf", "a,b\r\n1,2\r\n\r\n"},
    {"bom", "\xef\xbb\xbf" "a,b\n1,2"},
    {"blanks", " a ,\tb , \" c \" \n , ,\n"},
    {"semicolons", "a;b\n1,5;2,5\n"},
    {"open_quote", "a\n\"b\n"},
    {"quote_inside", "a\"b,c\n"},
    {"empty", ""},
};

static const struct named documents[] = {
    {"all_types", "{\"a\": [null, true, false, 1, -2.5e-3, \"x\\u00e9\\ud83d\\ude00\\n\"], \"b\": {}}"},
    {"nested", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"},
    {"too_deep", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"},
    {"repeated_key", "{\"a\": 1, \"b\": 2, \"a\": 3}"},
    {"numbers", "[0, -0, 0.1, 18446744073709551615, 1e308, 1e-320, 123456789012345678901234567890]"},
    {"bare", " \t\n7 "},
};

/* Plain ones, and the forms that requests are smuggled in. */
static const struct named requests[] = {
    {"get", "GET /v1/p/plan?x=1 HTTP/1.1\r\nHost: a:1\r\nUser-Agent: b/1\r\n\r\n"},
    {"post", "POST /v1/p/updates HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"},
    {"chunked", "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
                "3\r\nabc\r\n00a\r\n0123456789\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"pipelined", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nDELETE /%c3%bc/%20 HTTP/1.1\r\nHost: a\r\nEmpty:\r\n\r\n"},
    {"length_and_chunks", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "1\r\nZ\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"hidden_chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
    {"two_lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\nabc"},
    {"folded", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n"},
    {"bare_lf", "GET / HTTP/1.1\r\nHost: a\nContent-Length: 3\r\n\r\nabc"},
    {"blank_before_colon", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc"},
    {"absolute", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"dots", "GET /a/%2e%2e/b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"extension", "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\r\nabc\r\n0\r\n\r\n"},
    {"trailer", "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n"},
    {"version", "GET / HTTP/1.0\r\nHost: a\r\n\r\n"},
    {"tls", "\x16\x03\x01\x02"},
};

static const struct named maps[] = {
    {"two_classes", "{\"description\": \"x\", \"classes\": ["
                    "{\"name\": \"BENIGN\", \"labels\": [\"BENIGN\", \"Normal\"]},"
                    " {\"name\": \"ATTACK\", \"labels\": [\"DoS\", \"Web Attack \xe2\x80\x93 XSS\"]}],"
                    " \"drop\": [\"Heartbleed\"], \"attempted\": \"BENIGN\"}"},
    {"drop_attempted", "{\"classes\": [{\"name\": \"a\", \"labels\": [\"a\"]}], \"attempted\": \"drop\"}"},
    {"twice", "{\"classes\": [{\"name\": \"a\", \"labels\": [\"x y\"]}, {\"name\": \"b\", \"labels\": [\"X-Y\"]}]}"},
};

static const struct named schemas[] = {
    {"readme", "{\"description\": \"one row per minute\", \"delimiter\": \";\", \"missing_tokens\": [\"?\"], "
               "\"columns\": {\"no\": \"drop\", "
               "\"time\": {\"use\": \"key\", \"name\": \"day\", \"first\": 10}, \"room\": \"key\", "
               "\"heat\": \"number\", \"bytes\": {\"use\": \"log\", \"missing\": 0}, \"sensor\": {\"use\": "
               "\"one_hot\", \"values\": [\"a\", \"b\"], \"unlisted\": \"refuse\"}, \"state\": \"label\"}, "
               "\"labels\": [\"calm\", \"busy\"]}"},
    {"port", "{\"columns\": {\"Dst Port\": \"number\", \"x\": \"log\", \"Label\": \"label\"}, \"port\": \"Dst Port\", "
             "\"header\": \"optional\", \"row_names\": true, \"missing\": 7, \"labels\": \"binary\", \"label_maps\": "
             "{\"own\": {\"classes\": [{\"name\": \"a\", \"labels\": [\"a\"]}, {\"name\": \"b\", \"labels\": []}]}}}"},
    {"least", "{\"columns\": {\"x\": \"number\", \"y\": \"label\"}, \"labels\": [\"0\", \"1\"]}"},
};

static const struct named data_files[] = {
    {"named", "l,k,c,b,a,n\np,2017-01,x,1e3,-0,?\nq,2018,z,,1.5,\n,2019,y,2,3,4\nq,none,y,nan,1,1\n"},
    {"rows", "-p,2017-01,x,1e3,-0,?\nq,2018,z,,1.5,\n,2019,y,2,3,4\nq,none,y,nan,1,1\n"},
    {"repeated", "a,b,c,k,l,a\n1,2,x,k,p,1\n"},
    {"arff", "% comment\n@relation r\n@attribute 'a' numeric\n"
             "@attribute k string\n@attribute l {p,q}\n@data\n1.5,u,p\n"},
    {"blanks", "1  day1 2.5   p\n2 day2 -3 q\n"},
};

static const struct named numbers[] = {
    {"u64", "18446744073709551615"},
    {"real", "-12.5e-7"},
    {"long", "0.1000000000000000055511151231257827021181583404541015625"},
    {"nineteen", "9007199254740993.001"},
    {"denormal", "4.9406564584124654e-324"},
    {"infinity", "-Infinity"},
    {"blanks", " \t7.25 "},
    {"digest", "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"},
};

static const struct named routes[] = {
    {"plan", "/v1/pi-lab/plan"},
    {"model", "/v1/l/models/000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
    {"receipt", "/v1/lab.2/receipts/18446744073709551615"},
    {"roster", "/v1/lab/roster/0"},
    {"upload", "/v1/lab/updates/0123456789abcdef"},
    {"status", "stale-plan"},
    {"file", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f-0123456789abcdef-1048576"},
};

static void seed_all(const char *harness, const struct named *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        seed_text(harness, list[i].name, list[i].text);
}

#define SEED_ALL(harness, list) seed_all(harness, list, sizeof list / sizeof *list)

/* ---- compressed files ---- */

static size_t with_gzip(struct bg_span content, uint8_t *out)
{
    z_stream z = {.next_in = (uint8_t *)content.data, .avail_in = (uInt)content.size, .next_out = out,
                  .avail_out = (uInt)ROOM};
    FUZZ_REQUIRE(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK, "zlib");
    FUZZ_REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END, "zlib");
    deflateEnd(&z);
    return ROOM - z.avail_out;
}

static size_t with_xz(struct bg_span content, uint8_t *out)
{
    size_t size = 0;
    FUZZ_REQUIRE(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, content.data, content.size, out, &size, ROOM) ==
                     LZMA_OK,
                 "liblzma");
    return size;
}

static size_t with_zstd(struct bg_span content, uint8_t *out)
{
    size_t size = ZSTD_compress(out, ROOM, content.data, content.size, 9);
    FUZZ_REQUIRE(!ZSTD_isError(size), "libzstd");
    return size;
}

/* Whole, twice one after the other, with bytes behind it, and cut. */
static void seed_compressed(const char *name, size_t (*compress)(struct bg_span content, uint8_t *out),
                            struct bg_span content)
{
    static uint8_t out[2 * ROOM];
    char title[64];
    size_t size = compress(content, out);
    snprintf(title, sizeof title, "%s_%zu", name, content.size);
    seed("stream", title, (struct bg_span){out, size});
    seed("csv", title, (struct bg_span){out, size});
    memcpy(out + size, out, size);
    snprintf(title, sizeof title, "%s_%zu_twice", name, content.size);
    seed("stream", title, (struct bg_span){out, 2 * size});
    out[size] = 'x';
    snprintf(title, sizeof title, "%s_%zu_behind", name, content.size);
    seed("stream", title, (struct bg_span){out, size + 1});
    snprintf(title, sizeof title, "%s_%zu_cut", name, content.size);
    seed("stream", title, (struct bg_span){out, size - size / 3});
}

static void seed_streams(void)
{
    static uint8_t table[900];
    struct bg_prng prng;
    struct bg_span small = {(const uint8_t *)tables[0].text, strlen(tables[0].text)};
    bg_prng_init(&prng, 1);
    for (size_t i = 0; i < sizeof table; i++)
        table[i] = (uint8_t)"0123456789.,\n"[bg_prng_below(&prng, 13)];
    seed("stream", "plain", small);
    seed("stream", "nothing", (struct bg_span){NULL, 0});
    seed_compressed("gzip", with_gzip, small);
    seed_compressed("xz", with_xz, small);
    seed_compressed("zstd", with_zstd, small);
    seed_compressed("gzip", with_gzip, (struct bg_span){table, sizeof table});
    seed_compressed("xz", with_xz, (struct bg_span){table, sizeof table});
    seed_compressed("zstd", with_zstd, (struct bg_span){table, sizeof table});
}

/* ---- configurations ---- */

static void seed_options(const char *role, const struct bg_option *table, size_t count, void *config)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    FUZZ_REQUIRE(out, "no stream in memory");
    bg_options_defaults(table, count, config);
    bg_options_print(table, count, config, out);
    fclose(out);
    seed("options", role, (struct bg_span){(uint8_t *)text, size});
    free(text);
}

static const struct named settings[] = {
    {"one_key", "{\"data\": {\"rows\": 1000}}"},
    {"wrong_type", "{\"data\": {\"rows\": \"many\"}}"},
    {"unknown", "{\"data\": {\"lines\": 1000}}"},
    {"repeated", "{\"data\": {\"rows\": 1, \"rows\": 2}}"},
    {"not_an_object", "[1]"},
    {"set", "data.rows=1000\n"},
    {"set_choice", "codec.mode=sign"},
    {"set_text", "data.dir=a=b"},
    {"set_unknown", "x=\x1b[1m"},
};

void seed_texts(void)
{
    static struct bg_simulator_config simulator;
    static struct bg_client_config client;
    static struct bg_aggregator_config aggregator;
    static struct bg_keyholder_config keyholder;
    SEED_ALL("csv", tables);
    SEED_ALL("http_routes", routes);
    SEED_ALL("json", documents);
    SEED_ALL("json", maps);
    SEED_ALL("http_parser", requests);
    SEED_ALL("labels", maps);
    SEED_ALL("labels", documents);
    SEED_ALL("numbers", numbers);
    SEED_ALL("schema", schemas);
    SEED_ALL("schema", maps);
    SEED_ALL("table", data_files);
    SEED_ALL("table", tables);
    SEED_ALL("survey", data_files);
    SEED_ALL("survey", tables);
    seed_text("survey", "other_bytes", "x,y\n1,caf\xe9\n2,a\x96\x62\n3,caf\xe9\n4,a\x96\x62\n");
    seed_text("inspect", "results",
              "{\"program\": \"burgee-simulator\", \"summary\": {\"accuracy\": 0.5}, \"rounds\": []}");
    SEED_ALL("options", settings);
    seed_options("simulator", bg_simulator_options, bg_simulator_option_count, &simulator);
    seed_options("client", bg_client_options, bg_client_option_count, &client);
    seed_options("aggregator", bg_aggregator_options, bg_aggregator_option_count, &aggregator);
    seed_options("keyholder", bg_keyholder_options, bg_keyholder_option_count, &keyholder);
    seed_streams();
}
