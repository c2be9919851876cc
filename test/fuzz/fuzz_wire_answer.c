/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames on a hand-off port: an answer fits, goes back to where the question came from, and is none
 * that would be answered again. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wire_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	size_t cap = size + 32, len;
	uint8_t *f;

	if (size < 1)
		return 0;
	f = malloc(cap);
	if (f == NULL)
		return 0;
	memcpy(f, data, size);
	len = gw_wire_answer(f, size, cap, mac);
	if (len > cap)
		abort();
	if (len > 0) {
		if (memcmp(f, data + 6, 6) != 0 || memcmp(f + 6, mac, 6) != 0)
			abort();
		if (gw_wire_answer(f, len, cap, mac) != 0)
			abort();
	}
	free(f);
	return 0;
}
