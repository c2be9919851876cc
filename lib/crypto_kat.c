/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Known answers for every row of the algorithm table. A row of AES-CBC with an HMAC is two
 * published algorithms: the cipher text is compared with NIST's, the ICV with what the HMAC's own
 * row gives, which was itself compared with RFC 2202 or 4231 before.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto_mb.h"

#define TEXT_MAX 128

struct vector {
	enum gw_cipher cipher;
	uint8_t key_len;
	uint8_t nonce[16];                           /* CBC: the IV; AEAD: 12 bytes */
	const char *key, *aad, *text, *sealed, *icv; /* hex */
};

/* NIST SP 800-38A F.2.1, F.2.3, F.2.5; all of one plain text and IV */
#define CBC_TEXT                                                                                   \
	"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"                         \
	"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
#define CBC_IV                                                                                     \
	{                                                                                          \
		0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c,      \
			0x0d, 0x0e, 0x0f                                                           \
	}
/* "The Galois/Counter Mode of Operation" (McGrew, Viega), appendix B, cases 4, 10 and 16 */
#define GCM_IV                                                                                     \
	{                                                                                          \
		0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88             \
	}
#define GCM_TEXT                                                                                   \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"                         \
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define GCM_AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"

static const struct vector vectors[] = {
	{GW_CIPHER_AES_CBC, 16, CBC_IV, "2b7e151628aed2a6abf7158809cf4f3c", NULL, CBC_TEXT,
		"7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
		"73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
		NULL},
	{GW_CIPHER_AES_CBC, 24, CBC_IV, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", NULL,
		CBC_TEXT,
		"4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"
		"571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd",
		NULL},
	{GW_CIPHER_AES_CBC, 32, CBC_IV,
		"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", NULL, CBC_TEXT,
		"f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
		"39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
		NULL},
	/* RFC 3602 4 case 1 */
	{GW_CIPHER_AES_CBC, 16,
		{0x3d, 0xaf, 0xba, 0x42, 0x9d, 0x9e, 0xb4, 0x30, 0xb4, 0x22, 0xda, 0x80, 0x2c, 0x9f,
			0xac, 0x41},
		"06a9214036b8a15b512e03d534120006", NULL, "53696e676c6520626c6f636b206d7367",
		"e353779c1079aeb82708942dbe77181a", NULL},
	/* RFC 3602 4 case 5: an ESP packet's payload and trailer */
	{GW_CIPHER_AES_CBC, 16,
		{0xe9, 0x6e, 0x8c, 0x08, 0xab, 0x46, 0x57, 0x63, 0xfd, 0x09, 0x8d, 0x45, 0xdd, 0x3f,
			0xf8, 0x93},
		"90d382b410eeba7ad938c46cec1a82bf", NULL,
		"08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f1011121314151617"
		"18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"
		"0102030405060708090a0b0c0d0e0e01",
		"f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4898dc856"
		"a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874a"
		"a269add047ad2d5913ac19b7cfbad4a6",
		NULL},
	{GW_CIPHER_AES_GCM, 16, GCM_IV, "feffe9928665731c6d6a8f9467308308", GCM_AAD, GCM_TEXT,
		"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
		"21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
		"5bc94fbc3221a5db94fae95ae7121a47"},
	{GW_CIPHER_AES_GCM, 24, GCM_IV, "feffe9928665731c6d6a8f9467308308feffe9928665731c", GCM_AAD,
		GCM_TEXT,
		"3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c"
		"7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
		"2519498e80f1478f37ba55bd6d27618c"},
	{GW_CIPHER_AES_GCM, 32, GCM_IV,
		"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", GCM_AAD,
		GCM_TEXT,
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
		"76fc6ece0f4e1768cddf8853bb2d551b"},
	/* RFC 8439 2.8.2 */
	{GW_CIPHER_CHACHA20_POLY1305, 32,
		{0x07, 0x00, 0x00, 0x00, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47},
		"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
		"50515253c0c1c2c3c4c5c6c7",
		"4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
		"73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
		"6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
		"637265656e20776f756c642062652069742e",
		"d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
		"3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
		"92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
		"3ff4def08e4b7a9de576d26586cec64b6116",
		"1ae10b594f09e26a7e902ecbd0600691"},
	/* RFC 7634 appendix A: an ESP packet's payload and trailer */
	{GW_CIPHER_CHACHA20_POLY1305, 32,
		{0xa0, 0xa1, 0xa2, 0xa3, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17},
		"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
		"0102030400000005",
		"45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10"
		"0007362708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
		"2425262728292a2b2c2d2e2f303132333435363701020204",
		"24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6"
		"14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3"
		"cbec163fac469b502773f6fb94e664da9165b82829f641e0",
		"76aaa8266b7fb0f7b11b369907e1ad43"},
};

/* RFC 2202 case 1 and RFC 4231 case 1: a key of 20 bytes 0x0b (zeros up to the hash's block change
 * nothing, so the key lengths of RFC 4868 take it), data "Hi There" */
static const char *const hmac_icvs[GW_AUTH_N] = {
	[GW_AUTH_HMAC_SHA1_96] = "b617318655057264e28bc0b6",
	[GW_AUTH_HMAC_SHA2_256_128] = "b0344c61d8db38535ca8afceaf0bf12b",
	[GW_AUTH_HMAC_SHA2_384_192] = "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec6",
	[GW_AUTH_HMAC_SHA2_512_256] =
		"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde",
};

static unsigned int
nibble(char c)
{
	return (unsigned int)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static uint32_t
unhex(const char *s, uint8_t *out)
{
	uint32_t n = 0;

	for (; s != NULL && s[0] != '\0'; s += 2)
		out[n++] = (uint8_t)(nibble(s[0]) << 4 | nibble(s[1]));
	return n;
}

/* One op both ways over buf, which the HMAC (if any) covers wholly */
struct rig {
	struct gw_crypto *c;
	const struct gw_crypto_alg *row;
	struct gw_keys *out, *in;
	struct gw_crypto_op op;
	uint8_t buf[TEXT_MAX], icv[GW_ICV_MAX], aad[32], iv[16];
};

static bool
rig_keys(struct rig *b, const struct gw_alg *alg)
{
	return gw_keys_init(b->out, b->row, alg, true) == 0 &&
	       gw_keys_init(b->in, b->row, alg, false) == 0;
}

static void
rig_op(struct rig *b, const struct gw_keys *keys, uint32_t len)
{
	b->op.keys = keys;
	b->op.iv = b->iv;
	b->op.text = b->buf;
	b->op.text_len = len;
	b->op.icv = b->icv;
	if (b->row->auth != GW_AUTH_AEAD) {
		b->op.auth = b->buf;
		b->op.auth_len = len;
	}
	b->op.done = b->op.good = false;
}

static bool
rig_seal(struct rig *b, uint32_t len)
{
	struct gw_crypto_op *op = &b->op;

	memset(b->icv, 0, GW_ICV_ZEROED);
	rig_op(b, b->out, len);
	b->row->encrypt(b->c, b->row, &op, 1);
	return op->good;
}

static bool
rig_open(struct rig *b, uint32_t len)
{
	struct gw_crypto_op *op = &b->op;

	rig_op(b, b->in, len);
	b->row->decrypt(b->c, b->row, &op, 1);
	return op->good;
}

/* Undo the sealed text, and see that a wrong ICV is refused */
static bool
rig_back(struct rig *b, const uint8_t *text, const uint8_t *sealed, uint32_t len)
{
	if (!rig_open(b, len) || memcmp(b->buf, text, len) != 0)
		return false;
	memcpy(b->buf, sealed, len);
	b->icv[b->row->icv_len - 1] ^= 1;
	return !rig_open(b, len);
}

static void
hmac_key(struct gw_alg *alg, const struct gw_crypto_alg *row)
{
	alg->auth_key_len = row->auth_key_len;
	memset(alg->auth_key, 0x0b, row->auth_key_len < 20 ? row->auth_key_len : 20);
}

/* The ICV that the HMAC's own row gives for buf */
static bool
hmac_same(const struct rig *cbc, const struct gw_alg *alg, uint32_t len)
{
	struct gw_alg hmac = {.cipher = GW_CIPHER_NULL, .auth = alg->auth};
	struct rig b = *cbc;

	b.row = gw_crypto_alg_at((unsigned int)alg->auth - GW_AUTH_HMAC_SHA1_96);
	hmac_key(&hmac, b.row);
	memset(b.icv, 0, sizeof(b.icv));
	return b.row->cipher == GW_CIPHER_NULL && b.row->auth == alg->auth && rig_keys(&b, &hmac) &&
	       rig_seal(&b, len) && memcmp(b.icv, cbc->icv, b.row->icv_len) == 0;
}

static bool
hmac_kat(struct rig *b)
{
	static const uint8_t text[] = {'H', 'i', ' ', 'T', 'h', 'e', 'r', 'e'};
	struct gw_alg alg = {.cipher = GW_CIPHER_NULL, .auth = b->row->auth};
	uint8_t want[GW_ICV_MAX];

	hmac_key(&alg, b->row);
	memcpy(b->buf, text, sizeof(text));
	return unhex(hmac_icvs[b->row->auth], want) == b->row->icv_len && rig_keys(b, &alg) &&
	       rig_seal(b, sizeof(text)) && memcmp(b->icv, want, b->row->icv_len) == 0 &&
	       rig_back(b, text, text, sizeof(text));
}

static bool
vector_kat(struct rig *b, const struct vector *v)
{
	struct gw_alg alg = {.cipher = v->cipher, .auth = b->row->auth, .key_len = v->key_len};
	uint8_t text[TEXT_MAX], sealed[TEXT_MAX], icv[GW_ICV_MAX];
	uint32_t len = unhex(v->text, text);

	unhex(v->sealed, sealed);
	unhex(v->icv, icv);
	unhex(v->key, alg.key);
	hmac_key(&alg, b->row);
	memcpy(b->iv, v->nonce, sizeof(b->iv));
	memcpy(b->op.nonce, v->nonce, sizeof(b->op.nonce));
	b->op.auth = b->aad;
	b->op.auth_len = unhex(v->aad, b->aad);
	memcpy(b->buf, text, len);
	if (!rig_keys(b, &alg) || !rig_seal(b, len) || memcmp(b->buf, sealed, len) != 0)
		return false;
	/* which takes the key memory for itself meanwhile */
	if (b->row->auth != GW_AUTH_AEAD && (!hmac_same(b, &alg, len) || !rig_keys(b, &alg)))
		return false;
	/* AEAD: shorter ICVs are the first bytes of the full one (RFC 4106 6) */
	if (v->icv != NULL && memcmp(b->icv, icv, b->row->icv_len) != 0)
		return false;
	return rig_back(b, text, sealed, len);
}

static bool
row_kat(struct rig *b)
{
	unsigned int i, n = 0;

	if (b->row->cipher == GW_CIPHER_NULL)
		return hmac_kat(b);
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		if (vectors[i].cipher != b->row->cipher || vectors[i].key_len != b->row->key_len)
			continue;
		if (!vector_kat(b, &vectors[i]))
			return false;
		n++;
	}
	return n > 0;
}

const char *
gw_crypto_kat(struct gw_crypto *c)
{
	const char *failed = NULL;

	for (unsigned int i = 0; gw_crypto_alg_at(i) != NULL && failed == NULL; i++) {
		struct rig b = {.c = c, .row = gw_crypto_alg_at(i)};

		b.out = aligned_alloc(64, gw_keys_size(b.row));
		b.in = aligned_alloc(64, gw_keys_size(b.row));
		if (b.out == NULL || b.in == NULL)
			failed = "memory";
		else if (!row_kat(&b))
			failed = b.row->name;
		free(b.out);
		free(b.in);
	}
	return failed;
}
