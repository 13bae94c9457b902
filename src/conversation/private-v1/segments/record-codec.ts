/** Bytes of the records that have structure: proto/umbra/state/private_v1.proto. */
import { fromHex, plain, toHex } from "../../../crypto/bytes.ts";
import type { OpenSets } from "../../../protocol/segmentation/reassembly.ts";
import { umbra } from "../../../wire/gen/umbra.js";
import { fromUint64, ownBytes } from "../../state-version.ts";
import type { Origin } from "../state.ts";

const { OpenSetsV1, WaitingV1 } = umbra.state.v1;

/** Content that waits for a number: one encoded segment, perhaps of an outgoing set. */
export interface Waiting {
  readonly set: number;
  /** As in Unacknowledged. */
  readonly origin?: Origin | undefined;
  readonly segment: Uint8Array;
}

/** A record `wait/<n>`. */
export function encodeWaiting({ set, origin, segment }: Waiting): Uint8Array {
  return plain(WaitingV1.encode({ set, segment, ...encodeOrigin(origin) }).finish());
}

/** Throws for bytes that `encodeWaiting` never made. */
export function decodeWaiting(bytes: Uint8Array): Waiting {
  const waiting = WaitingV1.decode(ownBytes(bytes));
  return { set: waiting.set, segment: waiting.segment, ...decodeOrigin(waiting) };
}

/** The record `part/open`. */
export function encodeOpenSets({ lastSerial, sets }: OpenSets): Uint8Array {
  return plain(OpenSetsV1.encode({ lastSerial, sets: [...sets] }).finish());
}

/** Throws for bytes that `encodeOpenSets` never made. */
export function decodeOpenSets(bytes: Uint8Array): OpenSets {
  const { lastSerial, sets } = OpenSetsV1.decode(ownBytes(bytes));
  return {
    lastSerial,
    sets: sets.map((set) => ({
      serial: set.serial ?? 0,
      wholeHash: set.wholeHash ?? new Uint8Array(),
      count: set.count ?? 0,
      have: set.have ?? new Uint8Array(),
      bytes: set.bytes ?? 0,
      lastMs: fromUint64(set.lastMs ?? 0),
    })),
  };
}

interface OriginFields {
  readonly originIdent?: Uint8Array | null;
  readonly originMessageId?: Uint8Array | null;
}

export function encodeOrigin(origin: Origin | undefined): OriginFields {
  if (origin === undefined) return {};
  return { originIdent: idBytes(origin.ident), originMessageId: idBytes(origin.messageId) };
}

export function decodeOrigin({ originIdent, originMessageId }: OriginFields): { readonly origin?: Origin } {
  if (originIdent == null || originIdent.length === 0) return {};
  return { origin: { ident: toHex(originIdent), messageId: toHex(originMessageId ?? new Uint8Array()) } };
}

/** Throws for what is not hexadecimal. */
export function idBytes(id: string): Uint8Array {
  const bytes = fromHex(id);
  if (bytes === undefined) throw new RangeError("an id is hexadecimal");
  return bytes;
}
