/** Bytes at rest of an inbox: proto/umbra/state/inbox_v1.proto, version 1. */
import { plain } from "../../crypto/bytes.ts";
import { umbra } from "../../wire/gen/umbra.js";
import type { StateCodec } from "../contract.ts";
import { fromUint64, ownBytes, requireVersion } from "../state-version.ts";
import type { InboxState } from "./state.ts";

const VERSION = 1;
const { InboxV1State } = umbra.state.v1;

export const inboxStateCodec: StateCodec<InboxState> = {
  encode: (state) => plain(InboxV1State.encode({ ...state, version: VERSION, prekeys: [...state.prekeys] }).finish()),

  decode(bytes) {
    const state = InboxV1State.decode(ownBytes(bytes));
    requireVersion(state.version, VERSION);
    return {
      identitySeed: state.identitySeed,
      staticSecret: state.staticSecret,
      createdAtMs: fromUint64(state.createdAtMs),
      bucketBits: state.bucketBits,
      prekeys: state.prekeys.map((prekey) => ({
        publicKey: prekey.publicKey ?? new Uint8Array(),
        multiUse: prekey.multiUse ?? false,
        createdAtMs: fromUint64(prekey.createdAtMs ?? 0),
        notAfterMs: fromUint64(prekey.notAfterMs ?? 0),
        usesLeft: prekey.usesLeft ?? 0,
        isPublic: prekey.isPublic ?? false,
      })),
      undecided: state.undecided,
    };
  },
};
