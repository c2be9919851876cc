/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes as they come out of SK, where a fuzzer cannot get by itself: exchange, flags and first
 * payload type from the first three, the chain from the rest. Then sealed and opened again.
 */
#include <errno.h>

#include "ike/sk.h"
#include "ike_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
round_trip(const struct ike_hdr *hdr, uint8_t first, const uint8_t *inner, size_t len)
{
	static struct ike_sk_key k;
	static uint8_t msg[1 << 16], out[1 << 16];
	struct ike_view back;
	struct ike_msg m;
	ssize_t n;

	k.encr = ike_encr_params(IKE_ENCR_AES_GCM_16, 128);
	k.integ = ike_integ_params(IKE_INTEG_NONE);
	n = ike_sk_seal(&k, hdr, first, inner, len, msg, sizeof(msg));
	if (n == -EMSGSIZE)
		return;
	MUST(n > 0);
	MUST(ike_msg_parse(&m, msg, (size_t)n) == 0);
	MUST(ike_sk_open(&k, &m, out, &back) == 0);
	MUST(m.sk_first == first && back.len == len);
	MUST(len == 0 || memcmp(back.p, inner, len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_msg m = {.sk_type = IKE_PLD_SK};
	int ret;

	if (size < 3)
		return 0;
	m.hdr.exchange = data[0];
	m.hdr.flags = data[1];
	ret = ike_msg_parse_inner(&m, data[2], data + 3, size - 3);
	if (ret == 0 || ret == -EOPNOTSUPP)
		fuzz_message(&m);
	round_trip(&m.hdr, data[2], data + 3, size - 3);
	return 0;
}
