/** Invites as a peer could make them, right but for what a test changes. */
import assert from "node:assert/strict";
import { DISCRIMINATOR, type InboxState, identityOf, type Prekey } from "../../../src/conversation/inbox-v1/state.ts";
import { utf8 } from "../../../src/crypto/bytes.ts";
import { x25519Public } from "../../../src/crypto/dh.ts";
import { ed25519Public } from "../../../src/crypto/sign.ts";
import { encrypt } from "../../../src/protocol/double-ratchet/encrypt.ts";
import { startAsInviter } from "../../../src/protocol/double-ratchet/ratchet-state.ts";
import { exportConversationKeys, keyRef } from "../../../src/protocol/noise/conversation-keys.ts";
import { beginInvite } from "../../../src/protocol/noise/kxfallback.ts";
import { encodeSds } from "../../../src/protocol/reliability/sds-message.ts";
import { type ContactBundle, signBundle } from "../../../src/wire/contact-bundle.ts";
import { hintHex } from "../../../src/wire/conversation-hint.ts";
import { encodeEnvelope } from "../../../src/wire/envelope.ts";
import { type ContentTopic, clientAddressOf, privateConversationId } from "../../../src/wire/ids.ts";
import { encodeInboxFrame } from "../../../src/wire/inbox-frame.ts";
import { secretOf } from "../../protocol/vectors.ts";
import { startMs } from "../by-hand.ts";

/** What differs from a right invite. */
export interface InviteFaults {
  /** Names the inviter, whose keys follow from it. */
  readonly inviter?: string;
  readonly ephemeral?: string;
  readonly createdAtMs?: number;
  readonly recipient?: string;
  readonly participants?: readonly string[];
  readonly discriminator?: string;
  readonly bundle?: Partial<ContactBundle>;
  readonly bundleSeed?: Uint8Array;
  readonly breakSignature?: boolean;
  /** The handshake's static key is another than the bundle's. */
  readonly otherStatic?: boolean;
  readonly initialMessage?: "absent" | "broken" | "plaintext" | Uint8Array;
  readonly keyRef?: "absent" | Uint8Array;
  readonly breakTag?: boolean;
  readonly padBytes?: number;
}

const salt = 0x0a0b0c0d;

/** An invite to the inbox that uses its prekey. */
export function craftInvite(
  inbox: InboxState,
  prekey: Pick<Prekey, "publicKey">,
  faults: InviteFaults = {},
): Uint8Array {
  const { inviter = "mallory" } = faults;
  const us = identityOf(inbox);
  const staticSecret = secretOf(`${inviter}/x25519`);
  const begun = beginInvite({
    prologueConversationId: us.conversationId,
    theirStatic: us.staticKey,
    theirPrekey: prekey.publicKey,
    ourStaticSecret: faults.otherStatic ? secretOf("other/x25519") : staticSecret,
    ephemeralSecret: secretOf(faults.ephemeral ?? `${inviter}/e`),
  });
  assert.ok(!("failure" in begun));
  const identitySeed = faults.bundleSeed ?? secretOf(`${inviter}/identity`);
  const identityKey = ed25519Public(identitySeed);
  const contactBundle = signBundle(identitySeed, {
    identityKey,
    staticKey: x25519Public(staticSecret),
    prekey: x25519Public(secretOf(`${inviter}/prekey`)),
    multiUse: true,
    // Long past: that binds whoever invites, not us.
    notAfterMs: 1,
    contentTopics: ["/umbra/1/b8-b6/proto" as ContentTopic],
    conversationTypes: ["/private/v1"],
    ...faults.bundle,
  });
  if (faults.breakSignature) contactBundle[contactBundle.length - 1]! ^= 1;
  const keys = exportConversationKeys(begun.export, DISCRIMINATOR);
  const initialMessage = initialMessageOf(keys, prekey.publicKey, faults);
  const payload = encodeInboxFrame({
    recipient: faults.recipient ?? us.clientAddress,
    invite: {
      participants: faults.participants ?? [clientAddressOf(identityKey), us.clientAddress].sort(),
      discriminator: faults.discriminator ?? DISCRIMINATOR,
      contactBundle,
      createdAtMs: faults.createdAtMs ?? startMs,
      ...(initialMessage === undefined ? {} : { initialMessage }),
    },
  });
  const { bytes, tag } = begun.finish(payload);
  if (faults.breakTag) tag[0]! ^= 1;
  const reference = faults.keyRef ?? keyRef(salt, prekey.publicKey);
  return encodeEnvelope({
    hint: hintHex(salt, utf8(us.conversationId)),
    salt,
    encryptedBytes: {
      member: "ecies",
      bytes: Uint8Array.from([...bytes, ...new Uint8Array(faults.padBytes ?? 0)]),
      ephemeralPublic: begun.ephemeralPublic,
      tag,
      ...(reference === "absent" ? {} : { keyRef: reference }),
    },
  });
}

/** A sync message as number 0, or the SDS bytes of a test. */
function initialMessageOf(
  keys: ReturnType<typeof exportConversationKeys>,
  peerPrekey: Uint8Array,
  { initialMessage: wanted }: InviteFaults,
): { readonly member: "encrypted_bytes" | "plaintext"; readonly bytes: Uint8Array } | undefined {
  if (wanted === "absent") return undefined;
  const ratchet = startAsInviter({ keys, ratchetSecret: secretOf("mallory/dr0"), peerPrekey });
  assert.ok(ratchet !== undefined);
  const sync = encodeSds({
    senderId: "I",
    messageId: "0".repeat(32),
    channelId: privateConversationId(keys.ident),
    lamport: startMs,
    causalHistory: [],
    repairRequest: [],
  });
  const plaintext = wanted instanceof Uint8Array ? wanted : sync;
  const { blob } = encrypt(ratchet, { ident: keys.ident, plaintext, random: (length) => new Uint8Array(length) });
  if (wanted === "broken") blob[blob.length - 1]! ^= 1;
  return { member: wanted === "plaintext" ? "plaintext" : "encrypted_bytes", bytes: blob };
}
