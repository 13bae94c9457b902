/** Bytes of the records that have structure: proto/umbra/state/private_v1.proto. */
import { plain } from "../../../crypto/bytes.ts";
import type { OpenSets } from "../../../protocol/segmentation/reassembly.ts";
import { umbra } from "../../../wire/gen/umbra.js";
import { fromUint64, ownBytes } from "../../state-version.ts";

const { OpenSetsV1, WaitingV1 } = umbra.state.v1;

/** Content that waits for a number: one encoded segment, perhaps of an outgoing set. */
export interface Waiting {
  readonly set: number;
  readonly segment: Uint8Array;
}

/** A record `wait/<n>`. */
export function encodeWaiting({ set, segment }: Waiting): Uint8Array {
  return plain(WaitingV1.encode({ set, segment }).finish());
}

/** Throws for bytes that `encodeWaiting` never made. */
export function decodeWaiting(bytes: Uint8Array): Waiting {
  const { set, segment } = WaitingV1.decode(ownBytes(bytes));
  return { set, segment };
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
