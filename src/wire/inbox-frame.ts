/** InboxV1Frame with its one kind of frame, an invite (profile 8.7). Checks form only: who may invite is the inbox's business. */
import { plain } from "../crypto/bytes.ts";
import { BUNDLE_BYTES_MAX } from "./contact-bundle.ts";
import { type Decoded, readable, unsupported } from "./decoded.ts";
import { decodeEncryptedBytes, type EncryptedBytes, encryptedBytesProperties } from "./encrypted-bytes.ts";
import { umbra } from "./gen/umbra.js";
import { fieldTable, scan } from "./proto-scan.ts";

/** InboxV1Frame. */
export interface InboxFrame {
  /** The client address that it is meant for. */
  readonly recipient: string;
  readonly invite: InvitePrivate;
}

/** InvitePrivateV1. */
export interface InvitePrivate {
  /** At most two. */
  readonly participants: readonly string[];
  readonly discriminator: string;
  readonly initialMessage?: EncryptedBytes;
  /** ContactBundleV1 bytes, for `decodeBundle`. */
  readonly contactBundle: Uint8Array;
  readonly createdAtMs: number;
}

/** Client addresses have at most 255 bytes; so has the discriminator. */
const nameBytesMax = 255;

const inviteFields = fieldTable({
  participants: { number: 1, kind: "string", repeated: 2, maxBytes: nameBytesMax },
  discriminator: { number: 5, kind: "string", maxBytes: nameBytesMax },
  initialMessage: { number: 6, kind: "bytes", optional: true },
  contactBundle: { number: 16, kind: "bytes", required: true, maxBytes: BUNDLE_BYTES_MAX },
  createdAtMs: { number: 17, kind: "uint53" },
});

const fields = fieldTable({
  recipient: { number: 1, kind: "string", maxBytes: nameBytesMax },
  invite: { number: 10, kind: "message", fields: inviteFields, oneof: "frame_type" },
});

/** The bytes for the handshake's payload. */
export function encodeInboxFrame({ recipient, invite }: InboxFrame): Uint8Array {
  if (!Number.isSafeInteger(invite.createdAtMs) || invite.createdAtMs < 0)
    throw new RangeError("createdAtMs out of range");
  const { participants, initialMessage, ...rest } = invite;
  const invitePrivateV1 = {
    ...rest,
    participants: [...participants],
    ...(initialMessage && { initialMessage: encryptedBytesProperties(initialMessage) }),
  };
  return plain(umbra.v1.InboxV1Frame.encode({ recipient, invitePrivateV1 }).finish());
}

/** Total. A frame without a member that we know is of an unknown type. */
export function decodeInboxFrame(bytes: Uint8Array): Decoded<InboxFrame> {
  const scanned = scan(bytes, fields);
  if (scanned.kind !== "readable") return scanned;
  const { recipient, invite: scannedInvite } = scanned.value;
  if (scannedInvite === undefined) return unsupported("inbox frame type");
  const { initialMessage: initialBytes, ...invite } = scannedInvite;
  if (initialBytes === undefined) return readable({ recipient, invite });
  const initialMessage = decodeEncryptedBytes(initialBytes);
  if (initialMessage.kind !== "readable") return initialMessage;
  return readable({ recipient, invite: { ...invite, initialMessage: initialMessage.value } });
}
