/* SPDX-License-Identifier: BSD-3-Clause */
#include "proposal.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "crypto.h"

/* ---- words ---- */

struct keyword {
	const char *word;
	struct ike_transform t;
};

/* clang-format off */
#define ENCR(id, bits) {IKE_TT_ENCR, IKE_ENCR_##id, bits}
#define INTEG(id)      {IKE_TT_INTEG, IKE_INTEG_##id, 0}
#define PRF(id)	       {IKE_TT_PRF, IKE_PRF_##id, 0}
#define DH(id)	       {IKE_TT_DH, IKE_DH_##id, 0}
/* clang-format on */

static const struct keyword keywords[] = {
	{"null", ENCR(NULL, 0)},
	{"aes", ENCR(AES_CBC, 128)},
	{"aes128", ENCR(AES_CBC, 128)},
	{"aes192", ENCR(AES_CBC, 192)},
	{"aes256", ENCR(AES_CBC, 256)},
	{"aes128gcm", ENCR(AES_GCM_16, 128)},
	{"aes192gcm", ENCR(AES_GCM_16, 192)},
	{"aes256gcm", ENCR(AES_GCM_16, 256)},
	{"aes128gcm8", ENCR(AES_GCM_8, 128)},
	{"aes192gcm8", ENCR(AES_GCM_8, 192)},
	{"aes256gcm8", ENCR(AES_GCM_8, 256)},
	{"aes128gcm64", ENCR(AES_GCM_8, 128)},
	{"aes192gcm64", ENCR(AES_GCM_8, 192)},
	{"aes256gcm64", ENCR(AES_GCM_8, 256)},
	{"aes128gcm12", ENCR(AES_GCM_12, 128)},
	{"aes192gcm12", ENCR(AES_GCM_12, 192)},
	{"aes256gcm12", ENCR(AES_GCM_12, 256)},
	{"aes128gcm96", ENCR(AES_GCM_12, 128)},
	{"aes192gcm96", ENCR(AES_GCM_12, 192)},
	{"aes256gcm96", ENCR(AES_GCM_12, 256)},
	{"aes128gcm16", ENCR(AES_GCM_16, 128)},
	{"aes192gcm16", ENCR(AES_GCM_16, 192)},
	{"aes256gcm16", ENCR(AES_GCM_16, 256)},
	{"aes128gcm128", ENCR(AES_GCM_16, 128)},
	{"aes192gcm128", ENCR(AES_GCM_16, 192)},
	{"aes256gcm128", ENCR(AES_GCM_16, 256)},
	{"chacha20poly1305", ENCR(CHACHA20_POLY1305, 0)},
	{"sha", INTEG(HMAC_SHA1_96)},
	{"sha1", INTEG(HMAC_SHA1_96)},
	{"sha256", INTEG(HMAC_SHA2_256_128)},
	{"sha2_256", INTEG(HMAC_SHA2_256_128)},
	{"sha384", INTEG(HMAC_SHA2_384_192)},
	{"sha2_384", INTEG(HMAC_SHA2_384_192)},
	{"sha512", INTEG(HMAC_SHA2_512_256)},
	{"sha2_512", INTEG(HMAC_SHA2_512_256)},
	{"prfsha1", PRF(HMAC_SHA1)},
	{"prfsha256", PRF(HMAC_SHA2_256)},
	{"prfsha384", PRF(HMAC_SHA2_384)},
	{"prfsha512", PRF(HMAC_SHA2_512)},
	{"none", DH(NONE)},
	{"modpnone", DH(NONE)},
	{"modp1024", DH(MODP_1024)},
	{"modp1536", DH(MODP_1536)},
	{"modp2048", DH(MODP_2048)},
	{"modp3072", DH(MODP_3072)},
	{"modp4096", DH(MODP_4096)},
	{"modp6144", DH(MODP_6144)},
	{"modp8192", DH(MODP_8192)},
	{"ecp256", DH(ECP_256)},
	{"ecp384", DH(ECP_384)},
	{"ecp521", DH(ECP_521)},
	{"x25519", DH(CURVE25519)},
	{"curve25519", DH(CURVE25519)},
	{"x448", DH(CURVE448)},
	{"curve448", DH(CURVE448)},
	{"mlkem768", DH(MLKEM_768)},
	{"noesn", {IKE_TT_ESN, IKE_ESN_NO, 0}},
	{"esn", {IKE_TT_ESN, IKE_ESN_YES, 0}},
};

/* Words that strongSwan knows and we do not implement: worth a better answer than "unknown". */
static const struct {
	const char *pattern;
	uint8_t type;
} foreign[] = {
	{"des", IKE_TT_ENCR},
	{"3des", IKE_TT_ENCR},
	{"aes*ctr", IKE_TT_ENCR},
	{"aes*ccm*", IKE_TT_ENCR},
	{"aes*gmac", IKE_TT_ENCR},
	{"camellia*", IKE_TT_ENCR},
	{"blowfish*", IKE_TT_ENCR},
	{"cast128", IKE_TT_ENCR},
	{"serpent*", IKE_TT_ENCR},
	{"twofish*", IKE_TT_ENCR},
	{"md5", IKE_TT_INTEG},
	{"md5_128", IKE_TT_INTEG},
	{"sha1_160", IKE_TT_INTEG},
	{"sha256_96", IKE_TT_INTEG},
	{"sha2_256_96", IKE_TT_INTEG},
	{"aesxcbc", IKE_TT_INTEG},
	{"aescmac", IKE_TT_INTEG},
	{"camelliaxcbc", IKE_TT_INTEG},
	{"prfmd5", IKE_TT_PRF},
	{"prfaesxcbc", IKE_TT_PRF},
	{"prfaescmac", IKE_TT_PRF},
	{"prfcamelliaxcbc", IKE_TT_PRF},
	{"modp768", IKE_TT_DH},
	{"modp*s*", IKE_TT_DH},
	{"modpnull", IKE_TT_DH},
	{"ecp192", IKE_TT_DH},
	{"ecp224", IKE_TT_DH},
	{"ecp*bp", IKE_TT_DH},
	{"ntru*", IKE_TT_DH},
	{"newhope*", IKE_TT_DH},
	{"mlkem*", IKE_TT_DH},
};

static const char *const supported[] = {
	[IKE_TT_ENCR] = "aes128, aes192, aes256, the same with gcm8, gcm12 or gcm16, "
			"chacha20poly1305, null",
	[IKE_TT_PRF] = "prfsha1, prfsha256, prfsha384, prfsha512",
	[IKE_TT_INTEG] = "sha1, sha256, sha384, sha512",
	[IKE_TT_DH] =
		"modp1024 to modp8192, ecp256, ecp384, ecp521, x25519, x448, none; beside one of "
		"them ke1_mlkem768",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WORD_MAX 32

/* ---- names and judgements ---- */

static const struct {
	uint8_t type;
	uint16_t id;
	const char *name;
	bool legacy; /* RFC 8221 5 and 6, RFC 8247 2 */
} transforms[] = {
	{IKE_TT_ENCR, IKE_ENCR_NULL, "NULL", true},
	{IKE_TT_ENCR, IKE_ENCR_AES_CBC, "AES_CBC", false},
	{IKE_TT_ENCR, IKE_ENCR_AES_GCM_8, "AES_GCM_8", false},
	{IKE_TT_ENCR, IKE_ENCR_AES_GCM_12, "AES_GCM_12", false},
	{IKE_TT_ENCR, IKE_ENCR_AES_GCM_16, "AES_GCM_16", false},
	{IKE_TT_ENCR, IKE_ENCR_CHACHA20_POLY1305, "CHACHA20_POLY1305", false},
	{IKE_TT_PRF, IKE_PRF_HMAC_SHA1, "PRF_HMAC_SHA1", true},
	{IKE_TT_PRF, IKE_PRF_HMAC_SHA2_256, "PRF_HMAC_SHA2_256", false},
	{IKE_TT_PRF, IKE_PRF_HMAC_SHA2_384, "PRF_HMAC_SHA2_384", false},
	{IKE_TT_PRF, IKE_PRF_HMAC_SHA2_512, "PRF_HMAC_SHA2_512", false},
	{IKE_TT_INTEG, IKE_INTEG_NONE, "NONE", false},
	{IKE_TT_INTEG, IKE_INTEG_HMAC_SHA1_96, "HMAC_SHA1_96", true},
	{IKE_TT_INTEG, IKE_INTEG_HMAC_SHA2_256_128, "HMAC_SHA2_256_128", false},
	{IKE_TT_INTEG, IKE_INTEG_HMAC_SHA2_384_192, "HMAC_SHA2_384_192", false},
	{IKE_TT_INTEG, IKE_INTEG_HMAC_SHA2_512_256, "HMAC_SHA2_512_256", false},
	{IKE_TT_DH, IKE_DH_NONE, "MODP_NONE", false},
	{IKE_TT_DH, IKE_DH_MODP_1024, "MODP_1024", true},
	{IKE_TT_DH, IKE_DH_MODP_1536, "MODP_1536", true},
	{IKE_TT_DH, IKE_DH_MODP_2048, "MODP_2048", false},
	{IKE_TT_DH, IKE_DH_MODP_3072, "MODP_3072", false},
	{IKE_TT_DH, IKE_DH_MODP_4096, "MODP_4096", false},
	{IKE_TT_DH, IKE_DH_MODP_6144, "MODP_6144", false},
	{IKE_TT_DH, IKE_DH_MODP_8192, "MODP_8192", false},
	{IKE_TT_DH, IKE_DH_ECP_256, "ECP_256", false},
	{IKE_TT_DH, IKE_DH_ECP_384, "ECP_384", false},
	{IKE_TT_DH, IKE_DH_ECP_521, "ECP_521", false},
	{IKE_TT_DH, IKE_DH_CURVE25519, "CURVE_25519", false},
	{IKE_TT_DH, IKE_DH_CURVE448, "CURVE_448", false},
	{IKE_TT_DH, IKE_DH_MLKEM_768, "ML_KEM_768", false},
	{IKE_TT_ESN, IKE_ESN_NO, "NO_EXT_SEQ", false},
	{IKE_TT_ESN, IKE_ESN_YES, "EXT_SEQ", false},
};

const char *
ike_transform_name(uint8_t type, uint16_t id)
{
	if (ike_is_addke(type))
		type = IKE_TT_DH;
	for (size_t i = 0; i < COUNT(transforms); i++)
		if (transforms[i].type == type && transforms[i].id == id)
			return transforms[i].name;
	return NULL;
}

bool
ike_transform_is_legacy(uint8_t type, uint16_t id)
{
	if (ike_is_addke(type))
		type = IKE_TT_DH;
	for (size_t i = 0; i < COUNT(transforms); i++)
		if (transforms[i].type == type && transforms[i].id == id)
			return transforms[i].legacy;
	return false;
}

/* ---- one proposal as a set ---- */

static bool
same(const struct ike_transform *a, const struct ike_transform *b)
{
	return a->type == b->type && a->id == b->id && a->key_bits == b->key_bits;
}

static bool
contains(const struct ike_proposal *p, const struct ike_transform *t)
{
	for (unsigned int i = 0; i < p->n_transforms; i++)
		if (same(&p->transforms[i], t))
			return true;
	return false;
}

static bool
has_type(const struct ike_proposal *p, uint8_t type)
{
	for (unsigned int i = 0; i < p->n_transforms; i++)
		if (p->transforms[i].type == type)
			return true;
	return false;
}

static void
drop_type(struct ike_proposal *p, uint8_t type)
{
	uint8_t n = 0;

	for (unsigned int i = 0; i < p->n_transforms; i++)
		if (p->transforms[i].type != type)
			p->transforms[n++] = p->transforms[i];
	p->n_transforms = n;
}

static int
add(struct ike_proposal *p, struct ike_transform t)
{
	if (contains(p, &t))
		return 0;
	if (p->n_transforms == IKE_TRANSFORMS_MAX)
		return -E2BIG;
	p->transforms[p->n_transforms++] = t;
	return 0;
}

/* ---- choosing ---- */

void
ike_proposals_keep_spi(struct ike_proposals *list, uint8_t spi_len)
{
	uint8_t n = 0;

	for (unsigned int i = 0; i < list->n; i++)
		if (list->p[i].spi_len == spi_len)
			list->p[n++] = list->p[i];
	list->n = n;
}

bool
ike_proposals_have_addke(const struct ike_proposals *list)
{
	for (unsigned int i = 0; i < list->n; i++)
		for (unsigned int k = 0; k < list->p[i].n_transforms; k++)
			if (ike_is_addke(list->p[i].transforms[k].type) &&
				list->p[i].transforms[k].id != IKE_DH_NONE)
				return true;
	return false;
}

void
ike_proposals_refuse_addke(struct ike_proposals *list)
{
	for (unsigned int i = 0; i < list->n; i++)
		for (unsigned int k = 0; k < list->p[i].n_transforms; k++)
			if (ike_is_addke(list->p[i].transforms[k].type) &&
				list->p[i].transforms[k].id != IKE_DH_NONE)
				list->p[i].transforms[k].id = UINT16_MAX;
}

void
ike_proposals_strip_addke(struct ike_proposals *list)
{
	for (unsigned int i = 0; i < list->n; i++)
		for (uint8_t type = IKE_TT_ADDKE1; type <= IKE_TT_ADDKE7; type++)
			drop_type(&list->p[i], type);
}

unsigned int
ike_suite_addke(const struct ike_suite *suite, unsigned int place)
{
	while (place < IKE_ADDKE_MAX && suite->addke[place] == IKE_DH_NONE)
		place++;
	return place;
}

static bool
is_aead_suite(const struct ike_suite *suite)
{
	return ike_encr_is_aead(suite->encr);
}

static void
set_suite(struct ike_suite *suite, const struct ike_transform *t)
{
	switch (t->type) {
	case IKE_TT_ENCR:
		suite->encr = t->id;
		suite->encr_key_bits = t->key_bits;
		break;
	case IKE_TT_PRF:
		suite->prf = t->id;
		break;
	case IKE_TT_INTEG:
		suite->integ = t->id;
		break;
	case IKE_TT_DH:
		suite->dh = t->id;
		break;
	case IKE_TT_ESN:
		suite->esn = t->id == IKE_ESN_YES;
		break;
	default:
		suite->addke[t->type - IKE_TT_ADDKE1] = t->id;
		break;
	}
}

/** Types 1 to 12 only: one that we do not know makes a proposal unacceptable (RFC 7296 3.3.6). */
static bool
types_known(const struct ike_proposal *p)
{
	for (unsigned int i = 0; i < p->n_transforms; i++)
		if (p->transforms[i].type < IKE_TT_ENCR || p->transforms[i].type > IKE_TT_ADDKE7)
			return false;
	return true;
}

/** p offers NONE of that type, in words or by leaving the type out. */
static bool
offers_none(const struct ike_proposal *p, uint8_t type)
{
	const struct ike_transform none = {type, 0, 0};

	return !has_type(p, type) || contains(p, &none);
}

/** Our first transform of type that is also theirs. */
static const struct ike_transform *
first_common(const struct ike_proposal *ours, const struct ike_proposal *theirs, uint8_t type)
{
	for (unsigned int i = 0; i < ours->n_transforms; i++)
		if (ours->transforms[i].type == type && contains(theirs, &ours->transforms[i]))
			return &ours->transforms[i];
	return NULL;
}

/** Choose of one type; the answer names a transform of each type that the offer names. */
static bool
choose_type(const struct ike_proposal *ours, const struct ike_proposal *theirs, uint8_t type,
	struct ike_proposal *chosen, struct ike_suite *suite)
{
	const struct ike_transform *t = first_common(ours, theirs, type);

	if (t != NULL) {
		set_suite(suite, t);
		chosen->transforms[chosen->n_transforms++] = *t;
		return true;
	}
	if (!has_type(ours, type) && !has_type(theirs, type))
		return true;
	/* whatever is offered beside an AEAD is not used (3.3.3) */
	if (type != IKE_TT_INTEG || !is_aead_suite(suite))
		return false;
	if (has_type(theirs, type) && offers_none(theirs, type))
		chosen->transforms[chosen->n_transforms++] = (struct ike_transform){type, 0, 0};
	return true;
}

/* ---- key exchanges: types 4 and 6 to 12 ---- */

static uint8_t
next_ke(uint8_t type)
{
	return type == IKE_TT_DH ? IKE_TT_ADDKE1 : (uint8_t)(type + 1);
}

static bool
is_chosen(const struct ike_proposal *chosen, uint16_t method)
{
	for (unsigned int i = 0; i < chosen->n_transforms; i++) {
		const struct ike_transform *t = &chosen->transforms[i];

		if ((t->type == IKE_TT_DH || ike_is_addke(t->type)) && t->id == method)
			return true;
	}
	return false;
}

/** No exchange in that place: both ends can do without. */
static bool
may_skip(const struct ike_proposal *ours, const struct ike_proposal *theirs, uint8_t type)
{
	if (type == IKE_TT_DH && ours->protocol == IKE_PROTO_IKE)
		return false;
	return offers_none(ours, type) && offers_none(theirs, type);
}

static bool
adds_to_nothing(const struct ike_proposal *chosen)
{
	bool first = false, more = false;

	for (unsigned int i = 0; i < chosen->n_transforms; i++) {
		const struct ike_transform *t = &chosen->transforms[i];

		first |= t->type == IKE_TT_DH && t->id != IKE_DH_NONE;
		more |= ike_is_addke(t->type) && t->id != IKE_DH_NONE;
	}
	return more && !first;
}

#define KE_TRIES_MAX 1000 /* no sane configuration needs more than a few */

/**
 * Choose for this place and those behind it, each method once. What is chosen here may leave
 * nothing for a later place: then the next choice is tried.
 */
static bool
choose_kes(const struct ike_proposal *ours, const struct ike_proposal *theirs, uint8_t type,
	struct ike_proposal *chosen, unsigned int *tries)
{
	const struct ike_transform none = {type, IKE_DH_NONE, 0};
	bool implicit = !has_type(ours, type);
	uint8_t n = chosen->n_transforms;

	/* an additional one needs one that it adds to */
	if (type > IKE_TT_ADDKE7)
		return !adds_to_nothing(chosen);
	for (unsigned int i = 0;
		i < (unsigned int)ours->n_transforms + implicit && ++*tries < KE_TRIES_MAX; i++) {
		const struct ike_transform *t =
			i < ours->n_transforms ? &ours->transforms[i] : &none;

		if (t->type != type)
			continue;
		if (t->id == IKE_DH_NONE ? !may_skip(ours, theirs, type)
					 : !contains(theirs, t) || is_chosen(chosen, t->id))
			continue;
		if (t->id != IKE_DH_NONE || has_type(theirs, type))
			chosen->transforms[chosen->n_transforms++] = *t;
		if (choose_kes(ours, theirs, next_ke(type), chosen, tries))
			return true;
		chosen->n_transforms = n;
	}
	return false;
}

static bool
choose(const struct ike_proposal *ours, const struct ike_proposal *theirs, bool with_dh,
	struct ike_proposal *chosen, struct ike_suite *suite)
{
	unsigned int tries = 0;

	if (ours->protocol != theirs->protocol || !types_known(theirs))
		return false;
	*suite = (struct ike_suite){0};
	*chosen = (struct ike_proposal){
		.number = theirs->number, .protocol = theirs->protocol, .spi_len = theirs->spi_len};
	memcpy(chosen->spi, theirs->spi, sizeof(chosen->spi));
	/* ENCR comes first: whether there is integrity depends on it */
	for (uint8_t type = IKE_TT_ENCR; type <= IKE_TT_INTEG; type++)
		if (!choose_type(ours, theirs, type, chosen, suite))
			return false;
	if (with_dh && !choose_kes(ours, theirs, IKE_TT_DH, chosen, &tries))
		return false;
	if (!choose_type(ours, theirs, IKE_TT_ESN, chosen, suite))
		return false;
	for (unsigned int i = 0; i < chosen->n_transforms; i++)
		set_suite(suite, &chosen->transforms[i]);
	return true;
}

/* ---- parsing ---- */

static int
unknown_word(const char *word, char *err, size_t err_len)
{
	for (size_t i = 0; i < COUNT(foreign); i++) {
		if (fnmatch(foreign[i].pattern, word, 0) != 0)
			continue;
		snprintf(err, err_len, "'%s' is not supported; supported are %s", word,
			supported[foreign[i].type]);
		return -EINVAL;
	}
	snprintf(err, err_len,
		"'%s' is not a proposal keyword; an example is "
		"aes128gcm16-prfsha256-x25519",
		word);
	return -EINVAL;
}

static const struct ike_transform *
find_word(const char *word)
{
	for (size_t i = 0; i < COUNT(keywords); i++)
		if (strcmp(keywords[i].word, word) == 0)
			return &keywords[i].t;
	return NULL;
}

/** ke1_ecp384: the word of a group behind the place of an additional key exchange. */
static uint8_t
split_addke(const char **word)
{
	const char *w = *word;

	if (fnmatch("ke[1-7]_?*", w, 0) != 0)
		return 0;
	*word = w + strlen("ke1_");
	return (uint8_t)(IKE_TT_ADDKE1 + w[2] - '1');
}

static int
add_word(struct ike_proposal *p, const char *word, char *err, size_t err_len)
{
	const char *method = word;
	uint8_t addke = split_addke(&method);
	const struct ike_transform *found = find_word(method);
	struct ike_transform t;

	if (found == NULL)
		return unknown_word(method, err, err_len);
	t = *found;
	if (addke != 0 && t.type != IKE_TT_DH) {
		snprintf(err, err_len, "'%s' needs a group behind its '_', such as ke1_ecp384",
			word);
		return -EINVAL;
	}
	if (t.type == IKE_TT_DH && t.id != IKE_DH_NONE && ike_dh_pub_len(t.id) == 0) {
		snprintf(err, err_len, "'%s' needs OpenSSL 3.5 or newer; this is %s", method,
			ike_crypto_version());
		return -EINVAL;
	}
	if (addke == 0 && t.type == IKE_TT_DH && ike_dh_is_kem(t.id)) {
		snprintf(err, err_len, "'%s' stands beside a classical group: write ke1_%s", word,
			word);
		return -EINVAL;
	}
	if (addke != 0)
		t.type = addke;
	if (add(p, t) == 0)
		return 0;
	snprintf(err, err_len, "more than %d keywords in a proposal", IKE_TRANSFORMS_MAX);
	return -E2BIG;
}

/** Split text at '-', empty parts left out. */
static int
add_words(struct ike_proposal *p, const char *text, char *err, size_t err_len)
{
	char word[WORD_MAX];

	while (*text != '\0') {
		size_t len = strcspn(text, "-");
		int ret;

		if (len >= sizeof(word)) {
			snprintf(err, err_len, "'%.*s...' is not a proposal keyword", WORD_MAX - 1,
				text);
			return -EINVAL;
		}
		memcpy(word, text, len);
		word[len] = '\0';
		ret = len == 0 ? 0 : add_word(p, word, err, err_len);
		if (ret < 0)
			return ret;
		text += len + (text[len] == '-');
	}
	return 0;
}

/** Which cipher kinds there are: bit 0 classic, bit 1 AEAD. */
static unsigned int
cipher_kinds(const struct ike_proposal *p)
{
	unsigned int kinds = 0;

	for (unsigned int i = 0; i < p->n_transforms; i++)
		if (p->transforms[i].type == IKE_TT_ENCR)
			kinds |= ike_encr_is_aead(p->transforms[i].id) ? 2 : 1;
	return kinds;
}

/** The PRF of the same hash (VICI: IKE without a PRF keyword). */
static void
derive_prfs(struct ike_proposal *p)
{
	static const struct {
		uint16_t integ, prf;
	} pairs[] = {
		{IKE_INTEG_HMAC_SHA1_96, IKE_PRF_HMAC_SHA1},
		{IKE_INTEG_HMAC_SHA2_256_128, IKE_PRF_HMAC_SHA2_256},
		{IKE_INTEG_HMAC_SHA2_384_192, IKE_PRF_HMAC_SHA2_384},
		{IKE_INTEG_HMAC_SHA2_512_256, IKE_PRF_HMAC_SHA2_512},
	};
	uint8_t n = p->n_transforms;

	for (unsigned int i = 0; i < n; i++)
		for (size_t j = 0; j < COUNT(pairs); j++)
			if (p->transforms[i].type == IKE_TT_INTEG &&
				p->transforms[i].id == pairs[j].integ)
				add(p, (struct ike_transform){IKE_TT_PRF, pairs[j].prf, 0});
}

static int
complete_ike(struct ike_proposal *p, const char **why)
{
	static const struct ike_transform no_group = {IKE_TT_DH, IKE_DH_NONE, 0};
	static const struct ike_transform null = {IKE_TT_ENCR, IKE_ENCR_NULL, 0};

	if (!has_type(p, IKE_TT_PRF))
		derive_prfs(p);
	drop_type(p, IKE_TT_ESN);
	if (contains(p, &null))
		*why = "an IKE SA cannot do with null encryption";
	else if (contains(p, &no_group))
		*why = "an IKE SA cannot do without a group: 'none' is for ESP";
	else if (!has_type(p, IKE_TT_PRF))
		*why = "a PRF keyword is missing, such as prfsha256";
	else if (!has_type(p, IKE_TT_DH))
		*why = "a group keyword is missing, such as x25519 or modp2048";
	return *why == NULL ? 0 : -EINVAL;
}

static int
complete_esp(struct ike_proposal *p)
{
	drop_type(p, IKE_TT_PRF);
	if (!has_type(p, IKE_TT_ESN))
		return add(p, (struct ike_transform){IKE_TT_ESN, IKE_ESN_NO, 0});
	return 0;
}

/** Check that a proposal makes sense and add what goes without saying. */
static int
complete(struct ike_proposal *p, char *err, size_t err_len)
{
	unsigned int kinds = cipher_kinds(p);
	const char *why = NULL;
	int ret = -EINVAL;

	if (kinds == 0) {
		why = "an encryption keyword is missing, such as aes128gcm16";
	} else if (kinds == 3) {
		why = "AEAD and classic ciphers cannot share a proposal: write two";
	} else if (kinds == 1 && !has_type(p, IKE_TT_INTEG)) {
		why = "an integrity keyword is missing beside a classic cipher, such as sha256";
	} else {
		ret = p->protocol == IKE_PROTO_IKE ? complete_ike(p, &why) : complete_esp(p);
		if (ret == -E2BIG)
			why = "too many keywords in a proposal";
	}
	if (kinds == 2) /* after PRFs were derived from it */
		drop_type(p, IKE_TT_INTEG);
	if (why != NULL)
		snprintf(err, err_len, "%s", why);
	return ret;
}

/** Could anybody choose it? A method is used once, so x25519-ke1_x25519 is nothing. */
static int
check_methods(const struct ike_proposal *p, char *err, size_t err_len)
{
	struct ike_proposal chosen;
	struct ike_suite suite;

	if (choose(p, p, true, &chosen, &suite))
		return 0;
	snprintf(err, err_len,
		"each key exchange needs a group of its own, the first one (as x25519) and ke1_... "
		"to "
		"ke7_... too");
	return -EINVAL;
}

/* The initiator's first group of the first proposal goes into its KE: start with the cheap one. */
static const char *const default_ike[] = {
	"aes128-aes192-aes256-sha256-sha384-sha512-prfsha256-prfsha384-prfsha512-"
	"x25519-ecp256-ecp384-ecp521-x448-modp3072-modp4096-modp6144-modp8192-modp2048",
	"aes128gcm16-aes192gcm16-aes256gcm16-chacha20poly1305-prfsha256-prfsha384-prfsha512-"
	"x25519-ecp256-ecp384-ecp521-x448-modp3072-modp4096-modp6144-modp8192-modp2048",
};
static const char *const default_esp[] = {
	"aes128gcm16-aes192gcm16-aes256gcm16-chacha20poly1305-noesn",
	"aes128-aes192-aes256-sha256-sha384-sha512-noesn",
};

static int
append(struct ike_proposals *list, enum ike_protocol protocol, const char *text, char *err,
	size_t err_len)
{
	struct ike_proposal p = {.protocol = (uint8_t)protocol};
	int ret;

	ret = add_words(&p, text, err, err_len);
	if (ret == 0)
		ret = complete(&p, err, err_len);
	if (ret == 0)
		ret = check_methods(&p, err, err_len);
	if (ret < 0)
		return ret;
	if (list->n >= IKE_PROPOSALS_MAX) {
		snprintf(err, err_len, "more than %d proposals", IKE_PROPOSALS_MAX);
		return -E2BIG;
	}
	list->p[list->n++] = p;
	return 0;
}

static int
append_defaults(struct ike_proposals *list, enum ike_protocol protocol, char *err, size_t err_len)
{
	const char *const *text = protocol == IKE_PROTO_IKE ? default_ike : default_esp;
	int ret = 0;

	for (size_t i = 0; i < 2 && ret == 0; i++)
		ret = append(list, protocol, text[i], err, err_len);
	return ret;
}

void
ike_proposals_default(struct ike_proposals *list, enum ike_protocol protocol)
{
	char err[64];

	append_defaults(list, protocol, err, sizeof(err));
}

int
ike_proposals_parse(struct ike_proposals *list, enum ike_protocol protocol, const char *text,
	char *err, size_t err_len)
{
	if (protocol != IKE_PROTO_IKE && protocol != IKE_PROTO_ESP) {
		snprintf(err, err_len, "AH is not supported, use ESP");
		return -EINVAL;
	}
	if (strcmp(text, "default") == 0)
		return append_defaults(list, protocol, err, err_len);
	return append(list, protocol, text, err, err_len);
}

int
ike_proposals_select(const struct ike_proposals *ours, const struct ike_proposals *offered,
	bool with_dh, struct ike_proposal *chosen, struct ike_suite *suite)
{
	for (unsigned int i = 0; i < ours->n; i++)
		for (unsigned int j = 0; j < offered->n; j++)
			if (choose(&ours->p[i], &offered->p[j], with_dh, chosen, suite))
				return 0;
	return -ENOENT;
}

static unsigned int
count_type(const struct ike_proposal *p, uint8_t type)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < p->n_transforms; i++)
		n += p->transforms[i].type == type;
	return n;
}

/** Is answer one choice from offer: once of each type, nothing that was not offered? */
static bool
is_choice(const struct ike_proposal *offer, const struct ike_proposal *answer, bool with_dh,
	struct ike_suite *suite)
{
	struct ike_proposal chosen;

	for (unsigned int i = 0; i < answer->n_transforms; i++) {
		const struct ike_transform *t = &answer->transforms[i];

		if ((t->type == IKE_TT_DH || ike_is_addke(t->type)) && !with_dh)
			continue;
		/* a NONE may be spelled out though we offered it by saying nothing */
		if (count_type(answer, t->type) > 1 || (t->id != 0 && !contains(offer, t)))
			return false;
	}
	return choose(offer, answer, with_dh, &chosen, suite);
}

int
ike_proposal_accept(const struct ike_proposals *offered, const struct ike_proposal *answer,
	bool with_dh, struct ike_suite *suite)
{
	for (unsigned int i = 0; i < offered->n; i++)
		if (is_choice(&offered->p[i], answer, with_dh, suite))
			return 0;
	return -EINVAL;
}
