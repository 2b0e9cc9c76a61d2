/* Addresses on the web. */
#pragma once

#include "base/buffer.h"

/* True if `url` has scheme, host and port of `origin`, and what is sent there cannot be overheard.
 */
bool address_may_have_token(const char *origin, const char *url);

/* True if `url` is of the web, and encrypted if `from` is. */
bool address_may_follow(const char *from, const char *url);

/* `relative` as a link on the page `base`; the caller frees it. NULL if it makes no sense. */
char *address_absolute(const char *base, const char *relative);

/* Appends `text` with everything but letters, digits and -._~/ written as %XX. */
void address_escape(struct buffer *buffer, const char *text);
