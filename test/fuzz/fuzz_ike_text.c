/* SPDX-License-Identifier: BSD-3-Clause */
/* Proposals, selectors and identities as users write them; the first byte says which. */
#include "ike_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
proposal(const char *text)
{
	static struct ike_proposals l;
	char err[64] = "";
	int ret;

	for (int protocol = IKE_PROTO_IKE; protocol <= IKE_PROTO_ESP; protocol++) {
		l.n = 0;
		ret = ike_proposals_parse(&l, (enum ike_protocol)protocol, text, err, sizeof(err));
		MUST((ret == 0) == (l.n > 0));
		MUST(ret == 0 || err[0] != '\0');
		for (unsigned int i = 0; i < l.n; i++)
			MUST(l.p[i].n_transforms > 0 && l.p[i].n_transforms <= IKE_TRANSFORMS_MAX);
	}
}

static void
selector(const char *text)
{
	struct ike_ts ts, back;
	char err[64] = "", str[160], *dots;

	if (ike_ts_parse(&ts, text, err, sizeof(err)) != 0) {
		MUST(err[0] != '\0');
		return;
	}
	ike_ts_str(&ts, str, sizeof(str));
	dots = strstr(str, "..");
	if (dots != NULL) { /* printed as FROM..TO, written as FROM-TO */
		*dots = '-';
		memmove(dots + 1, dots + 2, strlen(dots + 2) + 1);
	}
	MUST(ike_ts_parse(&back, str, err, sizeof(err)) == 0);
	MUST(memcmp(&ts, &back, sizeof(ts)) == 0);
}

static void
identity(const char *text)
{
	char str[2 * IKE_ID_MAX + 32];
	struct ike_id id, back;

	if (ike_id_parse(&id, text) != 0)
		return;
	ike_id_str(&id, str, sizeof(str));
	MUST(ike_id_parse(&back, str) == 0);
	MUST(ike_id_equal(&id, &back));
	MUST(ike_id_match(&id, &back) == (id.type == IKE_ID_ANY ? 1U : 20U));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	text = malloc(size);
	MUST(text != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0]) {
	case 'p':
		proposal(text);
		break;
	case 's':
		selector(text);
		break;
	case 'i':
		identity(text);
		break;
	}
	free(text);
	return 0;
}
