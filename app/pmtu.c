/* SPDX-License-Identifier: BSD-3-Clause */
#include "pmtu.h"
