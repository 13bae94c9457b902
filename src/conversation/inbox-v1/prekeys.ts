/** Prekeys of an inbox: made, given out in bundles, used up, replaced and deleted (profile 8.7 "Prekeys"). */
import { x25519Public } from "../../crypto/dh.ts";
import { type ContactBundle, signBundle } from "../../wire/contact-bundle.ts";
import type { Effect, TurnContext } from "../contract.ts";
import {
  DAY_MS,
  type InboxState,
  identityOf,
  PREKEY_GRACE_MS,
  PRIVATE_TYPE_PATH,
  type Prekey,
  PUBLIC_PREKEY_MS,
  PUBLIC_ROTATION_MS,
  prekeyRecord,
} from "./state.ts";

/** Timers `tidy/<day>` delete what ended on that day. */
export const TIMER_TIDY = "tidy/";

/** The prekeys that a turn leaves, and the records that change with them. */
export interface PrekeyChange {
  readonly prekeys: readonly Prekey[];
  readonly effects: readonly Effect[];
}

/** The multi-use prekey of the bundles that go with our invites and conversations. */
export function makePublicPrekey(context: TurnContext): {
  readonly prekey: Prekey;
  readonly stored: readonly Effect[];
} {
  const secret = context.random(32);
  const { now } = context;
  const { prekey, stored } = makePrekey(secret, {
    multiUse: true,
    createdAtMs: now,
    notAfterMs: now + PUBLIC_PREKEY_MS,
    usesLeft: 0,
    isPublic: true,
  });
  return { prekey, stored: [stored, tidyLater(endOf(prekey))] };
}

/** When the prekey is deleted, used or not (profile 8.7 "Prekeys"). */
export function endOf({ notAfterMs, isPublic }: Prekey): number {
  return notAfterMs + (isPublic ? 0 : PREKEY_GRACE_MS);
}

/** The day on which something ends is over with this number. */
export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

/** Sets the timer that deletes what ends on that day. */
export function tidyLater(endMs: number): Effect {
  const day = dayOf(endMs);
  return { kind: "schedule", name: `${TIMER_TIDY}${day}`, atMs: (day + 1) * DAY_MS, isDate: true };
}

/** A prekey and the record of its secret. */
export function makePrekey(
  secret: Uint8Array,
  terms: Omit<Prekey, "publicKey">,
): { readonly prekey: Prekey; readonly stored: Effect } {
  const publicKey = x25519Public(secret);
  return {
    prekey: { publicKey, ...terms },
    stored: { kind: "put", key: prekeyRecord(publicKey), bytes: secret },
  };
}

/** A prekey that goes out in a bundle, and the bundle. */
interface GivenBundle extends PrekeyChange {
  readonly bundle: Uint8Array;
  readonly notAfterMs: number;
}

/** Our bundle for a peer, signed; a new prekey when the public one has served its week. The old one ends by its own timer. */
export function givePublicBundle(state: InboxState, context: TurnContext): GivenBundle {
  const newest = state.prekeys.findLast(({ isPublic }) => isPublic);
  const isAhead = ({ createdAtMs }: Prekey): boolean => createdAtMs > context.now + DAY_MS;
  if (newest !== undefined && context.now < newest.createdAtMs + PUBLIC_ROTATION_MS && !isAhead(newest)) {
    const { notAfterMs } = newest;
    return { prekeys: state.prekeys, effects: [], bundle: signedBundle(state, newest), notAfterMs };
  }
  const { prekey, stored } = makePublicPrekey(context);
  const { prekeys, effects } = withoutExpired(state.prekeys, context.now);
  // Dated by a clock that was years ahead, they would be kept for these years: their time is counted from now.
  const { notAfterMs } = prekey;
  const terms = { createdAtMs: context.now, notAfterMs };
  return {
    prekeys: [...prekeys.map((each) => (each.isPublic && isAhead(each) ? { ...each, ...terms } : each)), prekey],
    effects: [...effects, ...stored],
    bundle: signedBundle(state, prekey),
    notAfterMs,
  };
}

export function signedBundle(state: InboxState, { publicKey, multiUse, notAfterMs }: Prekey): Uint8Array {
  const { identityKey, staticKey, topic } = identityOf(state);
  const bundle: ContactBundle = {
    identityKey,
    staticKey,
    prekey: publicKey,
    multiUse,
    notAfterMs,
    contentTopics: [topic],
    conversationTypes: [PRIVATE_TYPE_PATH],
  };
  return signBundle(state.identitySeed, bundle);
}

/** Deletes what nobody may use any more: its secret would open recorded invites for ever. */
export function withoutExpired(prekeys: readonly Prekey[], now: number): PrekeyChange {
  const expired = prekeys.filter((prekey) => endOf(prekey) < now);
  return {
    prekeys: prekeys.filter((prekey) => !expired.includes(prekey)),
    effects: expired.map(({ publicKey }) => ({ kind: "drop", key: prekeyRecord(publicKey) })),
  };
}

/** A one-time prekey is deleted with its first invite, a counted one with its last; the public one stays. */
export function usePrekey(prekeys: readonly Prekey[], used: Prekey): PrekeyChange {
  if (used.isPublic) return { prekeys, effects: [] };
  if (used.usesLeft > 1) {
    const counted = { ...used, usesLeft: used.usesLeft - 1 };
    return { prekeys: prekeys.map((prekey) => (prekey === used ? counted : prekey)), effects: [] };
  }
  return {
    prekeys: prekeys.filter((prekey) => prekey !== used),
    effects: [{ kind: "drop", key: prekeyRecord(used.publicKey) }],
  };
}
