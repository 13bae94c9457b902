/** Every type of event, to tell a misspelt one from one that has not happened yet. */
import type { UmbradEvent } from "../client/events.ts";

const all: Readonly<Record<UmbradEvent["type"], true>> = {
  "message.received": true,
  "message.queued": true,
  "message.published": true,
  "message.stored": true,
  "message.delivered": true,
  "message.failed": true,
  "message.retried": true,
  "message.progress": true,
  "message.lost": true,
  "conversation.opened": true,
  "conversation.unsupported": true,
  "contact.requested": true,
  "contact.link-needed": true,
  "invite.created": true,
  "invite.redeemed": true,
  "invite.revoked": true,
  "invite.expired": true,
  "network.deaf": true,
  "network.recovered": true,
  "network.node-deaf": true,
  "network.node-recovered": true,
  "clock.skewed": true,
  "clock.agrees": true,
  "quota.exhausted": true,
  "quota.free": true,
  "state.rolled-back": true,
  "store.recovered": true,
  "events.gap": true,
};

/** In the order of docs/events.md. */
export const eventTypes: readonly string[] = Object.keys(all);
