/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_SA_H
#define IKE_SA_H

/*
 * The engine's own objects: struct ike (the engine), struct ike_sa (an IKE SA) and what an exchange
 * needs until it is over. Private to ike/. Only sa.c assigns ike_sa.state.
 *
 * Life of an IKE SA (RFC 7296 1.2, 1.3.2, 1.4):
 *
 *   initiator  INIT_SENT -> AUTH_SENT -.                 .-> DELETING -.
 *                                       >-> UP -> REKEYED ------------- > DEAD
 *   responder  HALF_OPEN --------------'     `-> LINGER --------------'
 *
 * Nothing is freed under a caller's feet: SAs that changed are on the engine's dirty list, and
 * ike_settle(), last in every public call, runs their tasks, sets their timers and frees the dead.
 */

#include <string.h>

#include "child.h"
#include "cookie.h"
#include "crypto.h"
#include "hash.h"
#include "ike.h"
#include "index.h"
#include "job.h"
#include "keymat.h"
#include "log.h"
#include "names.h"
#include "task.h"
#include "timer.h"
#include "window.h"
#include "wire.h"

#define IKE_OUR_NONCE_LEN 32 /* half the key size of any PRF we know, at least (2.10) */

/*
 * Bounds for peers that are not authenticated: a half-open SA holds its IKE_SA_INIT request and, when
 * IKE_AUTH comes in fragments, what has arrived of it.
 */
#define IKE_INIT_LEN_MAX 4096
#define IKE_AUTH_LEN_MAX 16384
#define IKE_CERTREQ_MAX	 64 /* CAs that a peer may name; more are not looked at */

#define IKE_HALF_OPEN_MS 30000 /* a responder waits so long for IKE_AUTH */
#define IKE_FRAGS_MS	 30000 /* fragments wait so long for the rest of their message (RFC 7383 2.6) */
#define IKE_LINGER_MS	 30000 /* an ended SA repeats its last reply so long */
#define IKE_HUSH_MS	 5000  /* after our answer to its rekeying the peer is asked nothing yet */
#define IKE_REKEYED_MS	 30000 /* after it we delete a replaced IKE SA that its replacer left over */

#define IKE_PORT      500
#define IKE_NATT_PORT 4500 /* with the non-ESP marker (RFC 3948 2.2) */

enum ike_sa_state {
	IKE_SA_INIT_SENT, /* initiator: IKE_SA_INIT on its way */
	IKE_SA_AUTH_SENT, /* initiator: IKE_AUTH on its way */
	IKE_SA_HALF_OPEN, /* responder: IKE_SA_INIT answered, nothing authenticated */
	IKE_SA_UP,
	IKE_SA_REKEYED,	  /* replaced, its children went to the new one; waits for a DELETE */
	IKE_SA_DELETING,  /* our DELETE is on its way */
	IKE_SA_LINGER,	  /* over: only repeats its last reply */
	IKE_SA_DEAD,	  /* to be freed by ike_settle() */
	IKE_SA_STATES
};

struct ike_nonce {
	uint16_t len;
	uint8_t data[IKE_NONCE_MAX];
};

/** Bytes on the heap. */
struct ike_blob {
	uint8_t *p;
	size_t len;
};

/** Where an SA is found that has said INITIAL_CONTACT, until it is up: unique.h. */
struct ike_claim {
	struct ike_node node;
	struct ike_sa *sa;
};

/** What IKE_SA_INIT leaves for IKE_AUTH; freed when the SA is up. */
struct ike_setup {
	struct ike_blob init_req, init_resp; /* as sent or received: AUTH covers them (2.15) */
	uint64_t repeat_ms; /* responder: init_resp is not repeated before */
	struct ike_blob ni, nr;
	struct ike_dh_key *dh;		   /* initiator */
	bool intermediate;		   /* IKE_INTERMEDIATE is known to both (RFC 9242) */
	uint8_t n_inter;		   /* rounds of it so far */
	uint8_t addke;			   /* place of the additional key exchange to come, or before it */
	struct ike_blob int_auth_i, int_auth_r; /* over each side's messages of it */
	struct ike_keymat *next_keys;	   /* responder: once the response is out */
	struct ike_sk_key key_before;	   /* responder: opens the last request, whose answer changed the keys */
	unsigned int restarts;		   /* COOKIE and INVALID_KE_PAYLOAD answers so far */
	struct ike_blob cookie;		   /* initiator: what the responder asked to repeat */
	const struct ike_child_cfg *child; /* initiator: to come up with IKE_AUTH; NULL = none */
	bool use_ppk;			   /* USE_PPK went both ways (RFC 8784) */
	bool no_ppk_auth;		   /* responder: the peer's AUTH is in NO_PPK_AUTH */
	struct ike_keymat_roots *plain;	   /* keys before a PPK was mixed in, NULL = none was */
	bool told_ppk;			   /* what became of the PPK */
	struct ike_claim claims[2];	   /* initiator: by the peer's host, and by its name if that is known */
	bool peer_childless;		   /* initiator: CHILDLESS_IKEV2_SUPPORTED seen */
	uint8_t peer_hashes;		   /* IKE_HASH_BIT()s of its SIGNATURE_HASH_ALGORITHMS; 0 = none came */
	bool peer_certreq;		   /* it asks for a certificate */
	struct ike_blob cas;		   /* key hashes of the CAs that it names */
};

#define IKE_NETS 2 /* sizes of networks that strangers are counted by */

struct ike_sa {
	struct ike *e;
	struct ike_node by_net[IKE_NETS];
	struct ike_sa *next, **link;	/* all SAs of the engine */
	struct ike_node by_spi, by_id, by_conn, by_host;
	struct ike_node by_init; /* responders */
	struct ike_node by_ends; /* once up: by both identities */
	struct ike_sa *dirty_next;
	bool dirty;

	uint32_t id;
	enum ike_sa_state state;
	bool initiator; /* the original initiator, or of the exchange that rekeyed it (2.18) */
	const struct ike_conn_cfg *conn; /* responder before IKE_AUTH: a first guess */
	struct ike_path path;
	uint64_t spi_i, spi_r; /* host order */
	enum ike_spi_use spi_use; /* as the host knows ours */
	uint8_t init_digest[IKE_DIGEST_LEN]; /* responder: of the IKE_SA_INIT request */

	const struct ike_id *local_id, *remote_id; /* %any before IKE_AUTH; ike_sa_set_id() */
	struct ike_keymat keys;
	struct ike_window win;
	struct ike_frags *frags[2];	     /* of a request, of a response; NULL = none yet */
	uint8_t frag_digest[IKE_DIGEST_LEN]; /* of the request's fragment 1 */
	struct ike_setup *setup;	     /* NULL once up */

	bool nat_local, nat_remote; /* found by NAT detection, or faked */
	bool behind_nat;	    /* we are, in truth: what is faked needs no keepalives */
	bool has_esp_from;	    /* ESP came from esp_from, unlike IKE */
	bool peer_natt;		    /* the peer sent NAT detection payloads at all */
	bool frag;		    /* RFC 7383 agreed */
	bool mobike;		    /* RFC 4555 agreed (we are the responder) */
	bool ppk;		    /* a PPK is mixed into the keys (RFC 8784) */
	bool was_up;		    /* IKE_EV_IKE_UP was raised: IKE_EV_IKE_DOWN is owed */
	bool auth_failed;	    /* our DELETE says AUTHENTICATION_FAILED (2.21.2) */
	bool qcd_given;		    /* the peer has a token of ours (RFC 6290) */
	bool has_qcd;		    /* and we the digest of one of its */
	uint8_t qcd[IKE_DIGEST_LEN];
	bool contested;		    /* the peer says that it is gone; an answer says it is not */
	uint32_t contested_at;	    /* repetitions of the outstanding request until then */
	bool replaced;		    /* rekeyed or reauthenticated: its end is nobody's loss */
	uint32_t n_tries;	    /* retransmission sequences so far, this one included */
	uint64_t dup_ms;	    /* a duplicate of a child goes when this SA is alive then (dup.h); 0 */
	uint32_t reauth_of;	    /* id of the SA that goes when this one has its children; 0 */
	uint32_t successor;	    /* id of the SA that took over; 0 */
	uint32_t rival_of;	    /* id of the SA whose rekeying collided and made this one; 0 */

	struct ike_child *children;
	struct ike_task *tasks, *active; /* waiting, in order; on its way */
	struct ike_jobs jobs[IKE_JOB_SIDES]; /* what handlers wait for */
	struct ike_nego *follow; /* the peer began it, its additional key exchanges are not over; NULL */
	uint64_t follow_ms;	 /* until when */

	uint64_t created_ms, up_ms, last_in_ms, state_ms; /* state_ms: since when in state */
	uint64_t rekey_ms, reauth_ms, expire_ms;	  /* IKE_NEVER = never */
	uint64_t sent_ms; /* behind a NAT: when something went out last, as far as is known */
	uint64_t ask_ms;  /* not before it is asked again because of esp_from */
	struct ike_path esp_from;
	uint64_t esp_from_ms; /* when */
	uint64_t hush_ms; /* made by the peer's rekeying, and it may lack our answer: till then we ask nothing */
	uint64_t doubt_ms, tell_ms; /* not before it is asked, or told, because of unknown SPIs */
	struct ike_timer timer;
};

/**
 * A child to be brought up when its time has come; or, banned, one that somebody has terminated: nothing brings
 * it up but a command, traffic or the peer, whatever its actions say and whatever was on its way.
 */
struct ike_wish {
	const struct ike_conn_cfg *conn;
	const struct ike_child_cfg *child;
	bool banned;
	struct ike_timer timer;
	struct ike_node by_child;
};

struct ike {
	struct ike_host host;
	const struct ike_cfg *cfg;
	struct ike_index index;
	struct ike_blob certreq; /* as responder, made of all connections; empty = nothing is asked */
	struct ike_backoff backoff;
	bool pressed; /* more strangers come than are served: all show a cookie */
	uint32_t block_threshold, cookie_threshold, half_open_max, delete_rekeyed_ms;
	uint32_t fragment_size;	/* of the IP packet */
	uint64_t keep_alive_ms; /* 0 = none */
	uint64_t now_ms; /* of the call in progress */

	struct ike_sa *sas, *dirty;
	struct ike_hash by_net[IKE_NETS]; /* strangers: source.h */
	struct ike_hash by_spi, by_id, by_conn, by_host, by_init, by_ends; /* of IKE SAs */
	struct ike_hash by_claim; /* of struct ike_claim */
	uint32_t n_listed; /* SAs in sas, lingering ones too */
	uint32_t n_state[IKE_SA_STATES];
	struct ike_hash children; /* by id */
	struct ike_heap heap;
	struct ike_timer wish_timer; /* the first of wish_heap's */
	struct ike_heap wish_heap;
	struct ike_hash wishes; /* by child */
	struct ike_name *names; /* in the order of connections */
	uint32_t n_names;
	uint64_t names_ms; /* when all were looked up */
	struct ike_timer names_timer;

	uint32_t last_sa_id, last_child_id;
	struct ike_job *jobs; /* under way, those that nobody waits for too */
	uint32_t n_jobs;
	struct ike_cookie cookie;
	struct ike_stats stats;
	uint64_t clear_reply_ms; /* when errors outside any SA were last answered */
	uint32_t clear_replies;	 /* how many since */
	bool stranger;		 /* what is handled comes from somebody not authenticated */
	uint64_t stranger_log_ms; /* since when lines about strangers are counted */
	uint32_t stranger_lines;

	uint8_t *open_buf;  /* IKE_MSG_MAX: decrypted bytes of the message being handled */
	uint8_t *plain_buf; /* IKE_MSG_MAX: inner payloads being built */
	uint8_t *wire_buf;  /* IKE_WIRE_CAP: what is sent */
};

#define IKE_WIRE_CAP (2 * IKE_MSG_MAX)

/* ---- life: sa.c ---- */

/** A new SA in INIT_SENT or HALF_OPEN with an SPI of ours; dirty. @return NULL on lack of memory */
struct ike_sa *ike_sa_create(struct ike *e, const struct ike_conn_cfg *conn,
	const struct ike_path *path, bool initiator);

/**
 * A new SA that inherits from old what a rekeying keeps (2.18), without keys, SPIs and children. It
 * is in no table yet: with keys, ike_sa_begin_rekeyed() puts it in state UP, else ike_sa_discard().
 */
struct ike_sa *ike_sa_create_rekeyed(struct ike_sa *old, bool initiator);
void ike_sa_begin_rekeyed(struct ike_sa *sa, uint64_t spi_i, uint64_t spi_r);
/** Wipe and free an SA that is in no table. */
void ike_sa_discard(struct ike_sa *sa);

/** Our SPI is known by lookup from creation on; the table of IKE_SA_INIT requests takes it here. */
void ike_sa_remember_init(struct ike_sa *sa);
/** Out of all tables. */
void ike_sa_forget(struct ike_sa *sa);
/** Into the table by our SPI; spi_i or spi_r must be set. */
void ike_sa_enlist(struct ike_sa *sa);

/* Transitions. Each does what its state demands and makes sa dirty. */
void ike_sa_auth_sent(struct ike_sa *sa);
/** Authenticated: lifetimes start, the event is raised. */
void ike_sa_up(struct ike_sa *sa);
/** IKE_AUTH is over and its first child installed: free setup. */
void ike_sa_setup_done(struct ike_sa *sa);
/** new takes the children and waiting tasks over; the old one waits for its DELETE. */
void ike_sa_replaced(struct ike_sa *sa, struct ike_sa *by);
void ike_sa_deleting(struct ike_sa *sa);

enum ike_end {
	IKE_END_QUIET,	/* the engine is going, or tries again: nothing is said */
	IKE_END_LOCAL,	/* a command, a lifetime, replaced: said, nothing is done */
	IKE_END_PEER,	/* the peer's DELETE: close_action */
	IKE_END_DEAD,	/* the peer does not answer: dpd_action */
	IKE_END_FAILED, /* never came up */
	/* the same, by silence, an answer nobody vouches for, or want of something: not for ever (2.21.1) */
	IKE_END_REFUSED,
	IKE_END_CONTACT, /* the peer's INITIAL_CONTACT: it lost what it had, and is there */
};

/**
 * The SA is over: children are taken from the host, events raised, actions carried out.
 * With linger its last reply is repeated for a while when asked again.
 */
void ike_sa_end(struct ike_sa *sa, enum ike_end why, bool linger, const char *reason);

/** dpd_action or close_action of a child that ended, or could not begin, for that reason. */
void ike_sa_act(struct ike_sa *sa, const struct ike_child_cfg *cfg, enum ike_end why);

/** An attempt to set cfg up over sa ended without SA: said, and what is to be up comes back later. */
void ike_sa_child_refused(struct ike_sa *sa, const struct ike_child_cfg *cfg, const char *reason);

/** Another SA has all that sa is for: its DELETE goes out, and no action follows. */
void ike_sa_retire(struct ike_sa *sa);

/** Its end is decided: it was replaced, or its DELETE goes out as soon as it can. One that may stay (unique.h) is not. */
bool ike_sa_is_leaving(const struct ike_sa *sa);

/** What the peer's colliding rekeying of sa made, as long as nothing is decided, by then rekeyed itself or not; NULL = none, or gone. */
struct ike_sa *ike_sa_rival(const struct ike_sa *sa);

/** sa was made by the peer's colliding rekeying and is used: the peer thinks that it is the one. */
void ike_sa_adopt(struct ike_sa *sa);

/** The peer is elsewhere: other address, port or NAT. */
void ike_sa_moved(struct ike_sa *sa, const struct ike_path *path, bool nat_local, bool nat_remote);

/** Forget the fragments of a request, or of a response, that have arrived. */
void ike_sa_drop_frags(struct ike_sa *sa, bool response);

/** A lingering SA has repeated its reply long enough. */
void ike_sa_gone(struct ike_sa *sa);

/** Do what is due for this SA. */
void ike_sa_tick(struct ike_sa *sa);

/** To be looked at by ike_settle(). */
void ike_sa_touch(struct ike_sa *sa);

/**
 * The child that was to come up with IKE_AUTH has been terminated: the next one takes its place.
 * @return false when there is none: sa need not come up
 */
bool ike_sa_drop_first(struct ike_sa *sa);

/** When ike_sa_tick() has something to do, IKE_NEVER = not by itself. */
uint64_t ike_sa_due(const struct ike_sa *sa);
/** Wipe and free a dead SA that is in no table any more. */
void ike_sa_free(struct ike_sa *sa);

/** Run tasks, set timers, free the dead, carry out wishes: last in every public call. */
void ike_settle(struct ike *e);

/** Bring child up at that time unless it is up then, or banned. */
void ike_wish(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child,
	uint64_t at_ms);
/** There is such a wish, and no ban: set its time, IKE_NEVER = forget it. @return false when there is none */
bool ike_wish_move(struct ike *e, const struct ike_conn_cfg *conn,
	const struct ike_child_cfg *child, uint64_t at_ms);
/** It was terminated. @return true when it was wished for: IKE_EV_CHILD_FAILED has said that it is no more */
bool ike_wish_ban(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child);
/** It is wanted again. */
void ike_wish_unban(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child);
bool ike_wish_is_banned(const struct ike *e, const struct ike_conn_cfg *conn,
	const struct ike_child_cfg *child);
/** There is no hope for it, for now: IKE_EV_CHILD_FAILED, or IKE_EV_IKE_FAILED without child. ike_id: 0 = no SA was tried */
void ike_say_failed(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child,
	uint32_t ike_id, const char *reason);
/** Forget all of them. */
void ike_wish_drop_all(struct ike *e);

/** Start a new IKE SA towards conn's peer, child (or NULL) with it. @return as ike_initiate() */
int ike_sa_connect(struct ike *e, const struct ike_conn_cfg *conn,
	const struct ike_child_cfg *child, struct ike_sa **out);
/** The same along a given path: to where the peer is known to be. */
int ike_sa_connect_path(struct ike *e, const struct ike_conn_cfg *conn,
	const struct ike_child_cfg *child, const struct ike_path *path, struct ike_sa **out);
/** The SA of conn that may carry one more child: one that is up, else one that is connecting. */
struct ike_sa *ike_sa_carrier(const struct ike *e, const struct ike_conn_cfg *conn);
/** Bring child (NULL: an IKE SA) up over the SA there is, or a new one. @return as ike_initiate() */
int ike_bring_up(struct ike *e, const struct ike_conn_cfg *conn, const struct ike_child_cfg *child);

/* ---- lookup: table.c ---- */

struct ike_sa *ike_sa_by_spi(const struct ike *e, uint64_t our_spi);
struct ike_sa *ike_sa_by_id(const struct ike *e, uint32_t id);
/** The SAs of a connection, newest first: the first one, the one after sa. */
struct ike_sa *ike_sa_of_conn(const struct ike *e, const struct ike_conn_cfg *conn);
struct ike_sa *ike_sa_of_conn_next(const struct ike_sa *sa);
/** The peer turned out to belong to another connection. */
void ike_sa_set_conn(struct ike_sa *sa, const struct ike_conn_cfg *conn);
/** The peer is reached another way from now on. */
void ike_sa_set_path(struct ike_sa *sa, const struct ike_path *path);
/** The SA between the hosts of path: one that is up, else one that begins or ends. */
struct ike_sa *ike_sa_between(const struct ike *e, const struct ike_path *path);
/** What an end calls itself: &sa->local_id or &sa->remote_id. @return 0 or -ENOMEM */
int ike_sa_set_id(const struct ike_id **at, const struct ike_id *id);
/** Both identities are certain from now on: it is a peer's. */
void ike_sa_know_ends(struct ike_sa *sa);
/** Between the same two addresses. */
bool ike_sa_same_addresses(const struct ike_sa *a, const struct ike_sa *b);
/**
 * SAs in state UP between sa's two identities, sa itself left out, newest first.
 * @param from NULL = the first one, else the one after it
 */
struct ike_sa *ike_sa_same_ends(const struct ike_sa *sa, const struct ike_sa *from);
/** The responder's SA that an IKE_SA_INIT request with this digest made. */
struct ike_sa *ike_sa_by_init(const struct ike *e, uint64_t spi_i, const struct ike_path *path,
	const uint8_t digest[IKE_DIGEST_LEN]);
static inline uint64_t
ike_sa_our_spi(const struct ike_sa *sa)
{
	return sa->initiator ? sa->spi_i : sa->spi_r;
}
static inline bool
ike_sa_authenticated(const struct ike_sa *sa)
{
	/* nor is who has failed to prove it and is told so */
	return (sa->state == IKE_SA_UP || sa->state == IKE_SA_REKEYED ||
		       sa->state == IKE_SA_DELETING) &&
	       !sa->auth_failed;
}
/** ESP goes in UDP: a NAT was found or is faked. */
static inline bool
ike_sa_encap(const struct ike_sa *sa)
{
	return sa->nat_local || sa->nat_remote;
}
/** A fresh SPI that no SA of ours has, not 0. */
uint64_t ike_new_spi(struct ike *e);
/** Uniform in 0..max. */
uint64_t ike_random_upto(struct ike *e, uint64_t max);
/** For the jitter of a retransmission; takes nothing from the generator when there is none. */
static inline uint16_t
ike_backoff_chance(struct ike *e)
{
	return e->backoff.jitter == 0 ? 0 : (uint16_t)ike_random_upto(e, UINT16_MAX);
}
void ike_nonce_make(struct ike *e, struct ike_nonce *n);
/** @return 0 or -ENOMEM; the old content is wiped and freed */
int ike_blob_set(struct ike_blob *b, const void *p, size_t len);
static inline struct ike_view
ike_blob_view(const struct ike_blob *b)
{
	return (struct ike_view){.p = b->p, .len = b->len};
}
static inline struct ike_view
ike_nonce_view(const struct ike_nonce *n)
{
	return (struct ike_view){.p = n->data, .len = n->len};
}
/** Keep a peer's nonce; ike_pld_nonce_parse() has bounded its length. */
static inline void
ike_nonce_keep(struct ike_nonce *n, struct ike_view v)
{
	n->len = (uint16_t)v.len;
	memcpy(n->data, v.p, v.len);
}

#endif
