/* How fast the drive below a file reads. */
#pragma once

/* Bytes a second when the file is read in large pieces from places all over it, past the page
 * cache; takes about 0.3 s and at most 512 MB. 0 where that cannot be known: no such file, too
 * small a one, or a file system that reads only through the cache. Reads and changes nothing that
 * is in memory. */
double drive_read_rate(const char *path);
