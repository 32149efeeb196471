/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_FILE_NAME_H
#define SEEP_ANALYZER_COLLECT_FILE_NAME_H

#include <stdint.h>

/* Names that nothing has yet: pids come again, in a container after each start. */
enum { SEEP_FILE_NAME_BYTES = 256 };

/* The first free name of STEM.seep, STEM.1.seep, STEM.2.seep ... in a directory.
 *
 * stem:  borrowed; without '/'.
 * first: the number to begin with; 0 is STEM.seep.
 * name:  out; untouched on failure.
 * Returns: 0; -ENAMETOOLONG; -EEXIST a thousand are taken; -errno of faccessat.
 */
int seep_file_name_free(int dir_fd, const char *stem, uint32_t first,
                        char name[SEEP_FILE_NAME_BYTES]);

#endif
