/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_TASK_H
#define IKE_TASK_H

/*
 * What an IKE SA still wants to ask its peer. One task is on its way at a time (window size 1);
 * each kind knows how to build its request and to process the response. Private to ike/.
 */

#include "cfg.h"
#include "msg.h"

struct ike_sa;
struct ike_child;
struct ike_nego;

enum ike_task_type {
	IKE_TASK_INIT,	       /* IKE_SA_INIT */
	IKE_TASK_INTERMEDIATE, /* IKE_INTERMEDIATE */
	IKE_TASK_AUTH,	       /* IKE_AUTH */
	IKE_TASK_CHILD,	       /* CREATE_CHILD_SA: a new child */
	IKE_TASK_REKEY_CHILD,  /* CREATE_CHILD_SA: replaces a child */
	IKE_TASK_REKEY_IKE,    /* CREATE_CHILD_SA: replaces the IKE SA */
	IKE_TASK_DELETE_CHILD, /* INFORMATIONAL */
	IKE_TASK_DELETE_IKE,   /* INFORMATIONAL */
	IKE_TASK_LIVENESS,     /* INFORMATIONAL, empty */
	IKE_TASK_QCD,	       /* INFORMATIONAL with the token of a rekeyed SA (RFC 6290 4.2) */
	IKE_TASK_INVALID_SPI,  /* INFORMATIONAL: ESP came for an SPI that we do not have */
	IKE_TASK_PATH_CHECK,   /* INFORMATIONAL with COOKIE2 to a new address (RFC 4555 3.7) */
	IKE_TASK_N
};

#define IKE_COOKIE2_LEN 16
#define IKE_REBUILD_MS	15000 /* until a rekeying that could not be asked for is tried again */

struct ike_task {
	struct ike_task *next;
	enum ike_task_type type;
	const struct ike_child_cfg *cfg; /* CHILD */
	uint32_t child_id;		 /* REKEY_CHILD, DELETE_CHILD: whose */
	uint64_t not_before_ms;
	unsigned int retries;	/* after TEMPORARY_FAILURE and INVALID_KE_PAYLOAD */
	bool single;		/* CHILD: the peer takes one pair of selectors only */
	uint16_t group;		/* the one the peer asked for, 0 = our choice */
	struct ike_nego *nego;	/* while a CREATE_CHILD_SA or IKE_AUTH is on its way */
	bool wanted;		/* DELETE_CHILD: by whoever wants no such child, so what replaces it goes, too */
	uint32_t spi;		/* DELETE_CHILD without child: of an SA that we never installed */
	uint32_t bad_spi;	/* INVALID_SPI */
	struct ike_path path;	/* PATH_CHECK: this and the rest */
	struct { bool local, remote, behind; } nat; /* as in struct ike_sa, of that path */
	struct ike_path from; /* where the answer came from */
	bool moved_on; /* the path changed since cookie2 went out: the answer proves nothing */
	bool told_old; /* cookie2 went to where the peer was, too: an answer from elsewhere proves nothing */
	uint8_t cookie2[IKE_COOKIE2_LEN];
};

struct ike_task_ops {
	uint8_t exchange;
	/**
	 * Write the payloads of the request. @return 0, -EALREADY (nothing to do any more: the task
	 * goes), -EINPROGRESS (a job is under way: built again when it is done), other -errno (it
	 * failed and said so; the task goes)
	 */
	int (*build)(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c);
	/**
	 * The response, verified. The task is freed afterwards unless it was queued again, or a job
	 * of IKE_JOB_OWN is under way: then it is called again with the same message; or it sent
	 * another request itself: then with the response to that.
	 */
	void (*process)(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m);
};

extern const struct ike_task_ops ike_task_ops[IKE_TASK_N];

/** The exchange that its outstanding request is of. */
uint8_t ike_task_exchange(const struct ike_task *t);

/**
 * Queue a task unless the same one waits or is on its way.
 * @return the task that stands for it now, NULL on lack of memory
 */
struct ike_task *ike_task_add(struct ike_sa *sa, enum ike_task_type type,
	const struct ike_child_cfg *cfg, uint32_t child_id, uint64_t not_before_ms);
/** Put the active task, whose response was an "again, please", back into the queue. */
void ike_task_again(struct ike_sa *sa, struct ike_task *t, uint64_t not_before_ms);
struct ike_task *ike_task_find(
	const struct ike_sa *sa, enum ike_task_type type, const struct ike_child_cfg *cfg, uint32_t child_id);

/** A child is being asked for over sa, or is to be. */
bool ike_task_asks_child(const struct ike_sa *sa);

/** Take a waiting task off. */
void ike_task_remove(struct ike_sa *sa, struct ike_task *t);

/** Send the next request when none is outstanding. */
void ike_task_run(struct ike_sa *sa);
/** When ike_task_run() has something to do, IKE_NEVER = not by itself. */
uint64_t ike_task_due(const struct ike_sa *sa);
/** The verified response to the outstanding request. */
void ike_task_response(struct ike_sa *sa, const struct ike_msg *m);

/** Once more, when the job is done that processing it waits for. */
void ike_task_resume(struct ike_sa *sa, const struct ike_msg *m);

/** Forget all tasks; raises IKE_EV_CHILD_FAILED for children that were wanted. reason NULL = silent */
void ike_task_drop_all(struct ike_sa *sa, const char *reason);
/** Waiting tasks go to another SA, those about the SA itself are dropped. */
void ike_task_move(struct ike_sa *from, struct ike_sa *to);

/* Each exchange file provides its own. */
int ike_x_init_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c);
void ike_x_init_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m);
int ike_x_inter_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c);
void ike_x_inter_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m);
int ike_x_auth_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c);
void ike_x_auth_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m);
int ike_x_child_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c);
void ike_x_child_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m);
int ike_x_rekey_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c);
void ike_x_rekey_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m);
int ike_x_delete_child_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c);
void ike_x_delete_child_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m);
int ike_x_delete_ike_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c);
void ike_x_delete_ike_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m);
int ike_x_liveness_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c);
void ike_x_liveness_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m);
int ike_x_qcd_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c);
void ike_x_qcd_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m);
int ike_x_invalid_spi_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c);
void ike_x_invalid_spi_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m);
int ike_x_path_build(struct ike_sa *sa, struct ike_task *t, struct ike_chain *c);
void ike_x_path_process(struct ike_sa *sa, struct ike_task *t, const struct ike_msg *m);

#endif
