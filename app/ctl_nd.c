/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_nd.h"
