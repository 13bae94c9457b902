/** The JSON that the admin API answers with, and nothing about how it is asked for. Fields may be added, never change meaning. */
import type {
  ConsumerView,
  ContactView,
  ConversationState,
  ConversationView,
  DaemonState,
  EngineApi,
  EngineStatus,
  HealthCheck,
  InviteRecord,
} from "../engine/api.ts";
import type { MessageRow, MessageState } from "../engine/ports.ts";
import { type ContentView, contentView } from "./content-view.ts";

export type { ExpiryView } from "../engine/api.ts";
export type { FileView } from "./content-view.ts";

/** What the process is, beside what its engine knows. */
export interface ProcessIdentity {
  /** The operator's name for this node. */
  readonly name: string | null;
  readonly version: string;
  readonly pid: number;
  readonly startedAtMs: number;
}

export interface StatusView {
  readonly name: string | null;
  readonly state: DaemonState;
  readonly reasons: readonly string[];
  /** null while starting. */
  readonly clientAddress: string | null;
  readonly network: { readonly peers: number; readonly configuredPeers: number; readonly listening: number };
  /** null while starting. `ageMs`: since the last one that came back had left. */
  readonly canary: EngineStatus["canary"] | null;
  readonly synced: boolean;
  readonly conversations: number;
  readonly outbox: number;
  readonly parked: number;
  /** null: the network does not count what we publish, or the daemon is starting. */
  readonly quota: QuotaView | null;
  readonly lastSeq: number;
  /** When the last backup was verified; null: none was made of this state, or the daemon is starting. */
  readonly backedUpAt: string | null;
  readonly version: string;
  readonly pid: number;
  readonly startedAt: string;
  /** The loop-back address of the TCP listener; null without one. */
  readonly listen: string | null;
}

export interface HealthView {
  readonly state: DaemonState;
  readonly reasons: readonly string[];
  /** In the order in which they are to be mended; empty while starting. */
  readonly checks: readonly HealthCheck[];
}

export interface InviteView {
  readonly link: string;
  readonly id: string;
  readonly uses: number;
  readonly expires: string;
}

/** A link for everybody. */
export interface PublicLinkView {
  readonly link: string;
  readonly expires: string;
}

/** An invite link that was given out, and who used it. */
export interface InviteJson {
  readonly id: string;
  readonly state: "open" | "used" | "revoked" | "expired";
  readonly uses: number;
  readonly created: string;
  readonly expires: string;
  readonly redemptions: readonly { readonly peer: string; readonly at: string }[];
  /** With `show`, while it works. */
  readonly link?: string;
}

export function inviteJson({ createdAtMs, expiresAtMs, redemptions, ...invite }: InviteRecord): InviteJson {
  return {
    ...invite,
    created: rfc3339(createdAtMs),
    expires: rfc3339(expiresAtMs),
    redemptions: redemptions.map(({ peer, atMs }) => ({ peer, at: rfc3339(atMs) })),
  };
}

export interface AcceptedView {
  readonly conversation: string;
  readonly messageId: string | null;
}

export interface ConversationJson {
  readonly handle: string;
  readonly id: string;
  readonly type: string;
  readonly name: string | null;
  readonly peer: string | null;
  readonly createdAt: string;
  /** `undecided` is a contact request. */
  readonly standing: "accepted" | "undecided" | "blocked" | "rolled-back";
  /** `unanswered`: nothing of the peer was read in it yet. `superseded`: a newer one with the same peer took its place. */
  readonly state: ConversationState;
}

/** A named reader of the event log. */
export interface ConsumerJson {
  readonly name: string;
  readonly ackedSeq: number;
  readonly behind: number;
  readonly reading: boolean;
  readonly createdAt: string;
  readonly ackedAt: string;
}

/** A token, without its secret. */
export interface TokenJson {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
  /** null: all of them. */
  readonly conversations: readonly string[] | null;
  /** null: all of them. */
  readonly consumers: readonly string[] | null;
  readonly methods: readonly string[] | null;
  readonly perMinute: number | null;
  readonly createdAt: string;
  readonly expires: string | null;
  /** Since the daemon started. */
  readonly lastUsedAt: string | null;
}

export type NewTokenJson = TokenJson & { readonly token: string };

export interface SentView {
  readonly messageId: string;
  readonly state: MessageState;
  readonly conversation: string;
}

/** What a reload did. */
export interface ReloadView {
  /** Settings whose new value holds now. */
  readonly changed: readonly string[];
  /** Settings that differ from what the daemon runs with, until it is started again. */
  readonly needRestart: readonly string[];
  readonly files: readonly string[];
}

export type MessageView = {
  readonly messageId: string;
  readonly conversation: string;
  readonly direction: "in" | "out";
  readonly state: MessageState;
  readonly timestamp: string;
  readonly sender: string;
} & ContentView;

/** RFC 3339 UTC with milliseconds. A peer may claim any time, so a number that is no date is shown as the epoch. */
export function rfc3339(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString();
}

/** `engine` is undefined while the daemon is starting. */
export function statusView(
  engine: EngineStatus | undefined,
  identity: ProcessIdentity,
  draining: boolean,
  listen: string | null,
): StatusView {
  const network = engine?.network;
  return {
    name: identity.name,
    state: draining ? "draining" : (engine?.state ?? "starting"),
    reasons: draining ? ["the daemon is stopping"] : (engine?.reasons ?? ["the daemon is starting"]),
    clientAddress: engine?.clientAddress ?? null,
    network: {
      peers: network?.peers ?? 0,
      configuredPeers: network?.configuredPeers ?? 0,
      listening: network?.listening.length ?? 0,
    },
    canary: engine?.canary ?? null,
    synced: engine?.synced ?? false,
    conversations: engine?.conversations ?? 0,
    outbox: engine?.outbox ?? 0,
    parked: engine?.parked ?? 0,
    quota: engine?.quota ? quotaView(engine.quota) : null,
    lastSeq: engine?.lastSeq ?? 0,
    backedUpAt: typeof engine?.backedUpAtMs === "number" ? rfc3339(engine.backedUpAtMs) : null,
    version: identity.version,
    pid: identity.pid,
    startedAt: rfc3339(identity.startedAtMs),
    listen,
  };
}

/** What the network's quota has room for. */
export interface QuotaView {
  /** So many envelopes in any window of so many milliseconds. */
  readonly publications: number;
  readonly windowMs: number;
  readonly left: number;
  /** null: now. */
  readonly nextAt: string | null;
  /** Tokens for acknowledgements, repairs and repetitions. */
  readonly share: { readonly tokens: number; readonly left: number };
}

function quotaView({ nextAtMs, ...quota }: NonNullable<EngineStatus["quota"]>): QuotaView {
  return { ...quota, nextAt: nextAtMs === null ? null : rfc3339(nextAtMs) };
}

export function conversationJson(
  view: ConversationView,
  engine: Pick<EngineApi, "conversationState">,
): ConversationJson {
  const { handle, id, type, name, peer, createdAtMs, standing } = view;
  const state = engine.conversationState(handle);
  return { handle, id, type, name, peer, createdAt: rfc3339(createdAtMs), standing, state };
}

export function consumerJson(view: ConsumerView): ConsumerJson {
  const { name, ackedSeq, behind, isReading: reading, createdAtMs, ackedAtMs } = view;
  return { name, ackedSeq, behind, reading, createdAt: rfc3339(createdAtMs), ackedAt: rfc3339(ackedAtMs) };
}

export function messageView(row: MessageRow, engine: Pick<EngineApi, "handleOf">): MessageView {
  return {
    messageId: row.messageId,
    conversation: engine.handleOf(row.conversation),
    direction: row.direction,
    state: row.state,
    timestamp: rfc3339(row.timestampMs),
    sender: row.body.sender,
    ...contentView(row.body),
  };
}

export interface ContactJson {
  /** Client address. */
  readonly address: string;
  readonly name: string | null;
  readonly blocked: boolean;
  /** Whether the operator has compared the safety numbers. */
  readonly verified: boolean;
  /** Handles, the one that new messages go to first. */
  readonly conversations: readonly string[];
}

export function contactJson({ address, name, isBlocked, isVerified, conversations }: ContactView): ContactJson {
  return { address, name, blocked: isBlocked, verified: isVerified, conversations };
}

/** What two people compare. */
export interface SafetyNumberJson {
  /** Client address of the contact. */
  readonly address: string;
  readonly name: string | null;
  /** 60 digits, the same on both sides. */
  readonly safetyNumber: string;
  readonly verified: boolean;
}

/** A backup that was made, restored elsewhere and checked. */
export interface BackupJson {
  readonly file: string;
  readonly bytes: number;
  readonly ms: number;
  readonly schema: number;
  readonly sealed: boolean;
  readonly conversations: number;
  readonly messages: number;
  readonly events: number;
}
