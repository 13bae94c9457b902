/** Every bound of the admin API, with its reason. */

/** Deeper JSON is no request of ours; it would only keep the parser busy. */
export const BODY_DEPTH_MAX = 32;

/** Requests that one connection may have under way; a program that wants more opens another. */
export const IN_FLIGHT_MAX = 16;

/** An idle connection holds a place of those there are. */
export const IDLE_MS_MAX = 10_000;

/** For programs on this machine; more means that one of them makes tokens in a loop. */
export const TOKENS_MAX = 64;

/** Of a conversation of a token: each took the place of the one before, and a peer who begins more makes no row larger. */
export const SUCCESSORS_MAX = 64;

/** Ten years: as good as forever, and a date that every calendar knows. */
export const TOKEN_LIFETIME_MAX_MS: number = 3_653 * 86_400_000;

/** A name of 255 characters, each of them percent-encoded, and room for a clear answer to somewhat more. */
export const PATH_PART_MAX = 4_096;

/** A text has 64 KiB; even wholly escaped JSON of it stays below, and files do not come as JSON. */
export const BODY_BYTES_MAX: number = 1024 * 1024;

/** A local daemon has a few followers and one-shot commands; more means that a script has run away. */
export const CONNECTIONS_MAX = 64;

/** Of those connections; a reader that follows stays, and who asks and goes must find a place. */
export const FOLLOWERS_MAX = 48;

/** Uploads under way on a listener: each may hold a whole file in memory. */
export const UPLOADS_MAX = 16;

/** A path, a token and a few words; a table of headers is no request of ours. */
export const HEADER_BYTES_MAX = 16_384;

/** Programs write their headers at once. */
export const HEADERS_MS_MAX = 5_000;

/** A whole request: a file of 4 MB takes a fraction of it on this machine. */
export const REQUEST_MS_MAX = 30_000;

/** What may wait in memory for one follower that reads slowly; then reading from the log pauses. */
export const UNSENT_BYTES_MAX: number = 8 * 1024 * 1024;

/** Of all answers of a listener: a page of long messages has 64 MB, and whoever asks for many and reads none would take all memory. */
export const UNSENT_BYTES_IN_ALL_MAX: number = 64 * 1024 * 1024;

/** Who takes nothing of an answer for so long has gone or hangs: it is cut. A follower can resume after its last seq. */
export const STALLED_MS_MAX = 60_000;

/** Proxies and consumers give up on a silent stream after 30 s or more. */
export const KEEP_ALIVE_MS = 15_000;

/** Rows read from the store at once while streaming: their texts are at most a few MiB. */
export const STREAM_PAGE_ROWS = 64;

/** Rows looked at at once for a reader who wants few of them: some 10 ms, then others have their turn. */
export const STREAM_SCAN_ROWS = 20_000;

/** Without `follow` an answer ends there; the caller asks again after its last seq. */
export const EVENTS_PAGE_MAX = 10_000;

export const MESSAGES_PAGE_MAX = 1_000;
/** Of what waits. */
export const LIST_MAX = 1_000;

/** Each use of a link costs a prekey kept in the inbox. */
export const INVITE_USES_MAX = 1_000;

/** A link is a bearer secret; a year is as good as forever. */
export const INVITE_LIFETIME_MAX_MS: number = 366 * 86_400_000;

/** Longer than a start takes, shorter than a caller waits for its answer. */
export const START_WAIT_MS_MAX = 25_000;

/** A caller that was let in asks within milliseconds; a connection that only idles is no reason to stop later. */
export const LEAVE_MS_MAX = 300;
