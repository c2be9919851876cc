/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/pci.h"

#define PORT "0000:00:06.0"

static char sysfs[64];

static const char *
path_of(const char *file)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/" PORT "%s%s", sysfs, file[0] != '\0' ? "/" : "", file);
	return path;
}

/* The device, bound to driver if that is not NULL, in an IOMMU group of that name */
static void
bind_to(const char *driver, const char *group)
{
	char target[64];

	assert_int_equal(mkdir(path_of(""), 0700), 0);
	if (driver != NULL) {
		snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", driver);
		assert_int_equal(symlink(target, path_of("driver")), 0);
	}
	if (group != NULL) {
		FILE *f;

		assert_int_equal(mkdir(path_of("iommu_group"), 0700), 0);
		f = fopen(path_of("iommu_group/name"), "w");
		assert_non_null(f);
		fprintf(f, "%s\n", group);
		fclose(f);
	}
}

static int
setup(void **state)
{
	snprintf(sysfs, sizeof(sysfs), "/tmp/test_pci.XXXXXX");
	return mkdtemp(sysfs) != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	unlink(path_of("driver"));
	unlink(path_of("iommu_group/name"));
	rmdir(path_of("iommu_group"));
	rmdir(path_of(""));
	return rmdir(sysfs);
}

static void
test_none(void **state)
{
	char buf[16];

	assert_null(gw_pci_driver(sysfs, PORT, buf, sizeof(buf)));
	assert_false(gw_pci_is_physical(sysfs, PORT));
	bind_to(NULL, NULL);
	assert_string_equal(gw_pci_driver(sysfs, PORT, buf, sizeof(buf)), "");
	assert_false(gw_pci_is_physical(sysfs, PORT));
}

static void
check_bound(const char *driver, const char *group, bool physical)
{
	char buf[32];

	bind_to(driver, group);
	assert_string_equal(gw_pci_driver(sysfs, PORT, buf, sizeof(buf)), driver);
	assert_int_equal(gw_pci_is_physical(sysfs, PORT), physical);
}

static void
test_kernel(void **state)
{
	check_bound("ena", NULL, false);
}

static void
test_igb_uio(void **state)
{
	check_bound("igb_uio", NULL, true);
}

static void
test_uio_pci_generic(void **state)
{
	check_bound("uio_pci_generic", NULL, true);
}

static void
test_vfio(void **state)
{
	check_bound("vfio-pci", NULL, false);
}

static void
test_vfio_noiommu(void **state)
{
	check_bound("vfio-pci", "vfio-noiommu", true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_none),
		TEST(test_kernel),
		TEST(test_igb_uio),
		TEST(test_uio_pci_generic),
		TEST(test_vfio),
		TEST(test_vfio_noiommu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
