/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_vici.h"
#include "log.h"
#include "vici.h"
#include "vici_cmd.h"

#define LEN_SIZE     4u
#define READ_SIZE    4096u
#define OUT_HIGH     (1024u * 1024)      /* unread answers above which no request is taken */
#define OUT_MAX      (64u * 1024 * 1024) /* unread answers of one client, one long stream */
#define DEAF_MS      10000u              /* a client that reads nothing for so long is dropped */
#define SOCKET_MODE  0660
#define SOCKET_GROUP "raclette"

struct client {
	int fd; /* -1: slot is free */
	pid_t pid;
	bool broken;       /* to be closed */
	bool eof;          /* it says no more, but may still read */
	uint32_t events;   /* registered, bit per index of vici_event_known() */
	uint8_t *in, *out; /* out: not sent yet, from out_off */
	size_t in_len, in_cap, out_len, out_cap, out_off;
	uint64_t heard_ms; /* last time that it read something, or had nothing to read */
	struct vici_wait wait;
};

struct gw_vici {
	struct gw_ctl *ctl;
	int listen_fd;
	struct sockaddr_un addr;
	struct client clients[GW_VICI_CLIENTS_MAX];
};

/* ---- the socket ---- */

static int
make_dir(const char *path)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];

	snprintf(copy, sizeof(copy), "%s", path);
	if (mkdir(dirname(copy), 0755) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

/* @return 0 when the path is free now, -EADDRINUSE when somebody serves there */
static int
free_path(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, rc;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 ? 0 : errno;
	close(fd);
	if (rc != ECONNREFUSED)
		return rc == 0 || rc == EAGAIN ? -EADDRINUSE : -rc;
	return unlink(addr->sun_path) < 0 ? -errno : 0;
}

static void
set_group(const char *path)
{
	const struct group *gr = getgrnam(SOCKET_GROUP);

	if (gr != NULL && chown(path, (uid_t)-1, gr->gr_gid) < 0)
		gw_log(GW_LOG_WARN, "vici", "%s: group " SOCKET_GROUP ": %s", path,
			strerror(errno));
}

static int
listen_on(struct gw_vici *v)
{
	mode_t mask;
	int rc = make_dir(v->addr.sun_path);

	if (rc == 0)
		rc = free_path(&v->addr);
	if (rc < 0)
		return rc;
	v->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (v->listen_fd < 0)
		return -errno;
	mask = umask(0777 & ~SOCKET_MODE); /* never open wider, not even for a moment */
	rc = bind(v->listen_fd, (const struct sockaddr *)&v->addr, sizeof(v->addr)) < 0 ? -errno
											: 0;
	umask(mask);
	if (rc < 0) {
		v->addr.sun_path[0] = '\0'; /* not ours to remove */
		return rc;
	}
	set_group(v->addr.sun_path);
	return listen(v->listen_fd, GW_VICI_CLIENTS_MAX) < 0 ? -errno : 0;
}

struct gw_vici *
gw_vici_create(struct gw_ctl *c, int *rc)
{
	const char *path = c->cfg->vici;
	struct gw_vici *v = calloc(1, sizeof(*v));

	*rc = -ENOMEM;
	if (v == NULL)
		return NULL;
	v->ctl = c;
	v->listen_fd = -1;
	v->addr.sun_family = AF_UNIX;
	for (unsigned int i = 0; i < GW_VICI_CLIENTS_MAX; i++)
		v->clients[i].fd = -1;
	if (strlen(path) >= sizeof(v->addr.sun_path)) {
		*rc = -ENAMETOOLONG;
	} else {
		memcpy(v->addr.sun_path, path, strlen(path) + 1);
		*rc = listen_on(v);
	}
	if (*rc == 0)
		return v;
	gw_log(GW_LOG_ERROR, "vici", "%s: %s", path,
		*rc == -EADDRINUSE ? "another process serves there" : strerror(-*rc));
	if (*rc == -EADDRINUSE || *rc == -EEXIST)
		v->addr.sun_path[0] = '\0'; /* not ours to remove */
	gw_vici_destroy(v);
	return NULL;
}

/* ---- clients ---- */

static void
drop_client(struct client *cl)
{
	if (cl->fd >= 0)
		close(cl->fd);
	/* a message may hold a secret */
	if (cl->in != NULL)
		explicit_bzero(cl->in, cl->in_cap);
	free(cl->in);
	free(cl->out);
	*cl = (struct client){.fd = -1};
}

void
gw_vici_destroy(struct gw_vici *v)
{
	if (v == NULL)
		return;
	for (unsigned int i = 0; i < GW_VICI_CLIENTS_MAX; i++)
		drop_client(&v->clients[i]);
	if (v->listen_fd >= 0)
		close(v->listen_fd);
	if (v->addr.sun_path[0] != '\0')
		unlink(v->addr.sun_path);
	free(v);
}

static bool
takes_requests(const struct client *cl)
{
	return !cl->broken && !cl->wait.active && cl->out_len - cl->out_off < OUT_HIGH;
}

static void
flush(struct client *cl, uint64_t now_ms)
{
	while (cl->out_off < cl->out_len) {
		ssize_t n = send(cl->fd, cl->out + cl->out_off, cl->out_len - cl->out_off,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0) {
			cl->broken |= errno != EAGAIN && errno != EINTR;
			return;
		}
		cl->out_off += (size_t)n;
		cl->heard_ms = now_ms;
	}
	cl->out_off = cl->out_len = 0;
	cl->heard_ms = now_ms;
}

static void
queue(struct client *cl, const uint8_t *buf, size_t len)
{
	if (cl->broken)
		return;
	if (len > OUT_MAX - cl->out_len) {
		gw_log(GW_LOG_WARN, "vici", "client (pid %d) does not read: dropped", (int)cl->pid);
		cl->broken = true;
		return;
	}
	if (len > cl->out_cap - cl->out_len) {
		size_t cap = cl->out_cap > 0 ? cl->out_cap : READ_SIZE;
		uint8_t *p;

		while (cap - cl->out_len < len)
			cap *= 2;
		p = realloc(cl->out, cap);
		if (p == NULL) {
			cl->broken = true;
			return;
		}
		cl->out = p;
		cl->out_cap = cap;
	}
	memcpy(cl->out + cl->out_len, buf, len);
	cl->out_len += len;
}

static void
send_segment(void *arg, struct vici_out *o)
{
	struct client *cl = arg;

	if (vici_end(o) == 0) {
		queue(cl, o->buf, o->len);
	} else {
		gw_log(GW_LOG_WARN, "vici", "answer cannot be written: %s", strerror(o->error));
		cl->broken = true;
	}
	vici_out_free(o);
}

static void
send_plain(struct client *cl, enum vici_type type)
{
	struct vici_out o;

	vici_begin(&o, type, NULL);
	send_segment(cl, &o);
}

static struct vici_request
request_of(struct gw_vici *v, struct client *cl)
{
	return (struct vici_request){
		.ctl = v->ctl,
		.wait = &cl->wait,
		.send = send_segment,
		.send_arg = cl,
	};
}

static void
run_command(struct gw_vici *v, struct client *cl, const struct vici_packet *p)
{
	struct vici_request req = request_of(v, cl);
	unsigned int event;

	req.msg = vici_decode(p->msg, p->msg_len);
	if (req.msg == NULL) {
		vici_answer(&req, "parsing request failed");
		return;
	}
	req.root = conf_root(req.msg);
	req.streaming = vici_event_known(p->name, &event) && (cl->events & 1u << event) != 0;
	if (!vici_command_run(p->name, &req))
		send_plain(cl, VICI_CMD_UNKNOWN);
	conf_free(req.msg);
}

static void
set_event(struct client *cl, const struct vici_packet *p)
{
	bool on = p->type == VICI_EVENT_REGISTER;
	unsigned int event;

	if (!vici_event_known(p->name, &event) || (!on && (cl->events & 1u << event) == 0)) {
		send_plain(cl, VICI_EVENT_UNKNOWN);
		return;
	}
	if (on)
		cl->events |= 1u << event;
	else
		cl->events &= ~(1u << event);
	send_plain(cl, VICI_EVENT_CONFIRM);
}

static void
serve_packet(struct gw_vici *v, struct client *cl, const uint8_t *buf, size_t len)
{
	struct vici_packet p;

	if (vici_packet_parse(&p, buf, len) < 0)
		return; /* VICI.md of strongSwan: no answer, the connection stays */
	switch (p.type) {
	case VICI_CMD_REQUEST:
		run_command(v, cl, &p);
		break;
	case VICI_EVENT_REGISTER:
	case VICI_EVENT_UNREGISTER:
		set_event(cl, &p);
		break;
	default: /* a server's word in a client's mouth */
		cl->broken = true;
		break;
	}
}

/* Serve the segments that are complete, in order, until one has to wait.
 * @return true when there was one */
static bool
serve_input(struct gw_vici *v, struct client *cl)
{
	size_t off = 0;

	while (takes_requests(cl) && cl->in_len - off >= LEN_SIZE) {
		const uint8_t *p = cl->in + off;
		size_t len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];

		if (len > VICI_SEGMENT_MAX) {
			cl->broken = true;
			return false;
		}
		if (cl->in_len - off - LEN_SIZE < len)
			break;
		if (len > 0)
			serve_packet(v, cl, p + LEN_SIZE, len);
		off += LEN_SIZE + len;
	}
	if (off == 0)
		return false;
	memmove(cl->in, cl->in + off, cl->in_len - off);
	explicit_bzero(cl->in + cl->in_len - off, off);
	cl->in_len -= off;
	return true;
}

/* Send what waits, serve what came meanwhile, and close when there is nothing more to come: a
 * client that only shut down its half gets the whole of its answers first. */
static void
advance(struct gw_vici *v, struct client *cl)
{
	while (!cl->broken) {
		flush(cl, v->ctl->now_ms);
		if (cl->out_len > 0 || !serve_input(v, cl))
			break;
	}
	if (cl->broken || (cl->eof && !cl->wait.active && cl->out_len == 0))
		drop_client(cl);
}

static bool
grow_input(struct client *cl)
{
	size_t cap = cl->in_cap > 0 ? 2 * cl->in_cap : READ_SIZE;
	uint8_t *p;

	if (cl->in_cap - cl->in_len > 0)
		return true;
	if (cl->in_cap > VICI_SEGMENT_MAX)
		return false; /* one segment is in there whole; it waits for a command */
	p = malloc(cap);      /* not realloc(): what is left behind may hold a secret */
	if (p == NULL)
		return false;
	if (cl->in_len > 0) {
		memcpy(p, cl->in, cl->in_len);
		explicit_bzero(cl->in, cl->in_cap);
	}
	free(cl->in);
	cl->in = p;
	cl->in_cap = cap;
	return true;
}

static void
read_client(struct gw_vici *v, struct client *cl)
{
	ssize_t n;

	if (!grow_input(cl)) {
		cl->broken = true;
		return;
	}
	n = recv(cl->fd, cl->in + cl->in_len, cl->in_cap - cl->in_len, MSG_DONTWAIT);
	cl->broken |= n < 0 && errno != EAGAIN && errno != EINTR;
	cl->eof |= n == 0;
	if (n > 0)
		cl->in_len += (size_t)n;
	serve_input(v, cl);
}

static void
welcome(struct gw_vici *v, int fd)
{
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	gw_log(GW_LOG_DEBUG, "vici", "connection from pid %d, uid %u, gid %u", (int)cred.pid,
		cred.uid, cred.gid);
	for (unsigned int i = 0; i < GW_VICI_CLIENTS_MAX; i++) {
		if (v->clients[i].fd < 0) {
			v->clients[i] = (struct client){
				.fd = fd,
				.pid = cred.pid,
				.heard_ms = v->ctl->now_ms,
			};
			return;
		}
	}
	gw_log(GW_LOG_WARN, "vici", "%d clients already: pid %d is sent away", GW_VICI_CLIENTS_MAX,
		(int)cred.pid);
	close(fd);
}

static void
accept_clients(struct gw_vici *v)
{
	for (int i = 0; i < GW_VICI_CLIENTS_MAX; i++) {
		int fd = accept4(v->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		welcome(v, fd);
	}
}

/* ---- polling ---- */

unsigned int
gw_vici_fds(const struct gw_vici *v, struct pollfd *fds)
{
	fds[0] = (struct pollfd){.fd = v->listen_fd, .events = POLLIN};
	for (unsigned int i = 0; i < GW_VICI_CLIENTS_MAX; i++) {
		const struct client *cl = &v->clients[i];
		short events = cl->out_off < cl->out_len ? POLLOUT : 0;

		/* while a command waits or answers are unread, what follows waits in the kernel */
		if (takes_requests(cl) && !cl->eof)
			events |= POLLIN;
		fds[1 + i] = (struct pollfd){.fd = cl->fd, .events = events};
	}
	return GW_VICI_FDS_MAX;
}

void
gw_vici_io(struct gw_vici *v, const struct pollfd *fds, unsigned int n)
{
	for (unsigned int i = 0; 1 + i < n && i < GW_VICI_CLIENTS_MAX; i++) {
		struct client *cl = &v->clients[i];

		if (cl->fd < 0 || cl->fd != fds[1 + i].fd || fds[1 + i].revents == 0)
			continue;
		if ((fds[1 + i].revents & POLLIN) != 0)
			read_client(v, cl);
		else if ((fds[1 + i].revents & (POLLHUP | POLLERR)) != 0)
			cl->broken = true;
		advance(v, cl);
	}
	if (n > 0 && fds[0].revents != 0)
		accept_clients(v);
}

/* ---- commands that wait for IKE ---- */

static void
finish_wait(struct gw_vici *v, struct client *cl, const char *errmsg)
{
	struct vici_request req = request_of(v, cl);

	cl->wait.active = false;
	vici_answer(&req, errmsg);
	advance(v, cl);
}

void
gw_vici_tick(struct gw_vici *v, uint64_t now_ms)
{
	for (unsigned int i = 0; i < GW_VICI_CLIENTS_MAX; i++) {
		struct client *cl = &v->clients[i];
		char errmsg[IKE_NAME_MAX + 64];

		if (cl->fd >= 0 && cl->out_len > 0 && now_ms - cl->heard_ms > DEAF_MS) {
			gw_log(GW_LOG_WARN, "vici", "client (pid %d) does not read: dropped",
				(int)cl->pid);
			drop_client(cl);
		}
		if (cl->fd < 0 || !cl->wait.active)
			continue;
		if (cl->wait.done) {
			finish_wait(v, cl, cl->wait.errmsg[0] != '\0' ? cl->wait.errmsg : NULL);
		} else if (cl->wait.deadline_ms != 0 && now_ms >= cl->wait.deadline_ms) {
			snprintf(errmsg, sizeof(errmsg),
				"CHILD_SA '%s' not established after %llums", cl->wait.child,
				(unsigned long long)cl->wait.timeout_ms);
			finish_wait(v, cl, errmsg);
		}
	}
}

static bool
waits_for(const struct vici_wait *w, const struct ike_event *ev)
{
	if (ev->conn == NULL || (w->conn[0] != '\0' && strcmp(w->conn, ev->conn->name) != 0))
		return false;
	if (w->child[0] == '\0') /* the IKE SA alone */
		return ev->type == IKE_EV_IKE_UP || ev->type == IKE_EV_IKE_FAILED;
	if (ev->child == NULL || strcmp(w->child, ev->child->name) != 0)
		return false;
	return ev->type == IKE_EV_CHILD_UP || ev->type == IKE_EV_CHILD_FAILED;
}

/* Noted only: the answer is sent by the next gw_vici_tick(), outside the engine's call. */
void
gw_vici_event(struct gw_vici *v, const struct ike_event *ev)
{
	for (unsigned int i = 0; i < GW_VICI_CLIENTS_MAX; i++) {
		struct vici_wait *w = &v->clients[i].wait;

		if (v->clients[i].fd < 0 || !w->active || w->done || !waits_for(w, ev))
			continue;
		w->done = true;
		if (ev->type == IKE_EV_CHILD_FAILED)
			snprintf(w->errmsg, sizeof(w->errmsg), "establishing CHILD_SA '%s' failed",
				w->child);
		else if (ev->type == IKE_EV_IKE_FAILED)
			snprintf(w->errmsg, sizeof(w->errmsg), "establishing IKE_SA failed");
	}
}
