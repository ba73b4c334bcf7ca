/* SPDX-License-Identifier: MIT */
/*
 * libmlx5dek: the DEKs of `dek agent` for the program that moves the data.
 *
 * A DEK can be used only on the protection domain (PD) that it was made for. Two roads lead there:
 *
 *   lend    the program lends its own context and PD to the agent, which makes the DEKs there: mlx5dek_lend;
 *   attach  the agent gives the program a context and a PD of its own, with the DEKs in them: mlx5dek_attach.
 *
 * A handle, struct mlx5dek, is one context, so one NIC; a program with two NICs has two. See mlx5dek(3).
 *
 * Threads: mlx5dek_find, _at, _count, _release and what takes a const handle may be called by any number of threads at
 * once, beside one thread in mlx5dek_next_event or mlx5dek_reconnect. mlx5dek_detach is the last call on a handle, when
 * no other is running. A struct mlx5dek_key is the caller's own, for one thread at a time.
 *
 * Errors: NULL or -1, errno, and a text for people from mlx5dek_error() in the same thread.
 */
#ifndef MLX5DEK_H
#define MLX5DEK_H

#include <infiniband/mlx5dv.h>
#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MLX5DEK_NAME_MAX 128 /* bytes of the longest name of a DEK, without its NUL */

struct mlx5dek;

struct mlx5dek_options {
	/* Of the agent. NULL: $DEK_AGENT_SOCKET, $XDG_RUNTIME_DIR/dek/agent.sock, or /run/dek/agent.sock. */
	const char *socket;
	/* Attach: the NIC (mlx5_0, its PCI address or GUID); NULL: the only one. A lend takes it from the PD. */
	const char *nic;
	/* Names or globs (* and ?) of the DEKs that are wanted, NULL behind the last. NULL: all of the NIC. */
	const char *const *names;
	/* How long to wait for the agent in all. 0: 60,000. */
	int timeout_ms;
};

/*
 * A DEK as it was when it was looked up: a copy that no later change touches. Who writes WQEs by hand takes object_id
 * and keytag; mlx5dek_dv gives what mlx5dv_wr_set_mkey_crypto takes.
 */
struct mlx5dek_key {
	char name[MLX5DEK_NAME_MAX + 1];
	bool has_keytag;
	bool keytag_known; /* false: the manifest does not say it, so `keytag` is zeros */
	bool proven; /* known data went through it, and came out as it should */
	uint16_t key_bits; /* 128 or 256 */
	uint32_t object_id; /* on the NIC; 24 bits, as a crypto BSF has them */
	uint32_t handle; /* of the DEVX object in the context */
	uint8_t keytag[8]; /* for mlx5dv_crypto_attr.keytag */
	uint8_t label[8]; /* the opaque bytes of the DEK */
	uint64_t reserved[16];
};

enum mlx5dek_event_type {
	MLX5DEK_EVENT_CHANGED = 1, /* the name has another object; old_id stays until mlx5dek_release(old_id) */
	MLX5DEK_EVENT_ADDED, /* the name is there now */
	MLX5DEK_EVENT_REMOVED, /* the name is gone; old_id stays until mlx5dek_release(old_id) */
	MLX5DEK_EVENT_EXPIRED, /* old_id was not released by the agent's deadline, and is destroyed */
	MLX5DEK_EVENT_CONTEXT_GONE, /* no DEK of this context works any more (reset, reload): detach, then begin anew */
	MLX5DEK_EVENT_AGENT_GONE, /* the connection ended, and all DEKs stay: mlx5dek_reconnect */
};

struct mlx5dek_event {
	enum mlx5dek_event_type type;
	char name[MLX5DEK_NAME_MAX + 1]; /* of the first three */
	uint32_t old_id; /* the object before; 0: none */
	uint32_t new_id; /* the object now; 0: none, the NIC would not make it or it is being healed */
};

/* Lends `pd` and its context, and returns when the DEKs are there. Both stay the caller's. */
struct mlx5dek *mlx5dek_lend(struct ibv_pd *pd, const struct mlx5dek_options *options);

/* Takes a context, a PD and the DEKs in them from the agent. */
struct mlx5dek *mlx5dek_attach(const struct mlx5dek_options *options);

#define MLX5DEK_KEEP 1 /* of a lend: leave the DEKs and the login where they are; they die with the context */

/*
 * Ends it and frees the handle, also when it fails. A lend: the agent takes away what it made. An attach: the context
 * is closed, so what the program made in it has to be destroyed before.
 */
int mlx5dek_detach(struct mlx5dek *dek, int flags);

struct ibv_context *mlx5dek_context(const struct mlx5dek *dek);
struct ibv_pd *mlx5dek_pd(const struct mlx5dek *dek);
const char *mlx5dek_nic(const struct mlx5dek *dek); /* as mlx5_0 */

/*
 * The DEK of a name. -1: ENOENT, there is none; EAGAIN, it has no object now (the NIC would not make it, or it is being
 * healed), and an event will come. Allocates nothing, asks nobody.
 */
int mlx5dek_find(struct mlx5dek *dek, const char *name, struct mlx5dek_key *key);

/* The list, sorted by name: how many, and the one at a place. */
size_t mlx5dek_count(struct mlx5dek *dek);
int mlx5dek_at(struct mlx5dek *dek, size_t index, struct mlx5dek_key *key);

/*
 * What mlx5dv_wr_set_mkey_crypto (and mlx5dv_dek_query) takes; it lives in *key. NULL, EOPNOTSUPP: the libmlx5 that
 * runs keeps its DEKs in another form than we know; write the WQE yourself, with key->object_id.
 */
struct mlx5dv_dek *mlx5dek_dv(struct mlx5dek_key *key);

/* A descriptor to poll for reading; another one after mlx5dek_reconnect, and -1 while there is no agent. */
int mlx5dek_fd(const struct mlx5dek *dek);

/* Takes one change: 1 and *event; 0: none now. Does not wait. After each poll call it until it returns 0. */
int mlx5dek_next_event(struct mlx5dek *dek, struct mlx5dek_event *event);

/*
 * Says that no MKey that may still be used names this old object: the agent destroys it. Without an agent it is said
 * when there is one again.
 */
int mlx5dek_release(struct mlx5dek *dek, uint32_t object_id);

/*
 * After AGENT_GONE: goes to the next agent with the context and what is in it. What has changed comes as events: call
 * mlx5dek_next_event until it returns 0. Fails without harm, and may be tried again. An attach, ESTALE: this agent has
 * another context; attach anew, move there, then detach this handle.
 */
int mlx5dek_reconnect(struct mlx5dek *dek);

/* Why the last call of this thread failed, or of an AGENT_GONE or CONTEXT_GONE why it came: one line. */
const char *mlx5dek_error(void);

#ifdef __cplusplus
}
#endif

#endif
