/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/vdev.h"

static void
pci_or_vdev(void **state)
{
	assert_true(gw_port_is_pci("0000:00:06.0"));
	assert_true(gw_port_is_pci("00:06.0"));
	assert_true(gw_port_is_pci("0000:00:06.0,llq_policy=1"));
	assert_false(gw_port_is_pci("net_af_packet0,iface=eth0"));
	assert_false(gw_port_is_pci("00:06.0x"));
	assert_false(gw_port_is_pci(""));
}

static void
names(void **state)
{
	char buf[64];

	assert_string_equal(
		gw_port_name("net_af_packet0,iface=eth0", buf, sizeof(buf)), "net_af_packet0");
	assert_string_equal(gw_port_name("00:06.0", buf, sizeof(buf)), "0000:00:06.0");
	assert_string_equal(gw_port_name("0001:00:06.0,a=b", buf, sizeof(buf)), "0001:00:06.0");
	assert_string_equal(gw_port_name("net_null0", buf, sizeof(buf)), "net_null0");
}

static void
arguments(void **state)
{
	const char *port = "net_af_packet0,xiface=no,iface=eth0,framesz=4096";
	char buf[8];

	assert_true(gw_port_arg(port, "iface", buf, sizeof(buf)));
	assert_string_equal(buf, "eth0");
	assert_true(gw_port_arg(port, "framesz", buf, sizeof(buf)));
	assert_string_equal(buf, "4096");
	assert_false(gw_port_arg(port, "blocksz", buf, sizeof(buf)));
	assert_false(gw_port_arg("iface=eth0", "iface", buf, sizeof(buf)));
	assert_false(gw_port_arg(port, "iface", buf, 4)); /* cut off is worse than missing */
}

/* The ring that we ask for holds the frame, and an mbuf holds what the ring may deliver. */
static void
rings_hold_frames(void **state)
{
	for (unsigned int mtu = 1280; mtu <= 9216; mtu++) {
		char vdev[128], value[16];
		unsigned int frame, block;

		gw_port_vdev("net_af_packet0,iface=v", (uint16_t)mtu, vdev, sizeof(vdev));
		assert_true(gw_port_arg(vdev, "framesz", value, sizeof(value)));
		assert_int_equal(sscanf(value, "%u", &frame), 1);
		assert_true(gw_port_arg(vdev, "blocksz", value, sizeof(value)));
		assert_int_equal(sscanf(value, "%u", &block), 1);
		assert_true(frame >= mtu + 18 + 80);
		assert_int_equal(frame % 16, 0);
		assert_int_equal(block % 4096, 0);
		assert_int_equal(block % frame, 0);
		assert_true(gw_port_frame_max("net_af_packet0,iface=v", (uint16_t)mtu) >= frame);
	}
}

static void
own_words_stay(void **state)
{
	static const char *const ports[] = {
		"net_af_packet0,iface=v,framesz=16384,blocksz=65536,framecnt=256",
		"net_af_packet0,iface=v,framecnt=64",
		"net_null0,size=64",
	};
	char vdev[128];

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		assert_string_equal(gw_port_vdev(ports[i], 1500, vdev, sizeof(vdev)), ports[i]);
	assert_int_equal(gw_port_frame_max(ports[0], 9001), 16384);
	assert_int_equal(gw_port_frame_max("net_null0", 1500), 1518);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pci_or_vdev),
		cmocka_unit_test(names),
		cmocka_unit_test(arguments),
		cmocka_unit_test(rings_hold_frames),
		cmocka_unit_test(own_words_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
