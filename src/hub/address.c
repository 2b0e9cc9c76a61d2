#include "hub/address.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct place {
    char *scheme, *host, *port;
};

static bool place_read(const char *url, struct place *place)
{
    *place = (struct place){0};
    CURLU *parts = curl_url();
    bool good = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_SCHEME, &place->scheme, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_HOST, &place->host, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_PORT, &place->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    curl_url_cleanup(parts);
    return good;
}

static void place_free(struct place *place)
{
    curl_free(place->scheme);
    curl_free(place->host);
    curl_free(place->port);
}

/* Without encryption only within this machine. */
static bool keeps_secrets(const struct place *place)
{
    return strcasecmp(place->scheme, "https") == 0 || strcmp(place->host, "127.0.0.1") == 0 ||
           strcmp(place->host, "[::1]") == 0 || strcasecmp(place->host, "localhost") == 0;
}

bool address_may_have_token(const char *origin, const char *url)
{
    struct place a, b;
    bool known = place_read(origin, &a);
    known = place_read(url, &b) && known;
    bool safe = known && strcasecmp(a.scheme, b.scheme) == 0 && strcasecmp(a.host, b.host) == 0 &&
                strcmp(a.port, b.port) == 0 && keeps_secrets(&b);
    place_free(&a);
    place_free(&b);
    return safe;
}

bool address_may_follow(const char *from, const char *url)
{
    if (strncasecmp(url, "https://", 8) == 0) return true;
    return strncasecmp(url, "http://", 7) == 0 && strncasecmp(from, "https://", 8) != 0;
}

char *address_absolute(const char *base, const char *relative)
{
    char *url = NULL, *copy = NULL;
    CURLU *parts = curl_url();
    if (parts && curl_url_set(parts, CURLUPART_URL, base, 0) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_URL, relative, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_URL, &url, 0) == CURLUE_OK)
        copy = strdup(url);
    curl_free(url);
    curl_url_cleanup(parts);
    return copy;
}

void address_escape(struct buffer *buffer, const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    for (; *text; text++) {
        if (strchr(plain, *text))
            buffer_append(buffer, text, 1);
        else
            buffer_format(buffer, "%%%02X", (unsigned char)*text);
    }
}
