/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GW_VICI_H
#define GW_VICI_H

/*
 * VICI's wire format (strongSwan's control protocol): packets and messages <-> the tree of conf.h.
 * Pure; fuzzed. A segment is a 32-bit big-endian length and so many bytes of packet.
 */

#include "conf.h"

#define VICI_SEGMENT_MAX (512 * 1024)

enum vici_type {
	VICI_CMD_REQUEST = 0,
	VICI_CMD_RESPONSE = 1,
	VICI_CMD_UNKNOWN = 2,
	VICI_EVENT_REGISTER = 3,
	VICI_EVENT_UNREGISTER = 4,
	VICI_EVENT_CONFIRM = 5,
	VICI_EVENT_UNKNOWN = 6,
	VICI_EVENT = 7,
};

struct vici_packet {
	enum vici_type type;
	char name[256];	    /* named types, else "" */
	const uint8_t *msg; /* borrowed */
	size_t msg_len;
};

/** Read a packet (a segment without its length). @return 0, -EPROTO */
int vici_packet_parse(struct vici_packet *p, const uint8_t *buf, size_t len);
/** Decode a message into a tree. @return NULL with errno EPROTO or ENOMEM */
struct conf *vici_decode(const uint8_t *msg, size_t len);

/** A message being written; grows; sticky error. Names longer than 255 or values over 65535 are errors. */
struct vici_out {
	uint8_t *buf;
	size_t len, cap;
	int error;	    /* 0, ENOMEM, EOVERFLOW (too long), EINVAL (sections or lists do not balance) */
	unsigned int depth; /* sections open */
	bool in_list;
};
/**
 * Start a whole segment: length (filled by vici_end), type, name for named types (else NULL).
 * Initialises o, whatever it held; each begin needs a vici_out_free().
 */
void vici_begin(struct vici_out *o, enum vici_type type, const char *name);
void vici_section(struct vici_out *o, const char *name);
void vici_section_end(struct vici_out *o);
void vici_kv(struct vici_out *o, const char *name, const char *value);
void vici_kvf(struct vici_out *o, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void vici_list(struct vici_out *o, const char *name);
void vici_item(struct vici_out *o, const char *value);
void vici_list_end(struct vici_out *o);
/** Finish: fill the length in. @return 0, or -error; o->buf, o->len is the segment */
int vici_end(struct vici_out *o);
void vici_out_free(struct vici_out *o);

#endif
