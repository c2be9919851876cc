/* SPDX-License-Identifier: BSD-3-Clause */

/* IKE's UDP framing: what is read lies within the packet, and what was read can be sent and read
 * again. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/ctl_ike.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct again {
	uint8_t buf[65536];
	size_t len;
};

static int
keep(void *arg, const uint8_t *ip6, size_t len)
{
	struct again *a = arg;

	memcpy(a->buf, ip6, len);
	a->len = len;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct again a;
	struct ike_path path, back;
	const uint8_t *msg, *copy;
	size_t len, copy_len;

	if (size < 1)
		return 0;
	msg = gw_ike_parse(data + 1, size - 1, data[0], &path, &len);
	if (msg == NULL)
		return 0;
	if (msg < data + 1 || len > size - 1 - (size_t)(msg - data - 1))
		abort();
	if (len > 1200)
		return 0;
	back = (struct ike_path){path.remote, path.local, path.remote_port, path.local_port};
	/* ports other than 500 carry the marker, whoever sends */
	if ((path.local_port == GW_IKE_PORT) != (path.remote_port == GW_IKE_PORT))
		return 0;
	if (gw_ike_build(&back, msg, len, 1500, 1, keep, &a) != 0)
		abort();
	copy = gw_ike_parse(a.buf, a.len, 40, &back, &copy_len);
	if (copy == NULL || copy_len != len || memcmp(copy, msg, len) != 0)
		abort();
	return 0;
}
