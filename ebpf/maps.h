/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * maps.h -- the maps of the kernel program (include/dbx/program.h says what each is for).
 *
 * Nothing here needs more than Linux 5.15.
 */
#ifndef DBX_EBPF_MAPS_H
#define DBX_EBPF_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define DBX_ENV_OWN /* hooks.h */
#include "dbx/capture.h"
#include "dbx/env.h"
#include "dbx/hello.h"
#include "dbx/program.h"

/* Shape of an image; the loader sets the number of chunks (dbx_program_id.n_chunks). */
struct image {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DBX_IMAGE_CHUNKS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, DBX_CHUNK_BYTES);
};

/* One slot. To change generations is to change this pointer. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
	__array(values, struct image);
} images SEC(".maps");

/* Allocated whole at load: an entry for a new key never waits for memory. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, DBX_COUNTERS_MAX);
	__type(key, struct dbx_counter_key);
	__type(value, struct dbx_counter);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DBX_TOTAL_MAX);
	__type(key, __u32);
	__type(value, struct dbx_counter);
} totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, DBX_EVENTS_BYTES);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DBX_PORTS_LOW);
	__type(key, __u32);
	__type(value, __u64);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DBX_PORTS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} ports_high SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DBX_FRAGS_MAX);
	__type(key, struct dbx_frag_key);
	__type(value, struct dbx_frag_value);
} frags SEC(".maps");

/*
 * Names. learned and bound grow with what is learned: only the daemon adds to them, and when memory
 * is short it is told so and gives no answer. flows and hellos are allocated whole (36 and 17 MB): a
 * packet adds to them, and must not wait for memory or fail for want of it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DBX_LEARNED_MAX);
	__type(key, struct dbx_learned_key);
	__type(value, struct dbx_learned);
} learned SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DBX_BOUND_MAX);
	__type(key, struct dbx_bound_key);
	__type(value, struct dbx_bound);
} bound SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DBX_FLOWS_MAX);
	__type(key, struct dbx_flow_key);
	__type(value, struct dbx_flow_slot);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DBX_HELLOS_MAX);
	__type(key, struct dbx_flow_key);
	__type(value, struct dbx_hello);
} hellos SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dbx_secret);
} secrets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, DBX_EVENTS_BYTES);
} name_events SEC(".maps");

/* Sockets leave by themselves when they are closed: a daemon that dies leaves none behind. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, DBX_DNS_SOCK_MAX);
	__type(key, __u32);
	__type(value, __u64);
} dns_socks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} steer SEC(".maps");

/* Allocated whole, as all that a packet adds to. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DBX_BUCKETS_MAX);
	__type(key, __u64);
	__type(value, struct dbx_bucket);
} buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DBX_RECENT_MAX);
	__type(key, struct dbx_flow_key);
	__type(value, __u64);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DBX_NOTED_CPUS *DBX_NOTED_SLOTS);
	__type(key, __u32);
	__type(value, struct dbx_noted);
} noted SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DBX_NOTED_CPUS);
	__type(key, __u32);
	__type(value, struct dbx_pace);
} pace SEC(".maps");

/* A device that goes leaves by itself. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, DBX_FORWARD_MAX);
	__type(key, __u32);
	__type(value, __u32);
} forward SEC(".maps");

#endif
