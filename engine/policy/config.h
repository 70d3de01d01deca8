/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_CONFIG_H
#define POSTERN_POLICY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/event.h"
#include "base/registry.h"
#include "policy/issuing.h"
#include "policy/observing.h"
#include "policy/rule.h"
#include "policy/words.h"

/*
 * The configuration: one YAML file, the *.yaml of the folder fleet beside it, which all boxes of a
 * fleet share, and those of the folder conf.d, each in the order of their names; a later file
 * overrides a key and appends to `rules`. postern.conf(5) documents every key. A struct config is
 * immutable once loaded.
 */

struct config {
	struct {
		union addr ipv4; /* with port; AF_UNSPEC: no listener of that family ("none") */
		union addr ipv6;
		unsigned port; /* the same in both */
	} listen;
	unsigned workers;           /* 0: one per processor */
	char user[CONFIG_NAME_MAX]; /* "": stay who we are */
	char state_dir[CONFIG_PATH_MAX];
	bool core_dumps;
	enum source source;
	uint32_t mark_listener;   /* SO_MARK of the listeners, inherited by accepted sockets */
	uint32_t mark_upstream;   /* SO_MARK of sockets towards servers */
	unsigned max_connections; /* per process; beyond it new ones are refused */

	struct config_ca ca;
	struct config_certgen certgen;

	struct config_audit audit;
	struct {
		char keys[CONFIG_PATH_MAX]; /* file or folder of public keys, PEM */
	} bundle;
	struct ruleset *rules; /* never NULL; holds the default */
	enum action fallback;  /* the key `default`, which the rules hold too */

	struct {
		enum action not_tls;   /* pass | block */
		enum action silent;    /* pass | block: nothing came; the server may speak first */
		enum action malformed; /* pass | block */
		enum action no_sni;    /* pass | intercept | block */
		/* pass | block: nothing offered that the engine speaks (TLS below 1.2, ...) */
		enum action unsupported;
	} hello;
	struct {
		enum tls_version minimum_version;
		struct codepoints suites, groups, signature_algorithms;
		enum on_downgrade downgrade;
		bool kernel;
		char key_log[CONFIG_PATH_MAX]; /* "none": they are not written */
	} tls;
	struct {
		char trust_store[CONFIG_PATH_MAX]; /* PEM file or folder of hashed certificates */
		char crls[CONFIG_PATH_MAX];        /* folder; "": revocation is not looked at */
		enum ocsp ocsp;
		bool ocsp_private;              /* responders may be inside */
		bool aia;                       /* intermediates that are missing are fetched */
		enum action revocation_unknown; /* pass | intercept | block */
		enum on_invalid invalid;
		enum action unsupported; /* pass | block: the server speaks nothing we do */
		bool resumption;
		bool fast_open; /* the hello in the SYN */
	} upstream;
	struct {
		bool tickets;
		bool greet_early; /* before the server has answered */
	} downstream;
	struct {
		enum action requested; /* pass | intercept | block */
		enum on_outcome required;
		enum on_outcome unused;
		enum action unverified; /* pass | block: asked by a server that does not verify */
		char authorities[CONFIG_PATH_MAX]; /* list file; "": any may be asked for */
		enum action other_authorities;     /* pass | intercept | block */
	} client_certificate;
	struct authorities *authorities; /* what the list file holds; NULL: there is none */
	enum on_failure on_failure;
	enum on_reload on_reload;
	struct {
		enum on_overload policy;
		uint64_t delay; /* ms that a hello has waited for the engine */
	} overload;
	enum quic quic;
	struct {
		char user[CONFIG_NAME_MAX];
		unsigned queue; /* the first of two NFQUEUE numbers in a row */
		uint64_t cache; /* ms that an address stays in the kernel's sets */
		enum forward_rules forward_rules;
	} gate;
	char status_file[CONFIG_PATH_MAX];
	struct {
		char store[CONFIG_PATH_MAX]; /* as learned_open() takes it */
		uint64_t ttl;                /* ms, of a server that asked */
		uint64_t nothing_ttl;        /* ms, of one that did not */
		unsigned max_entries;
		unsigned siblings;   /* names that make an entry for all of them; 0: never */
		unsigned per_client; /* new entries per client and hour; 0: no limit */
		bool is_to_be_approved;
		/* Addresses of which every connection was asked pass in the kernel. */
		bool pass_addresses;
	} learn;
	struct {
		enum on_pinned policy;
		unsigned refusals;
		unsigned clients;
		uint64_t window; /* ms */
	} pinned;
	struct {                 /* ms */
		uint64_t silent; /* accept to the first byte */
		uint64_t hello;  /* accept to the whole hello */
		uint64_t dial;
		uint64_t probe; /* handshake with the server */
		uint64_t ocsp;  /* the answer of an authority, within that of probe */
		uint64_t hear;  /* what the server says to an empty certificate */
		uint64_t forge;
		uint64_t greet;      /* handshake with the client */
		uint64_t idle;       /* no byte either way, intercepted */
		uint64_t pass_idle;  /* no byte either way, passed */
		uint64_t pass_total; /* passed at all; 0: no limit */
		uint64_t linger;     /* one side closed, the other silent */
		uint64_t refuse;     /* after an alert, for the client to close */
		uint64_t drain;      /* an engine that another replaced, for its connections */
	} timeouts;
	struct config_web web;
	struct config_capture capture;
	struct config_http http;
	struct config_icap icap;
	struct config_log log;
};

/* The first mistake: one line, ready to print, "FILE:LINE: key: what is wrong". */
struct config_error {
	char text[1024];
};

#endif
