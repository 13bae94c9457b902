/** Records `link/<id>` and `links`: the invite links that we gave out, and who used them. The prekeys themselves are state. */
import { plain, toHex } from "../../crypto/bytes.ts";
import { bundleToText } from "../../wire/contact-bundle.ts";
import { umbra } from "../../wire/gen/umbra.js";
import { accept, type Effect, type RecordKey, reject, type Transition, type TurnContext } from "../contract.ts";
import { fromUint64, ownBytes } from "../state-version.ts";
import { signedBundle } from "./prekeys.ts";
import { type InboxState, type Prekey, prekeyRecord } from "./state.ts";

type Step = Transition<InboxState>;
const { LinkV1, LinkIndexV1 } = umbra.state.v1;

/** Links that are shown: all open ones (`PREKEYS_MAX`) and the newest of those that are over. */
export const LINKS_MAX = 600;
export const RECORD_LINKS: RecordKey = "links";
export const linkRecord = (id: string): RecordKey => `link/${id}`;

export interface Link {
  readonly id: string;
  readonly publicKey: Uint8Array;
  readonly uses: number;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly isRevoked: boolean;
  readonly isExpired: boolean;
  readonly redemptions: readonly { readonly peer: string; readonly atMs: number }[];
}

/** Short and stable; the link itself is a secret that logs never see. */
export function inviteId({ publicKey }: Pick<Prekey, "publicKey">): string {
  return `i${toHex(publicKey).slice(0, 12)}`;
}

/** Of a link that the index still has; undefined: never made, or forgotten. */
export function readLink(record: Uint8Array | undefined): Link | undefined {
  if (record === undefined) return undefined;
  const link = LinkV1.decode(ownBytes(record));
  return {
    id: link.id,
    publicKey: link.publicKey,
    uses: link.uses,
    createdAtMs: fromUint64(link.createdAtMs),
    expiresAtMs: fromUint64(link.expiresAtMs),
    isRevoked: link.isRevoked,
    isExpired: link.isExpired,
    redemptions: link.redemptions.map(({ peer, atMs }) => ({ peer: peer ?? "", atMs: fromUint64(atMs ?? 0) })),
  };
}

export function putLink(link: Link): Effect {
  const bytes = LinkV1.encode({ ...link, redemptions: [...link.redemptions] }).finish();
  return { kind: "put", key: linkRecord(link.id), bytes: plain(bytes) };
}

/** The index with one more; over the bound the oldest that is over is forgotten. */
export function indexLink(state: InboxState, record: Uint8Array | undefined, added: string): readonly Effect[] {
  const ids = [...readIndex(record), added];
  const open = new Set(state.prekeys.map(inviteId));
  const forgotten = ids.length > LINKS_MAX ? ids.find((id) => !open.has(id) && id !== added) : undefined;
  const kept = ids.filter((id) => id !== forgotten);
  const bytes = plain(LinkIndexV1.encode({ ids: kept }).finish());
  const drop: Effect[] = forgotten === undefined ? [] : [{ kind: "drop", key: linkRecord(forgotten) }];
  return [{ kind: "put", key: RECORD_LINKS, bytes }, ...drop];
}

/** Somebody used the link of this prekey: who and when, for the operator. */
export function redeem(record: Uint8Array | undefined, peer: string, atMs: number): readonly Effect[] {
  const link = readLink(record);
  if (link === undefined) return [];
  const redemptions = [...link.redemptions, { peer, atMs }];
  const usesLeft = Math.max(0, link.uses - redemptions.length);
  const event = { type: "invite.redeemed", id: link.id, peer, usesLeft } as const;
  return [putLink({ ...link, redemptions }), { kind: "deliver", event }];
}

/** All links, or one with its text while it works. Changes nothing. */
export function listLinks(state: InboxState, id: string | undefined, context: TurnContext): Step {
  if (!context.records.has(RECORD_LINKS)) return { kind: "lacks", keys: [RECORD_LINKS] };
  const ids = readIndex(context.records.get(RECORD_LINKS)).filter((each) => id === undefined || each === id);
  if (id !== undefined && ids.length === 0) return reject("invite/unknown", `there is no invite ${JSON.stringify(id)}`);
  const lacking = ids.map(linkRecord).filter((key) => !context.records.has(key));
  if (lacking.length > 0) return { kind: "lacks", keys: lacking };
  const links = ids.flatMap((each) => readLink(context.records.get(linkRecord(each))) ?? []);
  return accept(state, [], { links: links.map((link) => view(state, link, context.now, id !== undefined)) });
}

function view(state: InboxState, link: Link, now: number, isWithText: boolean): object {
  const { id, uses, createdAtMs, expiresAtMs, redemptions } = link;
  const prekey = state.prekeys.find((each) => inviteId(each) === id);
  const isOpen = prekey !== undefined && expiresAtMs > now;
  const ended = link.isRevoked ? "revoked" : redemptions.length >= uses ? "used" : "expired";
  const text = isOpen && isWithText ? { link: bundleToText(signedBundle(state, prekey)) } : {};
  return { id, uses, createdAtMs, expiresAtMs, redemptions, state: isOpen ? "open" : ended, ...text };
}

/** Deletes the prekey: whoever has the link is told nothing, and his invite opens nothing. */
export function revokeLink(state: InboxState, id: string, context: TurnContext): Step {
  const key = linkRecord(id);
  if (!context.records.has(key)) return { kind: "lacks", keys: [key] };
  const link = readLink(context.records.get(key));
  if (link === undefined) return reject("invite/unknown", `there is no invite ${JSON.stringify(id)}`);
  const prekey = state.prekeys.find((each) => inviteId(each) === id);
  if (prekey === undefined) return reject("invite/ended", `the invite ${id} does not work any more`);
  return accept({ ...state, prekeys: state.prekeys.filter((each) => each !== prekey) }, [
    { kind: "drop", key: prekeyRecord(prekey.publicKey) },
    putLink({ ...link, isRevoked: true }),
    { kind: "deliver", event: { type: "invite.revoked", id } },
  ]);
}

function readIndex(record: Uint8Array | undefined): readonly string[] {
  return record === undefined ? [] : LinkIndexV1.decode(ownBytes(record)).ids;
}
