/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rename.h -- the kernel program's own names, so that a test may link this beside ctl/replay, which has
 * the same program.
 */
#ifndef DBX_DPDK_RENAME_H
#define DBX_DPDK_RENAME_H

/* functions */
#define parse_frame    dpk_parse_frame
#define read_options   dpk_read_options
#define conclude       dpk_conclude
#define capture_copy   dpk_capture_copy
#define event_join     dpk_event_join
#define event_tell     dpk_event_tell
#define shot           dpk_shot
#define egress_xdp     dpk_egress_xdp
#define egress_flow    dpk_egress_flow
#define egress_hello   dpk_egress_hello
#define egress_name    dpk_egress_name
#define egress_payload dpk_egress_payload
#define egress_reply   dpk_egress_reply
#define egress_note    dpk_egress_note
#define egress_probe   dpk_egress_probe
#define egress_tc      dpk_egress_tc
#define egress_tc_host dpk_egress_tc_host
#define egress_back    dpk_egress_back
#define egress_host    dpk_egress_host
/* maps and other data */
#define _license    dpk_license
#define program_id  dpk_program_id
#define images      dpk_map_images
#define counters    dpk_map_counters
#define totals      dpk_map_totals
#define events      dpk_map_events
#define ports       dpk_map_ports
#define ports_high  dpk_map_ports_high
#define frags       dpk_map_frags
#define learned     dpk_map_learned
#define bound       dpk_map_bound
#define flows       dpk_map_flows
#define hellos      dpk_map_hellos
#define secrets     dpk_map_secrets
#define name_events dpk_map_name_events
#define dns_socks   dpk_map_dns_socks
#define steer       dpk_map_steer
#define buckets     dpk_map_buckets
#define recent      dpk_map_recent
#define noted       dpk_map_noted
#define pace        dpk_map_pace
#define capture_on  dpk_map_capture_on
#define capture_cpu dpk_map_capture_cpu
#define samples     dpk_map_samples
#define forward     dpk_map_forward
#define scratch     dpk_map_scratch
#define work        dpk_map_work
#define progs       dpk_map_progs
#define progs_tc    dpk_map_progs_tc
#define answer_at   dpk_map_answer_at
#define icmp_last   dpk_map_icmp_last
#define probe       dpk_map_probe

#endif
