/* models/catalogue.json as bytes; the Makefile writes the file that defines them. */
#pragma once

#include <stddef.h>

extern const unsigned char catalogue_data[];
extern const size_t catalogue_data_bytes;
