/* SPDX-License-Identifier: BSD-3-Clause */
/* A datagram as it comes: header, chain, decoders, and opening it with known keys. */
#include <errno.h>

#include "ike/sk.h"
#include "ike_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
open_with_keys(const struct ike_msg *m)
{
	static const uint16_t suites[][3] = {{IKE_ENCR_AES_CBC, 128, IKE_INTEG_HMAC_SHA1_96},
		{IKE_ENCR_AES_GCM_16, 256, IKE_INTEG_NONE},
		{IKE_ENCR_CHACHA20_POLY1305, 0, IKE_INTEG_NONE}};
	struct ike_frags f = {0};

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		struct ike_sk_key k = {.encr = ike_encr_params(suites[i][0], suites[i][1]),
			.integ = ike_integ_params(suites[i][2])};
		uint8_t *out = malloc(m->sk_body.len + 1);
		struct ike_view inner;

		/* a key of zeroes; guessing the ICV is beyond the fuzzer, the lengths are not */
		if (ike_sk_open(&k, m, out, &inner) == 0)
			MUST(inner.len < m->sk_body.len);
		free(out);
	}
	/* as if it had been opened */
	ike_frags_add(&f, m, m->sk_body, IKE_MSG_MAX);
	MUST(f.n <= f.total && f.total <= IKE_FRAGS_MAX && f.bytes <= IKE_MSG_MAX);
	ike_frags_fini(&f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_msg m;
	int ret = ike_msg_parse(&m, data, size);

	if (ret == -EOPNOTSUPP)
		MUST(m.critical != 0);
	if (ret != 0 && ret != -EOPNOTSUPP)
		return 0;
	MUST(m.hdr.length == size);
	fuzz_message(&m);
	if (m.sk_type == 0)
		return 0;
	MUST(m.sk_aad.p == data && m.sk_aad.len + m.sk_body.len == size);
	open_with_keys(&m);
	return 0;
}
