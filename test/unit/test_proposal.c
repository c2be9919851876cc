/* SPDX-License-Identifier: BSD-3-Clause */
/* Keywords, choosing, accepting. */
#include "ike_test.h"

#include <errno.h>

/** Lists of proposals separated by blanks, all of one protocol. */
static struct ike_proposals
list(enum ike_protocol protocol, const char *text)
{
	struct ike_proposals l = {0};
	char copy[512], *save = NULL, err[256];

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		if (ike_proposals_parse(&l, protocol, w, err, sizeof(err)) != 0)
			fail_msg("%s: %s", w, err);
	}
	for (uint8_t i = 0; i < l.n; i++)
		l.p[i].number = (uint8_t)(i + 1);
	return l;
}

/** "AES_CBC-128/HMAC_SHA1_96/..." in the order that is held. */
static const char *
show(const struct ike_proposal *p)
{
	static char buf[2048];

	buf[0] = '\0';
	for (unsigned int i = 0; i < p->n_transforms; i++) {
		const struct ike_transform *t = &p->transforms[i];
		size_t at = strlen(buf);

		snprintf(buf + at, sizeof(buf) - at, "%s%s", i == 0 ? "" : "/",
			ike_transform_name(t->type, t->id));
		at = strlen(buf);
		if (t->key_bits != 0)
			snprintf(buf + at, sizeof(buf) - at, "-%u", t->key_bits);
	}
	return buf;
}

static void
keywords(void **state)
{
	static const struct {
		enum ike_protocol protocol;
		const char *text, *want;
	} table[] = {
		/* the scenario's */
		{IKE_PROTO_IKE, "aes128-sha1-modp1024",
			"AES_CBC-128/HMAC_SHA1_96/MODP_1024/PRF_HMAC_SHA1"},
		{IKE_PROTO_ESP, "aes128-sha1-modp1024",
			"AES_CBC-128/HMAC_SHA1_96/MODP_1024/NO_EXT_SEQ"},
		{IKE_PROTO_IKE, "aes256gcm16-prfsha384-ecp384",
			"AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384"},
		{IKE_PROTO_ESP, "aes128gcm16-x25519", "AES_GCM_16-128/CURVE_25519/NO_EXT_SEQ"},
		{IKE_PROTO_IKE, "chacha20poly1305-prfsha256-curve25519",
			"CHACHA20_POLY1305/PRF_HMAC_SHA2_256/CURVE_25519"},
		/* bits and other spellings, repetitions, empty parts */
		{IKE_PROTO_ESP, "aes192gcm64-aes192gcm8-aes128gcm96-aes256gcm128-aes256gcm",
			"AES_GCM_8-192/AES_GCM_12-128/AES_GCM_16-256/NO_EXT_SEQ"},
		{IKE_PROTO_ESP, "aes-sha-sha2_512--sha512-",
			"AES_CBC-128/HMAC_SHA1_96/HMAC_SHA2_512_256/NO_EXT_SEQ"},
		/* a PRF from the integrity keywords, which then go beside AEAD */
		{IKE_PROTO_IKE, "aes128gcm16-sha256-sha384-x448",
			"AES_GCM_16-128/CURVE_448/PRF_HMAC_SHA2_256/PRF_HMAC_SHA2_384"},
		{IKE_PROTO_IKE, "aes128-sha256-prfsha512-modp2048",
			"AES_CBC-128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_512/MODP_2048"},
		/* ESP: PRFs go, ESN as written */
		{IKE_PROTO_ESP, "aes256-sha384-prfsha256-esn",
			"AES_CBC-256/HMAC_SHA2_384_192/EXT_SEQ"},
		{IKE_PROTO_ESP, "aes256-sha256-esn-noesn",
			"AES_CBC-256/HMAC_SHA2_256_128/EXT_SEQ/NO_EXT_SEQ"},
		{IKE_PROTO_ESP, "aes128gcm16-ecp256-none",
			"AES_GCM_16-128/ECP_256/MODP_NONE/NO_EXT_SEQ"},
		{IKE_PROTO_ESP, "null-sha256", "NULL/HMAC_SHA2_256_128/NO_EXT_SEQ"},
		{IKE_PROTO_ESP, "aes128gcm16-sha256", "AES_GCM_16-128/NO_EXT_SEQ"},
		{IKE_PROTO_IKE, "aes128-sha256-modp2048-noesn",
			"AES_CBC-128/HMAC_SHA2_256_128/MODP_2048/PRF_HMAC_SHA2_256"},
	};

	(void)state;
	for (size_t i = 0; i < N(table); i++) {
		struct ike_proposals l = list(table[i].protocol, table[i].text);

		assert_int_equal(l.n, 1);
		assert_int_equal(l.p[0].protocol, table[i].protocol);
		assert_string_equal(show(&l.p[0]), table[i].want);
	}
}

static void
refused(void **state)
{
	static const struct {
		enum ike_protocol protocol;
		const char *text, *says; /* a piece of the answer */
	} table[] = {
		{IKE_PROTO_IKE, "aes129-sha1-modp1024", "'aes129' is not a proposal keyword"},
		{IKE_PROTO_IKE, "AES128-sha1-modp1024", "'AES128' is not a proposal keyword"},
		{IKE_PROTO_IKE, "aes128-sha1-modp1024 ", "'modp1024 '"},
		{IKE_PROTO_IKE, "3des-sha1-modp1024",
			"'3des' is not supported; supported are aes128"},
		{IKE_PROTO_IKE, "aes128ctr-sha1-modp1024", "'aes128ctr' is not supported"},
		{IKE_PROTO_ESP, "aes256ccm16", "'aes256ccm16' is not supported"},
		{IKE_PROTO_ESP, "aes128-md5", "'md5' is not supported; supported are sha1"},
		{IKE_PROTO_ESP, "aes128-aesxcbc", "'aesxcbc' is not supported"},
		{IKE_PROTO_IKE, "aes128-sha1-prfaesxcbc-modp2048", "supported are prfsha1"},
		{IKE_PROTO_IKE, "aes128-sha1-modp2048s256", "supported are modp1024"},
		{IKE_PROTO_IKE, "aes128-sha1-ecp256bp", "'ecp256bp' is not supported"},
		{IKE_PROTO_ESP, "aes128-sha1-ke1_ecp384", "a group of its own"},
		{IKE_PROTO_IKE, "aes128-sha1-x25519-ke1_x25519", "a group of its own"},
		{IKE_PROTO_IKE, "aes128-sha1-x25519-ke1_ecp384-ke2_ecp384", "a group of its own"},
		{IKE_PROTO_IKE, "aes128-sha1-x25519-ke1_aes128", "needs a group"},
		{IKE_PROTO_IKE, "aes128-sha1-x25519-ke8_ecp384",
			"'ke8_ecp384' is not a proposal keyword"},
		{IKE_PROTO_IKE, "aes128-sha1-x25519-ke1_", "'ke1_' is not a proposal keyword"},
		{IKE_PROTO_IKE, "aes128-sha1-x25519-ke1_bike1",
			"'bike1' is not a proposal keyword"},
		{IKE_PROTO_IKE, "aes128-sha1-ke1_ecp384", "group keyword is missing"},
		{IKE_PROTO_IKE, "", "encryption keyword is missing"},
		{IKE_PROTO_IKE, "---", "encryption keyword is missing"},
		{IKE_PROTO_IKE, "sha1-modp1024", "encryption keyword is missing"},
		{IKE_PROTO_IKE, "aes128-modp1024", "integrity keyword is missing"},
		{IKE_PROTO_IKE, "aes128-prfsha256-modp2048", "integrity keyword is missing"},
		{IKE_PROTO_IKE, "aes128gcm16-modp2048", "PRF keyword is missing"},
		{IKE_PROTO_IKE, "aes128-sha256", "group keyword is missing"},
		{IKE_PROTO_IKE, "aes128-sha256-none", "cannot do without a group"},
		{IKE_PROTO_IKE, "null-sha256-modp2048", "null encryption"},
		{IKE_PROTO_ESP, "aes128", "integrity keyword is missing"},
		{IKE_PROTO_ESP, "null", "integrity keyword is missing"},
		{IKE_PROTO_ESP, "aes128-aes128gcm16-sha1", "cannot share"},
		{IKE_PROTO_ESP, "aes128-sha1-averyveryverylongwordthatisnothing",
			"is not a proposal keyword"},
		{IKE_PROTO_AH, "sha256", "AH is not supported"},
	};

	(void)state;
	for (size_t i = 0; i < N(table); i++) {
		struct ike_proposals l = {0};
		char err[256] = "", tiny[4];

		assert_int_equal(
			ike_proposals_parse(&l, table[i].protocol, table[i].text, err, sizeof(err)),
			-EINVAL);
		assert_int_equal(l.n, 0);
		if (strstr(err, table[i].says) == NULL)
			fail_msg("'%s' says '%s'", table[i].text, err);
		ike_proposals_parse(&l, table[i].protocol, table[i].text, tiny, sizeof(tiny));
		assert_true(strlen(tiny) < sizeof(tiny));
	}
}

static void
lists_are_bounded(void **state)
{
	struct ike_proposals l = {0};
	char err[256];

	(void)state;
	for (int i = 0; i < IKE_PROPOSALS_MAX; i++)
		assert_int_equal(
			ike_proposals_parse(&l, IKE_PROTO_ESP, "aes128gcm16", err, 256), 0);
	assert_int_equal(ike_proposals_parse(&l, IKE_PROTO_ESP, "aes128gcm16", err, 256), -E2BIG);
	assert_int_equal(ike_proposals_parse(&l, IKE_PROTO_ESP, "default", err, 256), -E2BIG);
	assert_int_equal(l.n, IKE_PROPOSALS_MAX);
}

static void
defaults_are_strong(void **state)
{
	static const enum ike_protocol protocols[] = {IKE_PROTO_IKE, IKE_PROTO_ESP};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ike_proposals l = list(protocols[i], "default"), d = {0};

		ike_proposals_default(&d, protocols[i]);
		assert_int_equal(l.n, 2);
		assert_int_equal(d.n, 2);
		for (unsigned int j = 0; j < l.n; j++) {
			assert_string_equal(show(&d.p[j]), show(&l.p[j]));
			for (unsigned int k = 0; k < l.p[j].n_transforms; k++)
				assert_false(ike_transform_is_legacy(
					l.p[j].transforms[k].type, l.p[j].transforms[k].id));
		}
	}
	assert_true(ike_transform_is_legacy(IKE_TT_DH, IKE_DH_MODP_1536));
	assert_true(ike_transform_is_legacy(IKE_TT_INTEG, IKE_INTEG_HMAC_SHA1_96));
	assert_true(ike_transform_is_legacy(IKE_TT_PRF, IKE_PRF_HMAC_SHA1));
	assert_true(ike_transform_is_legacy(IKE_TT_ENCR, IKE_ENCR_NULL));
}

/* ---- choosing ---- */

struct choice {
	enum ike_protocol protocol;
	bool with_dh;
	const char *ours, *theirs;
	uint8_t number;   /* chosen, 0 = none */
	const char *want; /* transforms of the answer */
};

static const struct choice choices[] = {
	{IKE_PROTO_IKE, true, "aes128-sha1-modp1024", "aes128-sha1-modp1024", 1,
		"AES_CBC-128/PRF_HMAC_SHA1/HMAC_SHA1_96/MODP_1024"},
	/* our order decides, between proposals and inside them */
	{IKE_PROTO_IKE, true, "aes256-aes128-sha256-sha1-modp2048-modp1024",
		"aes128-aes256-sha1-sha256-modp1024-modp2048", 1,
		"AES_CBC-256/PRF_HMAC_SHA2_256/HMAC_SHA2_256_128/MODP_2048"},
	{IKE_PROTO_IKE, true, "aes128gcm16-prfsha256-x25519 aes128-sha256-x25519",
		"aes128-sha256-x25519 aes128gcm16-prfsha256-x25519", 2,
		"AES_GCM_16-128/PRF_HMAC_SHA2_256/CURVE_25519"},
	{IKE_PROTO_IKE, true, "aes256-sha1-modp1024", "aes128-sha1-modp1024", 0, NULL},
	{IKE_PROTO_IKE, true, "aes128-sha1-modp1024", "aes128-sha1-modp2048", 0, NULL},
	{IKE_PROTO_IKE, true, "aes128-sha1-modp1024", "aes128-sha1-prfsha256-modp1024", 0, NULL},
	{IKE_PROTO_IKE, true, "aes128-sha256-x25519", "default", 1,
		"AES_CBC-128/PRF_HMAC_SHA2_256/HMAC_SHA2_256_128/CURVE_25519"},
	/* the group of a child: absent, none, or both sides the same */
	{IKE_PROTO_ESP, true, "aes128-sha1-modp1024", "aes128-sha1-modp1024", 1,
		"AES_CBC-128/HMAC_SHA1_96/MODP_1024/NO_EXT_SEQ"},
	{IKE_PROTO_ESP, true, "aes128-sha1-modp1024", "aes128-sha1", 0, NULL},
	{IKE_PROTO_ESP, true, "aes128-sha1", "aes128-sha1-modp1024", 0, NULL},
	{IKE_PROTO_ESP, true, "aes128-sha1-modp1024-none", "aes128-sha1", 1,
		"AES_CBC-128/HMAC_SHA1_96/NO_EXT_SEQ"},
	{IKE_PROTO_ESP, true, "aes128-sha1", "aes128-sha1-modp1024-none", 1,
		"AES_CBC-128/HMAC_SHA1_96/MODP_NONE/NO_EXT_SEQ"},
	{IKE_PROTO_ESP, true, "aes128-sha1-none", "aes128-sha1-none", 1,
		"AES_CBC-128/HMAC_SHA1_96/MODP_NONE/NO_EXT_SEQ"},
	{IKE_PROTO_ESP, false, "aes128-sha1-modp1024", "aes128-sha1", 1,
		"AES_CBC-128/HMAC_SHA1_96/NO_EXT_SEQ"},
	{IKE_PROTO_ESP, false, "aes128-sha1", "aes128-sha1-modp1024", 1,
		"AES_CBC-128/HMAC_SHA1_96/NO_EXT_SEQ"},
	/* additional key exchanges (RFC 9370 2.2.1): each place, and each method once */
	{IKE_PROTO_IKE, true, "aes128-sha1-x25519-ke1_ecp384",
		"aes128-sha1-x25519-ke1_ecp384-ecp384", 1,
		"AES_CBC-128/PRF_HMAC_SHA1/HMAC_SHA1_96/CURVE_25519/ECP_384"},
	{IKE_PROTO_IKE, true, "aes128-sha1-x25519-ke1_ecp384", "aes128-sha1-x25519", 0, NULL},
	{IKE_PROTO_IKE, true, "aes128-sha1-x25519", "aes128-sha1-x25519-ke1_ecp384", 0, NULL},
	{IKE_PROTO_IKE, true, "aes128-sha1-x25519",
		"aes128-sha1-x25519-ke1_ecp384 aes128-sha1-x25519", 2,
		"AES_CBC-128/PRF_HMAC_SHA1/HMAC_SHA1_96/CURVE_25519"},
	{IKE_PROTO_IKE, true, "aes128-sha1-x25519-ke1_ecp384-ke1_none", "aes128-sha1-x25519", 1,
		"AES_CBC-128/PRF_HMAC_SHA1/HMAC_SHA1_96/CURVE_25519"},
	{IKE_PROTO_IKE, true, "aes128-sha1-x25519", "aes128-sha1-x25519-ke1_ecp384-ke1_none", 1,
		"AES_CBC-128/PRF_HMAC_SHA1/HMAC_SHA1_96/CURVE_25519/MODP_NONE"},
	{IKE_PROTO_IKE, true, "aes128-sha1-x25519-ke1_none-ke3_ecp256",
		"aes128-sha1-x25519-ke3_ecp256", 1,
		"AES_CBC-128/PRF_HMAC_SHA1/HMAC_SHA1_96/CURVE_25519/ECP_256"},
	{IKE_PROTO_IKE, true, "aes128-sha1-x25519-ke1_ecp256", "aes128-sha1-x25519-ke2_ecp256", 0,
		NULL},
	/* the first choice would leave nothing for the second place */
	{IKE_PROTO_IKE, true, "aes128-sha1-x25519-ecp256-ke1_x25519",
		"aes128-sha1-ecp256-x25519-ke1_x25519", 1,
		"AES_CBC-128/PRF_HMAC_SHA1/HMAC_SHA1_96/ECP_256/CURVE_25519"},
	{IKE_PROTO_IKE, true, "aes128-sha1-x25519-ke1_x448-ke1_ecp256-ke2_x448",
		"aes128-sha1-x25519-ke1_x448-ke1_ecp256-ke2_x448", 1,
		"AES_CBC-128/PRF_HMAC_SHA1/HMAC_SHA1_96/CURVE_25519/ECP_256/CURVE_448"},
	/* ESN */
	{IKE_PROTO_ESP, true, "aes128gcm16", "aes128gcm16-esn", 0, NULL},
	{IKE_PROTO_ESP, true, "aes128gcm16-esn-noesn", "aes128gcm16-noesn-esn", 1,
		"AES_GCM_16-128/EXT_SEQ"},
	{IKE_PROTO_ESP, true, "aes128gcm8", "aes128gcm16", 0, NULL},
	{IKE_PROTO_ESP, true, "chacha20poly1305", "aes128gcm16-chacha20poly1305", 1,
		"CHACHA20_POLY1305/NO_EXT_SEQ"},
};

/** There with OpenSSL 3.5, a clear word without. */
static void
mlkem(void **state)
{
	bool there = ike_dh_pub_len(IKE_DH_MLKEM_768) != 0;
	struct ike_proposals l = {0};
	char err[256] = "";
	int ret = ike_proposals_parse(
		&l, IKE_PROTO_IKE, "aes128-sha1-x25519-ke1_mlkem768", err, sizeof(err));

	(void)state;
	assert_int_equal(ret, there ? 0 : -EINVAL);
	assert_true(
		there || strstr(err, "'mlkem768' needs OpenSSL 3.5 or newer; this is 3.") != NULL);
	assert_int_equal(
		ike_proposals_parse(&l, IKE_PROTO_IKE, "aes128-sha1-mlkem768", err, sizeof(err)),
		-EINVAL);
	assert_true(!there || strstr(err, "write ke1_mlkem768") != NULL);
}

static void
choosing(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(choices); i++) {
		const struct choice *c = &choices[i];
		struct ike_proposals ours = list(c->protocol, c->ours);
		struct ike_proposals theirs = list(c->protocol, c->theirs);
		struct ike_proposal chosen;
		struct ike_suite suite;
		int ret;

		for (unsigned int j = 0; j < theirs.n; j++) {
			theirs.p[j].spi_len = 4;
			memset(theirs.p[j].spi, 0xa0 + (int)j, 4);
		}
		ret = ike_proposals_select(&ours, &theirs, c->with_dh, &chosen, &suite);
		if (ret != (c->number == 0 ? -ENOENT : 0))
			fail_msg("%s with %s: %d", c->ours, c->theirs, ret);
		if (ret != 0)
			continue;
		assert_int_equal(chosen.number, c->number);
		assert_int_equal(chosen.spi_len, 4);
		assert_int_equal(chosen.spi[0], 0xa0 + c->number - 1);
		assert_string_equal(show(&chosen), c->want);
	}
}

/** What the responder chose of an offer, the offerer accepts, and both read the same suite. */
static void
accepting_what_was_chosen(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(choices); i++) {
		const struct choice *c = &choices[i];
		struct ike_proposals ours = list(c->protocol, c->ours);
		struct ike_proposals theirs = list(c->protocol, c->theirs);
		struct ike_suite a, b;
		struct ike_proposal chosen;

		if (c->number == 0)
			continue;
		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		assert_int_equal(ike_proposals_select(&ours, &theirs, c->with_dh, &chosen, &a), 0);
		assert_int_equal(ike_proposal_accept(&theirs, &chosen, c->with_dh, &b), 0);
		assert_int_equal(a.encr, b.encr);
		assert_int_equal(a.encr_key_bits, b.encr_key_bits);
		assert_int_equal(a.integ, b.integ);
		assert_int_equal(a.prf, b.prf);
		assert_int_equal(a.dh, b.dh);
		assert_int_equal(a.esn, b.esn);
	}
}

static void
suites(void **state)
{
	struct ike_proposals l = list(IKE_PROTO_IKE, "aes192-sha384-ecp521");
	struct ike_proposal chosen;
	struct ike_suite s;

	(void)state;
	assert_int_equal(ike_proposals_select(&l, &l, true, &chosen, &s), 0);
	assert_int_equal(s.encr, IKE_ENCR_AES_CBC);
	assert_int_equal(s.encr_key_bits, 192);
	assert_int_equal(s.integ, IKE_INTEG_HMAC_SHA2_384_192);
	assert_int_equal(s.prf, IKE_PRF_HMAC_SHA2_384);
	assert_int_equal(s.dh, IKE_DH_ECP_521);
	assert_false(s.esn);
	l = list(IKE_PROTO_ESP, "aes256gcm16-esn-x25519");
	assert_int_equal(ike_proposals_select(&l, &l, false, &chosen, &s), 0);
	assert_int_equal(s.dh, 0);
	assert_int_equal(s.integ, 0);
	assert_true(s.esn);
}

static void
foreign_offers(void **state)
{
	struct ike_proposals ours = list(IKE_PROTO_ESP, "aes128gcm16"), theirs = ours;
	struct ike_proposal *p = &theirs.p[0], chosen;
	struct ike_suite s;

	(void)state;
	/* an integrity of none is spelled out, and answered */
	p->transforms[p->n_transforms++] = (struct ike_transform){IKE_TT_INTEG, IKE_INTEG_NONE, 0};
	assert_int_equal(ike_proposals_select(&ours, &theirs, true, &chosen, &s), 0);
	assert_string_equal(show(&chosen), "AES_GCM_16-128/NONE/NO_EXT_SEQ");
	/* a real one beside AEAD is left aside */
	p->transforms[p->n_transforms - 1].id = IKE_INTEG_HMAC_SHA1_96;
	assert_int_equal(ike_proposals_select(&ours, &theirs, true, &chosen, &s), 0);
	assert_string_equal(show(&chosen), "AES_GCM_16-128/NO_EXT_SEQ");
	/* a type that we do not know rules the proposal out (3.3.6) */
	p->transforms[p->n_transforms - 1] = (struct ike_transform){13, 0, 0};
	assert_int_equal(ike_proposals_select(&ours, &theirs, true, &chosen, &s), -ENOENT);
	/* another protocol */
	theirs = ours;
	theirs.p[0].protocol = IKE_PROTO_AH;
	assert_int_equal(ike_proposals_select(&ours, &theirs, true, &chosen, &s), -ENOENT);
	/* no ESN transform at all */
	theirs = ours;
	theirs.p[0].n_transforms = 1;
	assert_int_equal(ike_proposals_select(&ours, &theirs, true, &chosen, &s), -ENOENT);
	theirs.n = 0;
	assert_int_equal(ike_proposals_select(&ours, &theirs, true, &chosen, &s), -ENOENT);
}

static void
answers_that_are_not_accepted(void **state)
{
	struct ike_proposals offer = list(IKE_PROTO_IKE, "aes128-aes256-sha256-modp2048-x25519");
	struct ike_proposal good, bad;
	struct ike_suite s;

	(void)state;
	assert_int_equal(ike_proposals_select(&offer, &offer, true, &good, &s), 0);
	assert_int_equal(good.n_transforms, 4);
	assert_int_equal(ike_proposal_accept(&offer, &good, true, &s), 0);
	for (unsigned int i = 0; i < 4; i++) {
		/* one left out, one twice, one that was not offered, one of another length */
		bad = good;
		bad.transforms[i] = bad.transforms[--bad.n_transforms];
		assert_int_equal(ike_proposal_accept(&offer, &bad, true, &s), -EINVAL);
		bad = good;
		bad.transforms[bad.n_transforms++] = good.transforms[i];
		assert_int_equal(ike_proposal_accept(&offer, &bad, true, &s), -EINVAL);
		bad = good;
		bad.transforms[i].id = IKE_TRANSFORM_UNKNOWN;
		assert_int_equal(ike_proposal_accept(&offer, &bad, true, &s), -EINVAL);
		bad = good;
		bad.transforms[i].key_bits = 192;
		assert_int_equal(ike_proposal_accept(&offer, &bad, true, &s), -EINVAL);
	}
	bad = good;
	bad.transforms[bad.n_transforms++] = (struct ike_transform){IKE_TT_ESN, 0, 0};
	bad.transforms[bad.n_transforms++] = (struct ike_transform){9, 0, 0};
	assert_int_equal(ike_proposal_accept(&offer, &bad, true, &s), -EINVAL);

	/* integrity slipped in beside AEAD */
	offer = list(IKE_PROTO_ESP, "aes128gcm16-noesn-esn");
	assert_int_equal(ike_proposals_select(&offer, &offer, true, &good, &s), 0);
	bad = good;
	bad.transforms[bad.n_transforms++] =
		(struct ike_transform){IKE_TT_INTEG, IKE_INTEG_HMAC_SHA1_96, 0};
	assert_int_equal(ike_proposal_accept(&offer, &bad, true, &s), -EINVAL);
	bad.transforms[bad.n_transforms - 1].id = IKE_INTEG_NONE;
	assert_int_equal(ike_proposal_accept(&offer, &bad, true, &s), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keywords),
		cmocka_unit_test(refused),
		cmocka_unit_test(lists_are_bounded),
		cmocka_unit_test(defaults_are_strong),
		cmocka_unit_test(mlkem),
		cmocka_unit_test(choosing),
		cmocka_unit_test(accepting_what_was_chosen),
		cmocka_unit_test(suites),
		cmocka_unit_test(foreign_offers),
		cmocka_unit_test(answers_that_are_not_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
