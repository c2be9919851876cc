/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_IKE_H
#define IKE_IKE_H

/*
 * The IKEv2 engine (RFC 7296): datagrams and time go in, datagrams, SA installs and events come out
 * through struct ike_host. One thread at a time; never blocks; keeps no clock of its own.
 * now_ms: a monotonic clock in milliseconds, never 0, never going back.
 */

#include "host.h"

struct ike;

/**
 * @param host  copied
 * @param cfg   borrowed, see cfg.h
 * @return NULL on lack of memory
 */
struct ike *ike_create(const struct ike_host *host, const struct ike_cfg *cfg, uint64_t now_ms);

/** Forget everything without a word to peers; children are taken from the host. NULL is fine. */
void ike_destroy(struct ike *e);

/** Carry out start_action = start of every child. */
void ike_start(struct ike *e, uint64_t now_ms);

/** A UDP payload, without the non-ESP marker. Anything may be in it. */
void ike_input(struct ike *e, const struct ike_path *path, const uint8_t *buf, size_t len,
	uint64_t now_ms);

/** Do what is due. @return ike_due() */
uint64_t ike_tick(struct ike *e, uint64_t now_ms);
/** When ike_tick() has something to do next, UINT64_MAX = not by itself; any other call may change that. */
uint64_t ike_due(const struct ike *e);

/**
 * Bring a child up unless it is up or being set up; traffic (trap) and commands both come here.
 * @param conn  NULL: the first connection that has such a child
 * @param child NULL: the IKE SA alone
 * @return 0, -ENOENT, -EALREADY, -EADDRNOTAVAIL (no local address), -EDESTADDRREQ (peer is %any)
 */
int ike_initiate(struct ike *e, const char *conn, const char *child, uint64_t now_ms);
/** An IKE SA of that connection is up and stays: what ike_initiate() without a child asks for is there. */
bool ike_is_up(const struct ike *e, const char *conn);

/**
 * The answer to ike_host.resolve().
 * @param addrs n IPv6 addresses, the preferred first; more than IKE_NAME_ADDRS_MAX are left out
 * @param why   with n == 0: what went wrong
 */
void ike_resolved(struct ike *e, uint32_t token, const struct in6_addr *addrs, unsigned int n,
	const char *why, uint64_t now_ms);

/** What a command selects; NULL and 0 match everything, given fields must all fit. */
struct ike_select {
	const char *ike, *child;
	uint32_t ike_id, child_id;
};

/** Start rekeying; child SAs when child or child_id is given, else IKE SAs. @return how many */
int ike_rekey(struct ike *e, const struct ike_select *sel, uint64_t now_ms);

/**
 * Send DELETEs; child SAs when child or child_id is given, else IKE SAs. What is selected by name and still
 * comes up, or waits to be tried again, is given up.
 * @return how many
 */
int ike_terminate(struct ike *e, const struct ike_select *sel, uint64_t now_ms);

/** child was terminated, and nobody has wanted it since. */
bool ike_is_terminated(const struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child);

/** Send a DELETE for every IKE SA, once, and take all children from the host. Then only ike_destroy(). */
void ike_shutdown(struct ike *e, uint64_t now_ms);

/** The first packet arrived on an inbound SA: evidence that the peer uses the new pair. */
void ike_child_in_use(struct ike *e, uint32_t child_id, uint64_t now_ms);

/**
 * ESP came along path for an SPI that the host does not have: one of the two ends has lost something.
 * To be told now and then, not for each packet.
 */
void ike_unknown_spi(struct ike *e, const struct ike_path *path, uint32_t spi, uint64_t now_ms);

/**
 * A packet of this child, authenticated, came from another address or port than its path says. To be
 * told now and then while that is so, not for each packet.
 */
void ike_child_elsewhere(
	struct ike *e, uint32_t child_id, const struct ike_path *path, uint64_t now_ms);

/**
 * More of strangers' messages come than the host gets round to hand in, or that is over again. While
 * it lasts every IKE_SA_INIT has to show a COOKIE, however few SAs are half-open.
 */
void ike_set_pressure(struct ike *e, bool pressed);

/**
 * The owner of the configuration changed certificates between two calls: connections' trust and
 * creds, nothing else. IKE SAs stay; what is judged or signed meanwhile is judged and signed anew.
 * @return 0, or -ENOMEM: strangers are asked for certificates of the old CAs
 */
int ike_certs_changed(struct ike *e);

/** Do the work of a job that offload() took: on any thread, once, at the same time as anything else. */
void ike_job_run(struct ike_job *job);

/**
 * A job ran: on the engine's thread. The engine goes on with what waited for it, if that is still
 * wanted. The job is the engine's again. ike_job_done() is owed for each job even when the engine
 * is destroyed, before or after it.
 */
void ike_job_done(struct ike_job *job, uint64_t now_ms);

enum ike_state { IKE_ST_CONNECTING, IKE_ST_ESTABLISHED, IKE_ST_REKEYING, IKE_ST_REKEYED, IKE_ST_DELETING };
enum ike_child_state {
	IKE_CST_INSTALLED,
	IKE_CST_REKEYING,
	IKE_CST_REKEYED, /* replaced; inbound may linger */
	IKE_CST_DELETING,
};

/** A look at an IKE SA, valid during the callback. */
struct ike_sa_view {
	uint32_t id;
	const struct ike_conn_cfg *conn;
	enum ike_state state;
	struct ike_path path;
	bool initiator, nat_local, nat_remote;
	bool ppk; /* a post-quantum pre-shared key is mixed in (RFC 8784) */
	uint64_t spi_i, spi_r; /* host order */
	struct ike_id local_id, remote_id;
	struct ike_suite suite;
	uint64_t established_ms; /* when, 0 = not yet */
	uint64_t rekey_at_ms;	 /* 0 = never */
	unsigned int n_children;
};

/** A look at a CHILD_SA, valid during the callback; counters are the host's. */
struct ike_child_view {
	uint32_t id, ike_id;
	const struct ike_conn_cfg *conn;
	const struct ike_child_cfg *child;
	enum ike_child_state state;
	enum ike_mode mode;
	bool udp_encap;
	uint32_t spi_in, spi_out;
	struct ike_suite suite;
	uint64_t installed_ms, rekey_at_ms, expire_at_ms; /* 0 = never */
	const struct ike_ts_list *local_ts, *remote_ts;
};

void ike_walk(struct ike *e, void (*sa)(void *arg, const struct ike_sa_view *v),
	void (*child)(void *arg, const struct ike_child_view *v), void *arg);

/** Totals since ike_create(). */
struct ike_stats {
	uint64_t rx, tx, rx_invalid, rx_invalid_spi, retransmits, cookies_asked, init_dropped;
	uint64_t ike_up, ike_failed, child_up, child_failed, child_rekeys, ike_rekeys;
	uint32_t n_sas, n_half_open, n_children;
	uint64_t jobs, jobs_refused; /* taken by the host; dropped for want of room */
	uint32_t n_strangers; /* half-open ones, and those that failed and linger: what thresholds count */
	uint32_t n_timers;	     /* deadlines that are set */
	uint32_t n_jobs;	     /* under way */
};
void ike_get_stats(const struct ike *e, struct ike_stats *st);

#endif
