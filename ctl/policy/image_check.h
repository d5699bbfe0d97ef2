/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * image_check.h -- the references inside an image whose sections are known to lie in bounds.
 */
#ifndef DBX_POLICY_IMAGE_CHECK_H
#define DBX_POLICY_IMAGE_CHECK_H

#include "policy/image.h"

/* NULL, or a constant sentence that says what is wrong. */
const char *dbx_image_check_refs(const struct dbx_image *img);

#endif
