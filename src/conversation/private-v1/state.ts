/** State of a private conversation as a value. Keys of skipped messages, content on its way and repeats are records. */
import type { RatchetState } from "../../protocol/double-ratchet/ratchet-state.ts";
import type { ContentTopic } from "../../wire/ids.ts";

export interface LogEntry {
  readonly messageId: string;
  readonly lamportMs: number;
}

/** Our content, sent and not acknowledged. Its SDS bytes are the record `out/<id>`. */
export interface Unacknowledged {
  readonly messageId: string;
  /** The sending chain it was last sent in. */
  readonly sendSerial: number;
  readonly sentAtMs: number;
  readonly firstSentAtMs: number;
  /** Content of the protocol itself: the application does not know it, so it is never told of its fate. */
  readonly isSilent: boolean;
  /** Serial of the outgoing set that it is a segment of; 0: it is whole. */
  readonly set: number;
  /** It was sent before `newestAcknowledged`, and the peer asked for it when it named that. */
  readonly isPassed: boolean;
  /** Of content that was taken over from a superseded conversation. */
  readonly origin?: Origin;
}

/** Where the application sent a message, in hexadecimal. */
export interface Origin {
  readonly ident: string;
  readonly messageId: string;
}

/** Content of ours in several segments, not all acknowledged. Each segment is a message of its own (ADR 0028). */
export interface OutgoingSet {
  readonly serial: number;
  /** Of the whole: what the application knows. */
  readonly messageId: string;
  readonly count: number;
  readonly acknowledged: number;
  /** The row of the message table has not all of it: its bytes are kept beyond its failure, for another try. */
  readonly isLarge: boolean;
  /** As in Unacknowledged. */
  readonly origin?: Origin;
}

/** A whole of ours that has failed, or that a successor took over: its bytes are still there (ADR 0093). */
export interface KeptWhole {
  readonly messageId: string;
  readonly count: number;
}

/** A message of the peer that we gave up waiting for, and ask for until it arrives (profile 8.9-5, ADR 0011). */
export interface Lost {
  readonly messageId: string;
  readonly sinceMs: number;
}

/** The peer's content that follows something we have not read. Its SDS content is the record `held/<id>`. */
export interface Held {
  readonly messageId: string;
  readonly lamportMs: number;
  readonly sinceMs: number;
  readonly missing: readonly string[];
}

/** Records `trail/<…><first>` to `trail/<…><end - 1>`, which name others and when they were written: see forgetting/trail.ts. */
export interface Trail {
  readonly first: number;
  readonly end: number;
}

export interface PrivateState {
  /** 16 bytes. */
  readonly ident: Uint8Array;
  readonly isInviter: boolean;
  readonly ourAddress: string;
  readonly peerAddress: string;
  readonly ourTopics: readonly ContentTopic[];
  readonly peerTopics: readonly ContentTopic[];
  readonly createdAtMs: number;
  readonly ratchet: RatchetState;
  readonly lamportMs: number;
  /** The newest content of each side that is delivered: what a message names as its causal history (ADR 0002). */
  readonly newestOurs: LogEntry | undefined;
  readonly newestTheirs: LogEntry | undefined;
  /** In the order of first sending. */
  readonly unacknowledged: readonly Unacknowledged[];
  /** Our newest content that the peer named. A peer names the newest it has, so late older ones are acknowledged by its name. */
  readonly newestAcknowledged: string | undefined;
  /** Lamport time of the peer's newest message. An older one that arrives late knows less, and asks for what it has by now. */
  readonly newestStatementMs: number;
  readonly held: readonly Held[];
  /** Oldest first. */
  readonly lost: readonly Lost[];
  /** When what is missing was last looked at: long ago means that we slept, or were down. */
  readonly repairedAtMs: number;
  /** Since when we have asked for what is missing, and sent again what is not acknowledged, without an absence. */
  readonly askingSinceMs: number;
  readonly resendingSinceMs: number;
  /** Content that waits for a number is in the records `wait/<waitingFirst>` to `wait/<waitingEnd - 1>`. */
  readonly waitingFirst: number;
  readonly waitingEnd: number;
  /** One of them was not there: when none waits any more, what is not on its way has failed. */
  readonly hasWaitGap: boolean;
  readonly lastFrameMs: number;
  readonly lastPublishedMs: number;
  /** Resends since the peer last stepped or acknowledged something new: the pause doubles with each. */
  readonly resends: number;
  /** Answers to marks since something new was read. */
  readonly answers: number;
  readonly answeredAtMs: number;
  /** A message of the peer has been read. */
  readonly hasHeard: boolean;
  readonly owesAcknowledgement: boolean;
  /** How many messages were delivered since we last named what we have read. */
  readonly unnamedReads: number;
  readonly hasToldUnsupported: boolean;
  /** Serial + 1 of the sending chain that the record `repeat/first` belongs to; 0: no content yet. */
  readonly firstContentChain: number;
  /** In the order of sending. */
  readonly outgoing: readonly OutgoingSet[];
  readonly lastSet: number;
  /** Oldest first. */
  readonly kept: readonly KeptWhole[];
  /** What the successor has of our wholes, until it tells what became of it: one at a time. */
  readonly givenWhole: string | undefined;
  /** A contact request that nobody has decided on: it reads and sends nothing, not even acknowledgements (profile 8.7). */
  readonly isUndecided: boolean;
  /** Neither reads nor sends: its peer learns nothing. */
  readonly isBlocked: boolean;
  /** When the inbox was last told that nothing is acknowledged. */
  readonly toldStuckMs: number;
  /** When the peer was last given our bundle, or the inbox was asked for one. */
  readonly bundleAskedMs: number;
  /** Ident of the newer conversation with this peer that new content goes to. */
  readonly successor: Uint8Array | undefined;
  /** It has given its content to the successor: from then on it reads and sends nothing, not even acknowledgements. */
  readonly hasMoved: boolean;
  /** Idents of other conversations with this peer, oldest first. */
  readonly siblings: readonly Uint8Array[];
  /** The state was put back from an older copy: its numbers, keys and hints may be used already, so it sends nothing. */
  readonly isRolledBack: boolean;
  /** What the peer's sets of segments hold that are not complete. */
  readonly openBytes: number;
  readonly skippedTrail: Trail;
  readonly knownTrail: Trail;
}

/** Sender rule 3 (profile 8.5): content and resends take numbers 0 to 127, sync messages 0 to 7. */
export const CONTENT_NUMBER_MAX = 127;
export const SYNC_NUMBER_MAX = 7;
/** Before the first acknowledgement at most this many messages follow the invite: the peer cannot route them (profile 8.9-4). */
export const UNHEARD_NUMBER_MAX = 16;

/** Messages on their way, of our two newest chains: the state holds them all and stays under 64 KiB. More content waits. */
export const UNACKNOWLEDGED_MAX = 256;
/** Content that waits for a number, at most: a peer that never answers must not fill the disk. */
export const WAITING_MAX = 10_000;
/** Text is kept in rows and read by the page, so it is not the way to send books; there are files. */
export const TEXT_BYTES_MAX: number = 64 * 1024;
/** Content in several segments that is under way or waits: the state holds them all. */
export const OUTGOING_SETS_MAX = 64;
/** Of them taken over from older conversations, each of which gives one and waits for its fate. Over it what comes has failed. */
export const TAKEN_SETS_MAX = 8;
/** Large files that failed and can be sent again: 32 MiB in a conversation. Over it the oldest can not. */
export const KEPT_WHOLES_MAX = 8;

/** What a request may bring before it is decided on: a stranger must not fill the disk. As many as an honest one sends. */
export const UNDECIDED_NUMBER_MAX = 16;

/** Resend timer (profile 8.9-4). */
export const RESEND_FIRST_MS = 15_000;
export const RESEND_MAX_MS: number = 2 * 3_600_000;
/** Content last sent in an older chain goes again with the oldest, at most this many in all (sender rule 2). */
export const RESEND_BATCH = 4;
/** After this long without an acknowledgement a message has failed (profile 8.9-4). */
export const GIVE_UP_MS = 30 * 24 * 3_600_000;
/** Who has published nothing for so long was away. What is overdue then has as long again: its acknowledgement may wait. */
export const AWAY_MS: number = 24 * 3_600_000;
/** However often we were away. */
export const GIVE_UP_MAX_MS: number = 2 * GIVE_UP_MS;
/** An invite that nobody answers, and content that nobody acknowledges: then the inbox invites anew (profile 8.7, 8.5-5). */
export const UNANSWERED_MS: number = 24 * 3_600_000;
export const STUCK_MS = 7 * 24 * 3_600_000;
/** The inbox is told this often; it invites at most once a week. */
export const TELL_STUCK_MS: number = 24 * 3_600_000;
/** A reference further ahead than this pushes our own clock no further (profile 8.8). */
export const LAMPORT_AHEAD_MAX_MS: number = 24 * 3_600_000;
/** A missing message is asked for after this (profile 8.9-5). */
export const REPAIR_AFTER_MS = 30_000;
export const REPAIR_REQUEST_MAX = 3;
/** A message that nobody gave us in this time is lost, and what followed it is delivered (profile 8.9-5). */
export const LOST_AFTER_MS = 24 * 3_600_000;
/** After we slept or were down it is asked for so long before it is called lost: what came meanwhile is read first. */
export const LOST_GRACE_MS: number = 10 * 60_000;
/** However often we were away: no Store node has it any more. */
export const LOST_MAX_MS: number = 30 * 24 * 3_600_000;
/** Messages held back for missing ones (profile 10.5 allows 1,024; a state of 64 KiB holds these). */
export const HELD_MAX = 256;
/** Ids that they wait for, in all: a peer may name 256 in each message. */
export const MISSING_MAX = 512;
/** Lost ones that are still asked for: whatever we send asks for all of them, and a message may ask for 16. */
export const LOST_MAX = 13;

/** Answer to a mark: the k-th waits 8 s · 2^k since the last (sender rule 4). */
export const ANSWER_PAUSE_MS = 8_000;
export const ANSWER_PAUSE_MAX_MS: number = 3 * 3_600_000;
/** An acknowledgement due where no sync message may go is left out if something was published this recently (rule 3). */
export const QUIET_MS = 10_000;
/**
 * The first acknowledgement goes almost at once; each further one of the same chain waits twice as long, so that the
 * eight sync messages of a chain cover a burst of any length.
 */
export const ACKNOWLEDGE_AFTER_MS = 20;
/** Where the network counts, the first one waits as long, or until so many messages are to be named (profile 8.9-3). */
export const METERED_ACKNOWLEDGE_AFTER_MS = 2_000;
export const METERED_READS_MAX = 4;
export const ACKNOWLEDGE_AFTER_MAX_MS = 2_000;

export const TIMER_ACKNOWLEDGE = "acknowledge";
export const TIMER_RESEND = "resend";
export const TIMER_ANSWER = "answer";
export const TIMER_FLUSH = "flush";
export const TIMER_REPAIR = "repair";
export const TIMER_BUNDLE = "bundle";
export const TIMER_PARTS = "parts";

export const TIMER_MOVE = "move";
export const TIMER_CLOSE = "close";
export const TIMER_FORGET = "forget";

/** What is on its way when a newer conversation takes over may still be acknowledged: moved at once it would come twice. */
export const MOVE_AFTER_MS = 3_600_000;
/** A superseded conversation is closed when nothing was read in it for 30 days, and two more for the fates of what it gave away. */
export const CLOSE_AFTER_MS = 32 * 24 * 3_600_000;
/** Our bundle follows our first message after this: time for that message to go first (profile 8.7 "Fresh bundles"). */
export const BUNDLE_AFTER_MS = 2_000;
/** How often it follows our content after that, as often as its prekey is replaced. */
export const BUNDLE_EVERY_MS = 7 * 24 * 3_600_000;
/** Where our bundle waits until it is sent. */
export const RECORD_OUR_BUNDLE = "bundle/ours";
/** Where the peer's newest bundle is kept, for a later invite. */
export const RECORD_THEIR_BUNDLE = "bundle/theirs";

/** Envelopes that sender rules 2 and 3 repeat: the chain's number 0, and its first content. */
export const RECORD_ZERO = "repeat/zero";
export const RECORD_FIRST = "repeat/first";

export const outRecord = (messageId: string): string => `out/${messageId}`;
export const heldRecord = (messageId: string): string => `held/${messageId}`;
export const waitRecord = (index: number): string => `wait/${index}`;
/** Payloads of our content in several segments, until all have arrived (ADR 0093). */
export const wholePrefix = (messageId: string): string => `whole/${messageId}/`;
export const wholeRecord = (messageId: string, index: number): string => `${wholePrefix(messageId)}${index}`;
/** The peer's sets of segments that are not complete, and the payloads of a set: also those of a complete one, if it is large. */
export const RECORD_OPEN_SETS = "part/open";
export const partPrefix = (serial: number): string => `part/${serial}/`;
export const partRecord = (serial: number, index: number): string => `${partPrefix(serial)}${index}`;
export const SKIPPED_PREFIX = "skip/";
export const skippedRecord = (serial: number, n: number): string => `${SKIPPED_PREFIX}${serial}/${n}`;
/** Whatever nobody has to wait for and the message table does not know: content of the protocol itself, refused, lost. */
export const KNOWN_PREFIX = "known/";
export const knownRecord = (messageId: string): string => `${KNOWN_PREFIX}${messageId}`;

/** The peer may not have our invite. */
export function isUnheardInvite(state: PrivateState): boolean {
  return state.isInviter && !state.hasHeard;
}

/** Whether anything may leave. */
export function isMuted(state: PrivateState): boolean {
  return state.isUndecided || state.isBlocked || state.isRolledBack;
}

/** Content that has no number yet. */
export function isContentWaiting(state: PrivateState): boolean {
  return state.waitingFirst < state.waitingEnd;
}

/** A number, and nothing that was there before. */
export function hasRoomForContent(state: PrivateState): boolean {
  if (isMuted(state) || state.successor !== undefined) return false;
  return hasNumberForContent(state) && !isContentWaiting(state);
}

/** For content that was not sent before. Until the peer was heard, few follow the invite: it cannot route them (profile 8.9-4). */
export function hasNumberForContent(state: PrivateState): boolean {
  const { send } = state.ratchet;
  if (send === undefined || state.unacknowledged.length >= UNACKNOWLEDGED_MAX) return false;
  return send.n <= (state.isInviter && !state.hasHeard ? UNHEARD_NUMBER_MAX : CONTENT_NUMBER_MAX);
}

/** For content that goes again. */
export function hasNumberForResend({ ratchet: { send } }: PrivateState): boolean {
  return send !== undefined && send.n <= CONTENT_NUMBER_MAX;
}
