/* SPDX-License-Identifier: BSD-3-Clause */
/* Identities: notation both ways, equality, matching. */
#include "ike_test.h"

#include <errno.h>

static struct ike_id
id_of(const char *text)
{
	struct ike_id id;

	if (ike_id_parse(&id, text) != 0)
		fail_msg("'%s' was refused", text);
	return id;
}

static void
notation(void **state)
{
	static const struct {
		const char *text;
		uint8_t type;
		const char *data; /* hex, NULL = not looked at */
		const char *str;
	} table[] = {
		{"", IKE_ID_ANY, "", "%any"},
		{"%any", IKE_ID_ANY, "", "%any"},
		{"*", IKE_ID_ANY, "", "%any"},
		{"0.0.0.0", IKE_ID_ANY, "", "%any"},
		{"192.0.2.1", IKE_ID_IPV4_ADDR, "c0000201", "192.0.2.1"},
		{"2001:DB8::1", IKE_ID_IPV6_ADDR, "20010db8000000000000000000000001",
			"2001:db8::1"},
		{"ipv4:192.0.2.1", IKE_ID_IPV4_ADDR, "c0000201", "192.0.2.1"},
		{"ipv6:::", IKE_ID_IPV6_ADDR, "00000000000000000000000000000000", "ipv6:::"},
		{"gw", IKE_ID_FQDN, "6777", "gw"},
		{"@gw.example", IKE_ID_FQDN, "67772e6578616d706c65", "gw.example"},
		{"@192.0.2.1", IKE_ID_FQDN, "3139322e302e322e31", "fqdn:192.0.2.1"},
		{"fqdn:a", IKE_ID_FQDN, "61", "a"},
		{"dns:#6162", IKE_ID_FQDN, "6162", "ab"},
		{"a@b", IKE_ID_RFC822_ADDR, "614062", "a@b"},
		{"@@a@b", IKE_ID_RFC822_ADDR, "614062", "a@b"},
		{"email:a", IKE_ID_RFC822_ADDR, "61", "email:a"},
		{"rfc822:a@b", IKE_ID_RFC822_ADDR, "614062", "a@b"},
		{"userfqdn:a@b", IKE_ID_RFC822_ADDR, "614062", "a@b"},
		{"@#0aFf", IKE_ID_KEY_ID, "0aff", "keyid:#0aff"},
		{"@#0a:ff", IKE_ID_KEY_ID, "0aff", "keyid:#0aff"},
		{"keyid:abc", IKE_ID_KEY_ID, "616263", "keyid:abc"},
		{"KeyID:#00", IKE_ID_KEY_ID, "00", "keyid:#00"},
		{"a:b", IKE_ID_KEY_ID, "613a62", "a:b"},
		{"a=b", IKE_ID_KEY_ID, "613d62", "a=b"}, /* '=', but no distinguished name */
		{"{11}:abc", IKE_ID_KEY_ID, "616263", "keyid:abc"},
		{"{200}:#01", 200, "01", "{200}:#01"},
		{"C=DE, O=Example, CN=gw", IKE_ID_DER_ASN1_DN, NULL, "C=DE, O=Example, CN=gw"},
		{"C=DE,O=Example,CN=gw", IKE_ID_DER_ASN1_DN, NULL, "C=DE, O=Example, CN=gw"},
		{"/C=DE/CN=gw", IKE_ID_DER_ASN1_DN, NULL, "C=DE, CN=gw"},
		{"asn1dn:CN=gw", IKE_ID_DER_ASN1_DN, NULL, "CN=gw"},
		{"CN=M\xc3\xbcller", IKE_ID_DER_ASN1_DN, NULL, "CN=M\xc3\xbcller"},
		/* a comma in a value: no text of ours says it */
		{"/O=a, b/CN=c", IKE_ID_DER_ASN1_DN, NULL,
			"asn1dn:#301b310d300b060355040a0c04612c2062310a300806035504030c0163"},
		{"E=a@b, CN = x", IKE_ID_DER_ASN1_DN, NULL, "emailAddress=a@b, CN=x"},
	};
	char buf[1024];

	(void)state;
	for (size_t i = 0; i < N(table); i++) {
		struct ike_id id = id_of(table[i].text), back;

		if (id.type != table[i].type)
			fail_msg("'%s' has type %u", table[i].text, id.type);
		if (table[i].data != NULL)
			assert_view_equal((struct ike_view){id.data, id.len}, hex(table[i].data));
		assert_string_equal(ike_id_str(&id, buf, sizeof(buf)), table[i].str);
		assert_int_equal(ike_id_parse(&back, buf), 0);
		assert_true(ike_id_equal(&id, &back));
	}
}

static void
refused(void **state)
{
	static const struct {
		const char *text;
		int want;
	} table[] = {
		{"ipv4:192.0.2", -EINVAL},
		{"ipv4:fd00::1", -EINVAL},
		{"ipv6:192.0.2.1", -EINVAL},
		{"asn1dn:gw", -EINVAL},
		{"asn1dn:XX=gw", -EINVAL},
		{"asn1dn:", -EINVAL},
		{"keyid:#0", -EINVAL},
		{"keyid:#0g", -EINVAL},
		{"@#zz", -EINVAL},
		{"{0}:a", -EINVAL},
		{"{1}:abc", -EINVAL}, /* not four bytes */
		{"{5}:", -EINVAL},
		{"{256}:a", -EINVAL},
		{"{99999999999}:a", -EINVAL},
		{"{11}a", -EINVAL},
		{"{}:a", -EINVAL},
		{"{11", -EINVAL},
	};
	char text[IKE_ID_MAX + 8];
	struct ike_id id;

	(void)state;
	for (size_t i = 0; i < N(table); i++)
		assert_int_equal(ike_id_parse(&id, table[i].text), table[i].want);
	memset(text, 'a', sizeof(text));
	text[IKE_ID_MAX] = '\0';
	assert_int_equal(ike_id_parse(&id, text), 0);
	assert_int_equal(id.len, IKE_ID_MAX);
	text[IKE_ID_MAX] = 'a';
	text[IKE_ID_MAX + 1] = '\0';
	assert_int_equal(ike_id_parse(&id, text), -E2BIG);
}

/** Whatever bytes a peer sends: what is printed has no control characters and reads back the same.
 */
static void
printing_any_bytes(void **state)
{
	static const uint8_t types[] = {IKE_ID_IPV4_ADDR, IKE_ID_FQDN, IKE_ID_RFC822_ADDR,
		IKE_ID_IPV6_ADDR, IKE_ID_DER_ASN1_DN, IKE_ID_DER_ASN1_GN, IKE_ID_KEY_ID, 4, 201};
	struct rng r = {.s = 35};
	char buf[2 * IKE_ID_MAX + 32];

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		struct ike_id id = {.type = types[rng_below(&r, N(types))]}, back;
		uint32_t kind = rng_below(&r, 3);

		if (id.type == IKE_ID_IPV4_ADDR)
			id.len = 4;
		else if (id.type == IKE_ID_IPV6_ADDR)
			id.len = 16;
		else
			id.len = (uint16_t)rng_below(
				&r, rng_below(&r, 8) == 0 ? IKE_ID_MAX + 1 : 12);
		for (unsigned int i = 0; i < id.len; i++)
			id.data[i] =
				(uint8_t)(kind == 0 ? rng_below(&r, 256)
					  : kind == 1
						  ? 0x20 + rng_below(&r, 0x60)
						  : (uint32_t) "@#:=*%{}.0ab"[rng_below(&r, 12)]);
		ike_id_str(&id, buf, sizeof(buf));
		for (const char *c = buf; *c != '\0'; c++)
			assert_true(*c > 0x1f && *c < 0x7f);
		if (ike_id_parse(&back, buf) != 0 || !ike_id_equal(&id, &back))
			fail_msg("type %u, length %u reads '%s'", id.type, id.len, buf);
		assert_true(strlen(ike_id_str(&id, buf, 5)) < 5);
	}
}

static void
equality(void **state)
{
	struct ike_id a = id_of("gw.example"), b = id_of("GW.Example"),
		      c = id_of("keyid:gw.example");
	struct ike_id d = id_of("C=DE, O=Some Org, CN=gw"), e = id_of("C=de, O=some  org, CN=GW");
	/* CN=gw as UTF8String and as PrintableString */
	struct ike_id utf8 = id_of("asn1dn:#300d310b300906035504030c026777");
	struct ike_id printable = id_of("asn1dn:#300d310b300906035504031302"
					"6777");
	struct ike_id broken = id_of("asn1dn:#300d310b30090603550403");
	struct ike_id any = id_of("%any");

	(void)state;
	assert_true(ike_id_equal(&a, &a));
	assert_true(ike_id_equal(&a, &b));
	assert_false(ike_id_equal(&a, &c));
	assert_true(ike_id_equal(&d, &e));
	assert_true(ike_id_equal(&utf8, &printable));
	assert_false(ike_id_equal(&utf8, &d));
	assert_true(ike_id_equal(&broken, &broken));
	assert_false(ike_id_equal(&broken, &utf8));
	assert_true(ike_id_equal(&any, &any));
	/* a zero byte does not end a name */
	a = id_of("fqdn:#41002e62");
	b = id_of("fqdn:#61002e42");
	c = id_of("fqdn:#61002e63");
	assert_true(ike_id_equal(&a, &b));
	assert_false(ike_id_equal(&a, &c));
	assert_false(ike_id_equal(&any, &a));
	b = id_of("keyid:GW.example");
	assert_false(ike_id_equal(&b, &c)); /* key ids are bytes */
}

static void
matching(void **state)
{
	static const struct {
		const char *id, *pattern;
		unsigned int min, max;
	} table[] = {
		{"gw.example", "%any", 1, 1},
		{"192.0.2.1", "%any", 1, 1},
		{"gw.example", "gw.example", 20, 20},
		{"gw.example", "GW.example", 20, 20},
		{"gw.example", "*.example", 2, 19},
		{"gw.example", "@*", 2, 19},
		{"gw.example", "*gw.example", 0, 0}, /* the star stands for something */
		{"gw.example", "*.exampl", 0, 0},
		{"gw.example", "gw.*", 0, 0},
		{"a@example", "*@example", 2, 19},
		{"a@example", "*example", 0, 0}, /* a name, not a mail address */
		{"gw.example", "*@example", 0, 0},
		{"keyid:gw.example", "*.example", 0, 0},
		{"192.0.2.1", "192.0.2.1", 20, 20},
		{"192.0.2.1", "192.0.2.2", 0, 0},
		{"192.0.2.1", "@192.0.2.1", 0, 0},
		{"ex", "*.example", 0, 0},
		{"C=CH, O=Example, CN=gw", "C=CH, O=Example, CN=*", 19, 19},
		{"C=CH, O=Example, CN=gw", "C=*, O=*, CN=*", 17, 17},
		{"C=CH, O=Example, CN=gw", "C=ch, O=*, CN=GW", 19, 19},
		{"C=CH, O=Example, CN=gw", "C=DE, O=*, CN=*", 0, 0},
		{"C=CH, O=Example, CN=gw", "C=CH, O=*", 0, 0},
		{"C=CH, CN=gw", "C=CH, O=*, CN=*", 0, 0},
		{"C=CH, O=Example, CN=gw", "CN=*, O=*, C=*", 0, 0}, /* the order counts */
		{"C=CH, O=Example, CN=gw", "C=CH, O=Exam*, CN=gw", 0, 0},
		{"gw", "CN=*", 0, 0},
	};
	struct ike_id id = id_of("gw.site.example"), far = id_of("*.example");
	struct ike_id near = id_of("*.site.example");

	(void)state;
	for (size_t i = 0; i < N(table); i++) {
		struct ike_id a = id_of(table[i].id), b = id_of(table[i].pattern);
		unsigned int m = ike_id_match(&a, &b);

		if (m < table[i].min || m > table[i].max)
			fail_msg("%s with %s: %u", table[i].id, table[i].pattern, m);
	}
	assert_true(ike_id_match(&id, &near) > ike_id_match(&id, &far));
	assert_true(ike_id_match(&id, &near) < 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notation),
		cmocka_unit_test(refused),
		cmocka_unit_test(printing_any_bytes),
		cmocka_unit_test(equality),
		cmocka_unit_test(matching),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
