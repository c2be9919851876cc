/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_HOST_H
#define IKE_HOST_H

/*
 * What the engine asks of whoever runs it. All calls come from inside an ike_*() call, on that
 * thread, and return at once. The host must not call back into the engine from them.
 */

#include "cfg.h"

#define IKE_ESP_KEY_MAX 96 /* cipher key with salt, or integrity key, bytes */

enum ike_log_level { IKE_LOG_ERROR, IKE_LOG_WARN, IKE_LOG_INFO, IKE_LOG_DEBUG };

/**
 * A negotiated CHILD_SA, as handed to the host. Valid during the call; keys are wiped after it.
 * Keys are the raw KEYMAT pieces (RFC 7296 2.17): for AEAD the salt is the tail of the cipher key.
 */
struct ike_child_sa {
	uint32_t id;	 /* the engine's number for it, never 0, never used twice */
	uint32_t ike_id; /* its IKE SA's number */
	const struct ike_conn_cfg *conn;
	const struct ike_child_cfg *child;
	struct ike_path path;
	uint32_t spi_in, spi_out; /* host order; spi_in came from spi_alloc() */
	enum ike_mode mode;	  /* as agreed */
	bool udp_encap;		  /* ESP in UDP on path's ports (a NAT was found or is faked) */
	bool initiator;		  /* of the exchange that made it */
	uint32_t replaces;	  /* id of the child that this one rekeys, 0 = a new one */
	struct ike_suite suite;	  /* encr, encr_key_bits, integ, esn; dh if the exchange had one */
	struct ike_ts_list local_ts, remote_ts; /* as agreed */
	struct ike_id local_id, remote_id;
	uint8_t encr_key_len, integ_key_len;
	uint8_t encr_in[IKE_ESP_KEY_MAX], encr_out[IKE_ESP_KEY_MAX];
	uint8_t integ_in[IKE_ESP_KEY_MAX], integ_out[IKE_ESP_KEY_MAX];
	bool use_out; /* false: install both, but go on sending on the replaced one until child_use_out() */
};

struct ike_child_stats {
	uint64_t packets_in, bytes_in, packets_out, bytes_out;
	uint64_t last_in_ms, last_out_ms; /* clock of ike_tick(); 0 = never */
	uint64_t seq_out;
};

enum ike_event_type {
	IKE_EV_IKE_UP,	   /* authenticated */
	IKE_EV_IKE_DOWN,
	IKE_EV_IKE_FAILED, /* we wanted it, and it never came up: as IKE_EV_CHILD_FAILED */
	IKE_EV_CHILD_UP,   /* not for rekeys */
	IKE_EV_CHILD_DOWN, /* not for rekeys */
	IKE_EV_CHILD_REKEY,
	IKE_EV_CHILD_FAILED, /* an attempt ended without SA: what is held for it may be dropped */
};

struct ike_event {
	enum ike_event_type type;
	const struct ike_conn_cfg *conn;
	const struct ike_child_cfg *child; /* NULL for IKE events */
	uint32_t ike_id, child_id;	   /* 0 where it does not apply */
	const char *reason;		   /* for down and failed: a sentence */
};

struct ike_job; /* work that may be done on another thread: ike_job_run(), ike_job_done() */

enum ike_offload {
	IKE_OFFLOAD_INLINE, /* not worth it, or no other thread: the engine does it at once */
	IKE_OFFLOAD_TAKEN,  /* ike_job_run() on some thread, then ike_job_done() on the engine's */
	IKE_OFFLOAD_FULL,   /* too much of it waits: the message that asks for it is dropped */
};

/** Whose an IKE SPI of ours is. */
enum ike_spi_use {
	IKE_SPI_UNUSED,
	IKE_SPI_STRANGER, /* half-open: whoever asked, and showed a cookie at best */
	IKE_SPI_PEER,	  /* an authenticated peer's, or of an SA that we start */
	IKE_SPI_USES
};

struct ike_host {
	void *arg; /* first argument of each call */

	/** Send one datagram; the host adds the non-ESP marker when local_port is not 500's. */
	void (*send)(void *arg, const struct ike_path *path, const uint8_t *buf, size_t len);

	/** Fill buf from a cryptographic source. */
	void (*random)(void *arg, void *buf, size_t len);

	/**
	 * The source address to reach remote from, among the connection's local ranges.
	 * @return 0, or -EADDRNOTAVAIL
	 */
	int (*local_addr)(void *arg, const struct in6_addr *remote, const struct ike_range *allowed,
		unsigned int n_allowed, struct in6_addr *local);

	/** Largest IP packet to remote, at least 1280. May be NULL: no limit is known. */
	uint16_t (*path_mtu)(void *arg, const struct in6_addr *remote);

	/** Send one NAT-keepalive (RFC 3948 4). May be NULL: none are sent. */
	void (*keepalive)(void *arg, const struct ike_path *path);

	/**
	 * Look a host name up, away from this thread, and answer by ike_resolved() with the token,
	 * exactly once. NULL = the host cannot: names match nobody then.
	 */
	void (*resolve)(void *arg, uint32_t token, const char *name);

	/** Reserve an inbound ESP SPI, host order, >= 256; 0 when there is none. */
	uint32_t (*spi_alloc)(void *arg);
	/** Give back one that never reached child_add(). */
	void (*spi_free)(void *arg, uint32_t spi);

	/** An IKE SPI of ours comes into use, gets another use, or goes. */
	void (*ike_spi)(void *arg, uint64_t spi, enum ike_spi_use before, enum ike_spi_use now);

	/** Install both directions. Inbound works when this returns. @return 0 or -errno */
	int (*child_add)(void *arg, const struct ike_child_sa *sa);
	/** Send on this child from now on. */
	void (*child_use_out)(void *arg, uint32_t child_id);
	/** Its peer moved: new addresses, ports or encapsulation. */
	void (*child_path)(void *arg, uint32_t child_id, const struct ike_path *path, bool udp_encap);
	/** Remove directions; after both the id is forgotten. Outbound goes first at a rekey. */
	void (*child_del)(void *arg, uint32_t child_id, bool in, bool out);
	/** @return 0, or -ENOENT */
	int (*child_stats)(void *arg, uint32_t child_id, struct ike_child_stats *st);

	/**
	 * Take work off the engine's thread. May be NULL: all runs at once.
	 *
	 * A job that is taken comes back by ike_job_done() whatever happens, also after
	 * ike_destroy(): it is freed there.
	 *
	 * @param stranger  for a peer that is not authenticated: it waits behind all others
	 * @param cost_us   about how long it runs on a processor of today
	 */
	enum ike_offload (*offload)(
		void *arg, struct ike_job *job, bool stranger, uint32_t cost_us);

	/**
	 * dpd_action or close_action of child has trap, and was carried out: traffic may bring it up
	 * from now on, whatever start_action says. May be NULL: it always may.
	 */
	void (*trap)(void *arg, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child);

	void (*event)(void *arg, const struct ike_event *ev);
	/** group: "IKE", "CFG", "ENC", "NET", "CHD"; name: the connection's or NULL; no newline. */
	void (*log)(void *arg, enum ike_log_level level, const char *group, const char *name,
		const char *msg);
};

#endif
