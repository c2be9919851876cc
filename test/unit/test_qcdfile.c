/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
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

#include "app/qcdfile.h"

static char dir[] = "/tmp/qcdfile.XXXXXX";
static char path[64];
static uint8_t one[GW_QCD_SECRET_LEN], two[GW_QCD_SECRET_LEN];
static char why[256];

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/sub/secret", dir);
	return 0;
}

static int
teardown(void **state)
{
	char sub[64];

	(void)state;
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	unlink(path);
	rmdir(sub);
	return rmdir(dir);
}

static void
test_made_once(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(gw_qcdfile(path, one, why, sizeof(why)), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, GW_QCD_SECRET_LEN);
	assert_int_equal(gw_qcdfile(path, two, why, sizeof(why)), 0);
	assert_memory_equal(one, two, sizeof(one));
	/* another one each time that it is made */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(gw_qcdfile(path, two, why, sizeof(why)), 0);
	assert_memory_not_equal(one, two, sizeof(one));
}

static void
refused(int err, const char *text)
{
	static const uint8_t zero[GW_QCD_SECRET_LEN];

	assert_int_equal(gw_qcdfile(path, two, why, sizeof(why)), -err);
	assert_non_null(strstr(why, text));
	assert_memory_equal(two, zero, sizeof(two));
}

static void
test_refused(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(gw_qcdfile(path, one, why, sizeof(why)), 0);
	assert_int_equal(chmod(path, 0640), 0);
	refused(EPERM, "0600");
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 31), 0);
	refused(EINVAL, "32 bytes");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/zero", path), 0);
	refused(ELOOP, path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(EINVAL, "32 bytes");
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	refused(EINVAL, "remove it");
}

static void
test_no_folder(void **state)
{
	(void)state;
	assert_int_equal(gw_qcdfile("/proc/none/at/all", one, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "/proc/none/at/all"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_once),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_folder),
	};

	return cmocka_run_group_tests_name("qcdfile", tests, setup, teardown);
}
