/* SPDX-License-Identifier: Apache-2.0 */
#include "net/https_client_call.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What CURLINFO_SSL_VERIFYRESULT says: OpenSSL's numbers. */
enum {
    CERTIFICATE_NOT_YET_VALID = 9,
    CERTIFICATE_HAS_EXPIRED = 10
};

#define SECONDS(nanoseconds) ((double)(nanoseconds) / (double)BG_SECOND)

static const char *clock_text(char *text, size_t size)
{
    time_t now = time(NULL);
    struct tm parts;
    if (!gmtime_r(&now, &parts) || !strftime(text, size, "%Y-%m-%d %H:%M:%S UTC", &parts))
        text[0] = '\0';
    return text;
}

/* Of "https://host:port/path": host, without the brackets of an IPv6 address. */
static void host_of(const char *url, char *ret_host, size_t capacity)
{
    const char *begin = strstr(url, "://");
    begin = begin ? begin + strlen("://") : url;
    size_t size = *begin == '[' ? strcspn(++begin, "]") : strcspn(begin, ":/?");
    if (size >= capacity)
        size = capacity - 1;
    memcpy(ret_host, begin, size);
    ret_host[size] = '\0';
}

static const char *own_words(const struct bg_https_failure *failure)
{
    return failure->text[0] ? failure->text : curl_easy_strerror(failure->code);
}

static enum bg_status explain_certificate(const struct bg_https_failure *failure, struct bg_error *error)
{
    char now[40];
    long result = 0;
    curl_easy_getinfo(failure->easy, CURLINFO_SSL_VERIFYRESULT, &result);
    if (result == CERTIFICATE_HAS_EXPIRED || result == CERTIFICATE_NOT_YET_VALID)
        return bg_fail(error, BG_BAD_KEY,
                       "%s: the server's certificate %s by this device's clock, which reads %s: set the clock, or "
                       "renew the certificate",
                       failure->url, result == CERTIFICATE_HAS_EXPIRED ? "has expired" : "is not valid yet",
                       clock_text(now, sizeof now));
    return bg_fail(error, BG_BAD_KEY,
                   "%s: the server's certificate is of another authority than the one this device was enrolled with: "
                   "check the URL, or enrol again (%s)",
                   failure->url, own_words(failure));
}

/* The server's TLS alert about this device's certificate; false if it sent none. */
static bool explain_alert(const struct bg_https_failure *failure, struct bg_error *error)
{
    static const char *const unknown[] = {"certificate revoked", "certificate unknown", "unknown ca",
                                          "bad certificate", "access denied", "decrypt error"};
    const char *alert = strstr(failure->text, "alert ");
    char now[40];
    if (!alert)
        return false;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (strstr(alert, unknown[i])) {
            bg_fail(error, BG_REFUSED,
                    "%s: the server refuses this device's certificate (%s): it is revoked or unknown there: enrol "
                    "again",
                    failure->url, unknown[i]);
            return true;
        }
    if (strstr(alert, "certificate expired")) {
        bg_fail(error, BG_REFUSED,
                "%s: the server says that this device's certificate has expired (clock here: %s): renew it, or enrol "
                "again",
                failure->url, clock_text(now, sizeof now));
        return true;
    }
    if (strstr(alert, "certificate required") || strstr(alert, "handshake failure")) {
        bg_fail(error, BG_REFUSED, "%s: the server wants a certificate of its authority (%s): enrol first",
                failure->url, own_words(failure));
        return true;
    }
    return false;
}

/* Of the settings or, as curl does it without one, of the environment. */
static bool has_proxy(const struct bg_https_failure *failure)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    bool found = failure->proxy && failure->proxy[0];
    for (size_t i = 0; !failure->proxy && i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        found |= value && value[0];
    }
    return found;
}

/* Where no connection was made, curl says to whom: another name than the server's is a proxy's, if there is one. Its
 * words may also be of a connection that broke before. */
static bool through_proxy(const struct bg_https_failure *failure)
{
    char host[256];
    long connect_code = 0;
    curl_easy_getinfo(failure->easy, CURLINFO_HTTP_CONNECTCODE, &connect_code);
    host_of(failure->url, host, sizeof host);
    return connect_code != 0 || failure->code == CURLE_PROXY ||
           (failure->code == CURLE_COULDNT_CONNECT && has_proxy(failure) && failure->text[0] &&
            !strstr(failure->text, host));
}

static enum bg_status explain_connection(const struct bg_https_failure *failure, struct bg_error *error)
{
    if (through_proxy(failure))
        return bg_fail(error, BG_IO, "%s: the proxy%s%s does not lead there: %s", failure->url,
                       failure->proxy ? " " : "", failure->proxy ? failure->proxy : "", own_words(failure));
    return bg_fail(error, BG_IO, "%s: no connection: %s: does the server run, and does a firewall let it be reached?",
                   failure->url, own_words(failure));
}

static enum bg_status explain_timeout(const struct bg_https_failure *failure, struct bg_error *error)
{
    static const struct {
        CURLINFO time;
        const char *waiting;
    } steps[] = {
        {CURLINFO_NAMELOOKUP_TIME_T, "its name was looked up"},
        {CURLINFO_PRETRANSFER_TIME_T, "a connection was made and TLS was agreed on"},
        {CURLINFO_STARTTRANSFER_TIME_T, "the answer was waited for"},
    };
    const char *waiting = "the answer came";
    for (size_t i = sizeof steps / sizeof *steps; i-- > 0;) {
        curl_off_t at = 0;
        curl_easy_getinfo(failure->easy, steps[i].time, &at);
        if (at > 0)
            break;
        waiting = steps[i].waiting;
    }
    uint64_t waited = failure->stalled_ns ? failure->stalled_ns : failure->connect_ns;
    return bg_fail(error, BG_IO, "%s: nothing happened for %.1f s while %s", failure->url, SECONDS(waited), waiting);
}

enum bg_status bg_https_explain(const struct bg_https_failure *failure, struct bg_error *error)
{
    const char *url = failure->url;
    char host[256];
    host_of(url, host, sizeof host);
    if (failure->refused)
        return bg_fail(error, BG_TOO_LARGE, "%s: the answer is larger than %zu bytes", url, failure->limit);
    if (explain_alert(failure, error))
        return error->status;
    switch (failure->code) {
    case CURLE_OUT_OF_MEMORY:
    case CURLE_WRITE_ERROR:
        return bg_fail(error, BG_NO_MEMORY, "%s: no memory for the request or its answer", url);
    case CURLE_COULDNT_RESOLVE_HOST:
        return bg_fail(error, BG_IO, "%s: the name \"%s\" has no address: is it right, and is there a network? (%s)",
                       url, host, own_words(failure));
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return bg_fail(error, BG_IO, "%s: no way through the proxy: %s", url, own_words(failure));
    case CURLE_COULDNT_CONNECT:
        return explain_connection(failure, error);
    case CURLE_OPERATION_TIMEDOUT:
        return explain_timeout(failure, error);
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return bg_fail(error, BG_BAD_KEY,
                       "%s: the server's key is not the one this device was enrolled with: check the URL, or enrol "
                       "again if the server was set up anew",
                       url);
    case CURLE_PEER_FAILED_VERIFICATION:
        return explain_certificate(failure, error);
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        return bg_fail(error, BG_BAD_KEY, "%s: this device's certificate, key or authority cannot be used: %s", url,
                       own_words(failure));
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
        return bg_fail(error, BG_DECODE, "%s: what answers there is not burgee: %s", url, own_words(failure));
    default:
        if (through_proxy(failure))
            return explain_connection(failure, error);
        return bg_fail(error, BG_IO, "%s: the connection broke: %s", url, own_words(failure));
    }
}
