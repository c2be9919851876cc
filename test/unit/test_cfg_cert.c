/* SPDX-License-Identifier: BSD-3-Clause */

/* Certificates and keys as swanctl.conf names them: what is found, what is said, what is refused.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/cfg.h"
#include "cert_dir.h"

static char dir[64];
static struct conf_error err;
static struct cfg_notes notes;

/** A connection with these lines in local and remote, and secrets. */
static struct gw_cfg *
build(const char *local, const char *remote, const char *secrets)
{
	char text[2048], name[128];
	struct gw_cfg *cfg;
	struct conf *c;

	snprintf(name, sizeof(name), "%s/t.conf", dir);
	snprintf(text, sizeof(text),
		"connections { c {\nlocal {\n%s\n}\nremote {\n%s\n}\n} }\nsecrets {\n%s\nike { "
		"secret = hush\n}\n}\n",
		local, remote, secrets);
	c = conf_parse(text, strlen(text), name, false, &err);
	assert_non_null(c);
	cfg = cfg_build(c, &notes, &err);
	conf_free(c);
	return cfg;
}

static bool
noted(const char *says)
{
	for (unsigned int i = 0; i < notes.n; i++)
		if (strstr(notes.note[i].msg, says) != NULL)
			return true;
	return false;
}

static void
done(struct gw_cfg *cfg)
{
	cfg_free(cfg);
	cfg_notes_free(&notes);
}

static struct gw_cfg *
good(const char *local, const char *remote, const char *secrets)
{
	struct gw_cfg *cfg = build(local, remote, secrets);

	if (cfg == NULL)
		fail_msg("%s:%u: %s", err.file, err.line, err.msg);
	return cfg;
}

static void
bad(const char *local, const char *remote, const char *secrets, unsigned int line, const char *why)
{
	struct gw_cfg *cfg = build(local, remote, secrets);

	assert_null(cfg);
	if (err.line != line || strstr(err.msg, why) == NULL)
		fail_msg("%u: %s", err.line, err.msg);
	cfg_notes_free(&notes);
}

static void
assert_id(const struct ike_id *id, const char *want)
{
	char text[IKE_ID_MAX * 4];

	assert_string_equal(ike_id_str(id, text, sizeof(text)), want);
}

static void
test_defaults(void **state)
{
	struct gw_cfg *cfg = good("certs = gw.pem", "id = *.example.org", "");
	const struct ike_conn_cfg *c = &cfg->ike.conns[0];

	(void)state;
	assert_int_equal(c->local.by, IKE_BY_PUBKEY); /* auth's default */
	assert_int_equal(c->remote.by, IKE_BY_PUBKEY);
	assert_int_equal(c->local.n_creds, 1);
	assert_id(&c->local.id, "C=CH, O=Raclette, CN=gw.example.org");
	assert_int_equal(c->local.creds[0].n_chain, 0); /* the root is not sent */
	assert_int_equal(c->local.creds[0].n_issuers, 1);
	assert_int_equal(c->remote.trust->n_cas, 1);
	assert_int_equal(c->remote.trust->n_peers, 5);
	assert_false(c->remote.trust->pinned);
	assert_true(c->remote.trust->has_crls);
	assert_int_equal(c->remote.revocation, IKE_REVOCATION_RELAXED);
	/* what is wrong in the folders is said, and does no harm */
	assert_true(noted("x509ca/leaf.pem: is no CA's certificate"));
	assert_true(noted("x509/junk.pem: is no X.509 certificate, neither PEM nor DER"));
	assert_true(noted("x509/old.pem has expired on "));
	assert_true(noted("x509crl/old.pem has expired on "));
	assert_true(noted("private/enc.key: is encrypted, and no passphrase is configured"));
	assert_true(noted("private/old.key can be read by others"));
	assert_false(noted("private/gw.key can be read"));
	done(cfg);
}

static void
test_forms(void **state)
{
	char abs[256];
	struct gw_cfg *cfg;

	(void)state;
	cfg = good("certs = der.crt, gw.pem\nid = der.example.org",
		"certs = nokey.pem\ncacerts = root.pem", "");
	assert_int_equal(cfg->ike.conns[0].local.n_creds, 2);
	assert_id(&cfg->ike.conns[0].local.id, "der.example.org");
	assert_true(cfg->ike.conns[0].remote.trust->pinned);
	assert_int_equal(cfg->ike.conns[0].remote.trust->n_peers, 1);
	assert_false(noted("does not hold the identity"));
	done(cfg);
	/* no list: by the identity */
	cfg = good("auth = pubkey\nid = gw.example.org", "auth = psk", "");
	assert_int_equal(cfg->ike.conns[0].local.n_creds, 1);
	assert_null(cfg->ike.conns[0].remote.trust);
	done(cfg);
	snprintf(
		abs, sizeof(abs), "cert-1 {\nfile = %s/x509/gw.pem\n}\nid = else.example.org", dir);
	cfg = good(abs, "auth = psk", "");
	assert_true(noted("does not hold the identity 'else.example.org'"));
	done(cfg);
	cfg = good(
		"certs = enc.pem", "auth = psk", "private-e {\nfile = enc.key\nsecret = hush\n}");
	assert_int_equal(cfg->ike.conns[0].local.n_creds, 1);
	assert_false(noted("enc.key"));
	done(cfg);
}

static void
test_auth_words(void **state)
{
	struct gw_cfg *cfg = good("auth = ike:ecdsa-sha384\ncerts = gw.pem",
		"auth = rsa/pss-3072-sha256-sha512\nrevocation = strict", "");
	const struct ike_conn_cfg *c = &cfg->ike.conns[0];

	(void)state;
	assert_int_equal(c->local.rules.keys, IKE_KEY_BIT(IKE_KEY_ECDSA));
	assert_int_equal(c->local.rules.hashes, IKE_HASH_BIT(IKE_HASH_SHA2_384));
	assert_int_equal(c->local.chain_rules.hashes, 0);
	assert_true(c->remote.rules.pss);
	assert_int_equal(c->remote.rules.rsa_bits, 3072);
	assert_int_equal(c->remote.rules.hashes,
		IKE_HASH_BIT(IKE_HASH_SHA2_256) | IKE_HASH_BIT(IKE_HASH_SHA2_512));
	assert_int_equal(c->remote.chain_rules.rsa_bits, 3072);
	assert_int_equal(c->remote.revocation, IKE_REVOCATION_STRICT);
	done(cfg);
	cfg = good("auth = psk", "auth = rsa-3072-ecdsa-384", "");
	assert_int_equal(cfg->ike.conns[0].remote.rules.keys,
		IKE_KEY_BIT(IKE_KEY_RSA) | IKE_KEY_BIT(IKE_KEY_ECDSA));
	assert_int_equal(cfg->ike.conns[0].remote.rules.ecdsa_bits, 384);
	done(cfg);
}

static void
test_refused(void **state)
{
	(void)state;
	bad("certs = nokey.pem", "", "", 2,
		"no private key belongs to the certificate 'C=CH, O=Raclette, CN=no");
	bad("certs = enc.pem", "", "", 2, "is encrypted, and no passphrase is configured");
	bad("certs = enc.pem", "", "private-e {\nfile = enc.key\nsecret = wrong\n}", 2,
		"cannot be decrypted with its passphrase");
	bad("certs = none.pem", "", "", 3, "x509/none.pem: No such file or directory");
	bad("certs = junk.pem", "", "", 3, "is no X.509 certificate, neither PEM nor DER");
	bad("auth = rsa\ncerts = gw.pem", "", "", 2, "is not as 'auth' demands");
	bad("auth = pubkey\nid = nobody.example.org", "", "", 2, "has no certificate");
	bad("id = nobody.example.org", "", "", 2, "or 'auth = psk': without 'auth' it is pubkey");
	bad("auth = psk", "cacerts = leaf.pem", "", 6, "is no CA's certificate");
	bad("auth = psk", "auth = psk", "private-e {\nfile = none.key\n}", 10,
		"private/none.key: No such file");
	bad("auth = psk", "auth = psk", "private-e {\nsecret = x\n}", 10, "names no key file");
	bad("auth = psk", "auth = psk", "rsa-e {\nfiles = x\n}", 11, "known here: file, secret");
}

/** What is printed names certificates, and no secret. */
static void
test_print(void **state)
{
	struct gw_cfg *cfg = good("certs = enc.pem", "certs = nokey.pem\nrevocation = ifuri",
		"private-e {\nfile = enc.key\nsecret = hush\n}");
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	cfg_print(cfg, f);
	fclose(f);
	assert_non_null(strstr(text, "connection c: IKEv2, certificates\n"));
	assert_non_null(strstr(text,
		"our cert   'C=CH, O=Raclette, CN=enc.example.org', ECDSA 256 bits, until 20"));
	assert_non_null(strstr(text, "their cert 'C=CH, O=Raclette, CN=no.example.org'"));
	assert_non_null(strstr(text, ", SHA-256 "));
	assert_null(strstr(text, "trusted CA")); /* pinned: they do not count */
	assert_null(strstr(text, "hush"));
	free(text);
	done(cfg);
}

static int
setup(void **state)
{
	(void)state;
	cert_dir_make(dir, sizeof(dir));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	cert_dir_remove(dir);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_auth_words),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
