/**
 * The events of the log as types, for programs: docs/events.md in TypeScript. A daemon may know more than its client, so a
 * type that is not here is one to skip, and fields may be added.
 */
import type { FileView } from "../content-view.ts";

/** A text or a file; neither for what became too old (`expired`), and for content that is neither. */
export type MessageContent = {
  readonly messageId: string;
  /** The peer's address; empty for a message of ours. */
  readonly sender: string;
  /** The sender's claim. */
  readonly timestamp: string;
  readonly text?: string;
  readonly file?: FileView;
  readonly expired?: true;
};

type OfMessage = { readonly messageId: string };
type OfPeer = { readonly peer: string };
type OfInvite = { readonly invite: string };
type OfNode = { readonly node: string };
type Nothing = Readonly<Record<string, never>>;

/** Events of a conversation: what `data` has, by type. */
export type ConversationEventData = {
  readonly "message.received": MessageContent;
  readonly "message.queued": MessageContent;
  readonly "message.published": OfMessage & { readonly peers: number };
  readonly "message.stored": OfMessage;
  readonly "message.delivered": OfMessage;
  readonly "message.failed": OfMessage & { readonly reason: string; readonly retry: string };
  readonly "message.retried": OfMessage;
  readonly "message.progress": OfMessage & { readonly arrived: number; readonly parts: number };
  readonly "message.lost": { readonly messageIds: readonly string[] };
  /** `role`: what the peer is. */
  readonly "conversation.opened": OfPeer & { readonly role: "inviter" | "invitee" };
  readonly "conversation.unsupported": OfPeer & { readonly what: string };
  readonly "contact.requested": OfPeer;
  readonly "contact.link-needed": OfPeer;
  readonly "invite.created": OfInvite & { readonly uses: number; readonly expires: string };
  readonly "invite.redeemed": OfInvite & OfPeer & { readonly usesLeft: number };
  readonly "invite.revoked": OfInvite;
  readonly "invite.expired": OfInvite;
};

/** Events of the daemon itself: what `data` has, by type. */
export type DaemonEventData = {
  readonly "network.deaf": { readonly silentMs: number };
  readonly "network.recovered": { readonly deafMs: number };
  readonly "network.node-deaf": OfNode & { readonly silentMs: number };
  readonly "network.node-recovered": OfNode & { readonly deafMs: number };
  readonly "clock.skewed": { readonly seconds: number };
  readonly "clock.agrees": Nothing;
  readonly "quota.exhausted": { readonly publications: number; readonly windowMs: number };
  readonly "quota.free": Nothing;
  readonly "state.rolled-back": { readonly cause: string };
  readonly "store.recovered": { readonly code: string; readonly forMs: number };
  readonly "events.gap": { readonly from: number; readonly to: number; readonly reason: string };
};

type EventOf<Type, Conversation, Data> = {
  readonly v: 1;
  readonly seq: number;
  readonly ts: string;
  readonly type: Type;
  readonly conversation: Conversation;
  readonly data: Data;
};

/** An event of the log: `type` tells what is in `data`, and whether `conversation` is a handle. */
export type UmbradEvent =
  | {
      [Type in keyof ConversationEventData]: EventOf<Type, string, ConversationEventData[Type]>;
    }[keyof ConversationEventData]
  | { [Type in keyof DaemonEventData]: EventOf<Type, null, DaemonEventData[Type]> }[keyof DaemonEventData];
