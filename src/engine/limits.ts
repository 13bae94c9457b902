/** Every bound of the engine, with its reason. Bounds of bytes on the wire live beside their decoders. */

/** Relays drop messages above 150 KiB; the whole WakuMessage counts, so no envelope can be larger (profile 8.10). */
export const ENVELOPE_BYTES_MAX: number = 150 * 1024;

/** Text is kept in rows and read by the page: longer ones are files. */
export const TEXT_BYTES_MAX: number = 64 * 1024;
/** The first text of an invite surely fits one segment of 16 KiB with its frame around it (profile 8.8). */
export const INVITE_TEXT_BYTES_MAX: number = 15 * 1024;

/** Names are for people: longer ones would not fit their line. */
export const CONTACT_NAME_LENGTH_MAX = 64;

/** A conversation's state is read and written by every turn; what grows belongs into records (design 3.1). */
export const STATE_BYTES_MAX: number = 64 * 1024;

/** Envelopes between the network and their turns. Above it they are dropped and the Store refills the gap. */
export const INTAKE_QUEUE_MAX = 4_096;

/** Decoded states kept in memory (profile 10.7). */
export const STATE_CACHE_MAX = 2_000;

/** Committed Waku message hashes that an exact repetition is recognised by (profile 10.2). */
export const SEEN_HASHES_MAX = 65_536;

/** Orphans: envelopes whose window may be about to open (profile 8.5). */
export const ORPHANS_MAX = 4_096;
export const ORPHANS_PER_HINT_MAX = 4;
export const ORPHAN_BYTES_MAX: number = 16 * 1024 * 1024;
export const ORPHAN_AGE_MAX_MS: number = 10 * 60_000;

/** Each inbox costs a hash for every envelope that no hint matches (profile 8.5). */
export const STATIC_HINTS_MAX = 8;

/** A step asks for records at most this often before it must decide; more is our bug. */
export const LACKS_ROUNDS_MAX = 8;

/** Service nodes accept timestamps 20 s off; clocks of senders and Stores differ by that, hence the overlap. */
export const HISTORY_OVERLAP_MS = 60_000;
/** Stores keep at least 12 h; asking for more than a month would only cost pages. */
export const HISTORY_AGE_MAX_MS: number = 30 * 24 * 3_600_000;
export const HISTORY_RETRY_MIN_MS = 500;
export const HISTORY_RETRY_MAX_MS = 30_000;

/** How far the cursor may lag behind in an idle daemon: each save is an fsync. */
export const CURSOR_SAVE_IDLE_MS = 30_000;
/** And in a busy one, where it rides in a turn's commit. */
export const CURSOR_SAVE_BUSY_MS = 1_000;

export const OUTBOX_PARALLEL_MAX = 16;
export const OUTBOX_RETRY_MIN_MS = 1_000;
export const OUTBOX_RETRY_MAX_MS = 60_000;
/** With no service peer at all the loop waits for one, and looks by itself this often. */
export const OUTBOX_PAUSE_MS = 2_000;
/** A publish that has no answer by then is repeated: the network drops what it already has. */
export const PUBLISH_DEADLINE_MS = 15_000;

/** One canary a minute, at most: it counts against what service nodes let us publish. */
export const CANARY_INTERVAL_MS = 60_000;
/** There and back through a slow service node. */
export const CANARY_DEADLINE_MS = 10_000;
/** In a row: a single one may be lost by chance, and the second follows at once. */
export const CANARY_MISSES_MAX = 2;

/** A Store node is asked for a canary after this, and once more: archives lag. */
export const CLOCK_LOOK_MS = 2_000;
export const CLOCK_LOOK_AGAIN_MS = 3_000;
/** Canaries in a row that no Store node keeps, before other timestamps are tried. */
export const CLOCK_MISSES_MAX = 2;
/** Timestamps up to 20 s off are kept: steps of 30 s leave nothing out. Five minutes each way; pushes hint at the rest. */
export const CLOCK_STEP_MS = 30_000;
export const CLOCK_STEPS_MAX = 10;
/** So often a shift is kept while our own time is not: a Store that loses every tenth message must not look like a clock. */
export const CLOCK_PROOFS = 3;
/** Pushes whose timestamps are compared with our clock. */
export const CLOCK_OFFSET_SAMPLES = 16;
/** A search that found nothing is not repeated sooner: it costs some twenty canaries. */
export const CLOCK_SEARCH_PAUSE_MS: number = 30 * 60_000;
/** Every so many canaries with a shift, one goes without it: the clock may have been set. */
export const CLOCK_RETEST_CANARIES = 5;

/** Less delays nothing that matters, and may be a clock that is corrected little by little. */
export const CLOCK_SET_BACK_MS = 5_000;

/** How often it is written down that we are at work: each is an fsync, and rows of that time are late by it after a step. */
export const CLOCK_NOTE_MS = 30_000;

/** A service node that neither a new subscription nor a new connection cured is given another one this often. */
export const NODE_RENEWAL_MS: number = 10 * 60_000;

/** Whoever asks for the daemon's health often must not cost an fsync each time. */
export const STORE_PROBE_MS = 5_000;

/** A disk that failed is asked again after a second, then after at most four: a user who freed space waits no longer. */
export const DISK_RETRY_MIN_MS = 1_000;
export const DISK_RETRY_MAX_MS = 4_000;
/** Room for the largest turn that is usual: a state, its records, an envelope. */
export const DISK_PROBE_BYTES: number = 256 * 1024;
/** How often a failing disk is said. */
export const TOLD_DISK_AGAIN_MS = 60_000;
/** An envelope that waits this long waits for somebody to act. */
/** Longer than any restart of a service node: nodes that take nothing, and whose pushes come, are said to. */
export const OUTBOX_UNTAKEN_MAX_MS = 60_000;
export const OUTBOX_AGE_MAX_MS: number = 10 * 60_000;

/** A Store node answers to at most 100 hashes, and a message may have four. */
export const CONFIRM_BATCH_MAX = 25;
/** Archives lag behind by this much at least; each further look comes twice as late. */
export const CONFIRM_LOOK_MIN_MS = 2_000;
export const CONFIRM_LOOK_MAX_MS: number = 3 * 60_000;
/** About a minute of "not there": then it is published again. */
export const CONFIRM_LOOKS_MAX = 5;
/** Whoever is to read it asks again in the end (profile 8.9), so a Store that keeps nothing costs three publishings. */
export const CONFIRM_TIMES_MAX = 3;
export const CONFIRM_DEADLINE_MS = 30_000;

/** A loop that could not read its rows looks again after this. */
export const LOOK_RETRY_MS = 1_000;

/** What is held back tells so again only after this part of the quota has become free: no event for each message. */
export const QUOTA_FREE_PART = 10;
/** With a quota, attempts at nodes that do not answer count too: the pause between them doubles up to this. */
export const OUTBOX_METERED_PAUSE_MAX_MS = 60_000;
/** Messages that a conversation may repeat at once when no other waits for a token (profile 8.5 rule 2). */
export const TOKENS_AT_ONCE_MAX = 4;

export const TIMER_BATCH_MAX = 256;
/** A timer whose turn failed through our fault is tried again after this. */
export const TIMER_RETRY_MS = 60_000;

/** Parked envelopes: ours, but our own fault kept them from a turn. */
export const PARKED_MAX = 10_000;
/** The pause before the next try doubles from the one to the other. */
export const PARKED_RETRY_MIN_MS = 5_000;
export const PARKED_RETRY_MAX_MS = 3_600_000;

/** Content that has arrived in part, of all conversations (profile 10.5). Over it the one that holds most drops its oldest. */
export const INCOMPLETE_BYTES_MAX: number = 64 * 1024 * 1024;

/**
 * Keys of skipped messages, of all conversations: each costs a hint in the index (24 to 48 bytes), 106 bytes on the disk and
 * 5 µs at each start. Honest peers skip what the network loses; 128 hostile ones fill it. Over it the one that holds most
 * drops its oldest.
 */
export const SKIPPED_KEYS_SUM_MAX = 262_144;

/** To each inbox: whoever knows an address can send invites (profile 10.5). Above it they are parked. */
export const INVITES_PER_SECOND_MAX = 50;
/** In each conversation: more than anybody writes, and a night's history comes at once. */
export const MESSAGES_PER_MINUTE_MAX = 20_000;
/** Envelopes of one conversation that wait for its rate. */
export const QUARANTINE_MAX = 1_000;

/** What was turned away is read from a Store node after this, again and again until there is room for all of it. */
export const TURNED_AWAY_PAUSE_MS = 5_000;

/** A fault that comes back is told again after this, and so many are remembered as told. */
export const TOLD_AGAIN_MS = 3_600_000;
export const TOLD_MAX = 1_000;

/** How long keys of callers and hashes of envelopes are remembered: longer than any Store keeps a message. */
export const REMEMBER_MS: number = 31 * 24 * 3_600_000;

/** Each holds back retention, so a program that invents names must hit a wall. */
export const CONSUMERS_MAX = 64;
/** A reader that was killed is noticed in milliseconds: its successor waits that out, and no longer. */
export const CONSUMER_HANDOVER_MS = 2_000;

/** Defaults of `[retention]`: generous, because what is deleted cannot be asked for again. */
export const EVENTS_AGE_MAX_MS: number = 90 * 24 * 3_600_000;
export const EVENTS_MAX = 1_000_000;
export const UNACKNOWLEDGED_AGE_MAX_MS: number = 365 * 24 * 3_600_000;
/** How often retention looks, and how many events it deletes in one transaction: some 15 ms. */
export const RETENTION_LOOK_MS: number = 10 * 60_000;
export const RETENTION_BATCH_MAX = 500;
/** The pause between two batches, in which turns go on. */
export const RETENTION_PAUSE_MS = 50;

/** How often messages are looked for that have become too old: nobody expects them to vanish in a second. */
export const EXPIRY_LOOK_MS: number = 60_000;
/** Messages deleted in one transaction, conversations looked at in one go: some 10 ms. */
export const EXPIRY_BATCH_MAX = 100;
export const EXPIRY_PAGE_MAX = 64;
