/** ContactBundleV1 (profile 8.7): what an identity signs and gives out so that others can invite it. Knows no prekey secret. */
import { concat, fromBase64Url, plain, toBase64Url, utf8 } from "../crypto/bytes.ts";
import { ed25519Sign, ed25519Verify, isSmallOrder } from "../crypto/sign.ts";
import { parseBucketTopic } from "./content-topic.ts";
import { badlyFormed, type Decoded, readable, unsupported } from "./decoded.ts";
import { umbra } from "./gen/umbra.js";
import { type ContentTopic, type InboxAddress, parseInboxAddress } from "./ids.ts";
import { fieldTable, scan } from "./proto-scan.ts";

/** The signed statement. */
export interface ContactBundle {
  /** Ed25519, 32 bytes. */
  readonly identityKey: Uint8Array;
  /** X25519, 32 bytes: of this installation, long term. */
  readonly staticKey: Uint8Array;
  /** X25519, 32 bytes. */
  readonly prekey: Uint8Array;
  /** False: the prekey serves one invite. */
  readonly multiUse: boolean;
  readonly notAfterMs: number;
  /** 1 to 4; senders publish on the first. */
  readonly contentTopics: readonly ContentTopic[];
  /** Such as `/private/v1`. */
  readonly conversationTypes: readonly string[];
  /** Absent: the default inbox of the identity. */
  readonly inboxAddress?: InboxAddress;
}

/** A verified bundle with the bytes that carried it: they are passed on as received, never encoded again. */
export interface SignedBundle {
  readonly bundle: ContactBundle;
  readonly bytes: Uint8Array;
}

/** Three times what four topics and a dozen types need. */
export const BUNDLE_BYTES_MAX = 4096;

const textPrefix = "logos_umbraintro_1_";
const foreignText = /^logos_[a-z0-9]+_[0-9]+_/;
/** Room for the longest text and the whitespace of a mail quoted around it. */
const textLengthMax = 2 * BUNDLE_BYTES_MAX;
const signatureLabel = concat(utf8("umbra/bundle/v1"), Uint8Array.of(0));

const signedFields = fieldTable({
  body: { number: 1, kind: "bytes", maxBytes: BUNDLE_BYTES_MAX },
  signature: { number: 2, kind: "bytes", size: 64 },
});

const bodyFields = fieldTable({
  identityKey: { number: 1, kind: "bytes", size: 32 },
  staticKey: { number: 2, kind: "bytes", size: 32 },
  prekey: { number: 3, kind: "bytes", size: 32 },
  multiUse: { number: 4, kind: "bool" },
  notAfterMs: { number: 5, kind: "uint53" },
  contentTopics: { number: 6, kind: "string", repeated: 4, maxBytes: 64 },
  conversationTypes: { number: 7, kind: "string", repeated: 16, maxBytes: 128 },
  inboxAddress: { number: 8, kind: "string", maxBytes: 64 },
});

/** ContactBundleV1 bytes. The identity key in the bundle must be the seed's. */
export function signBundle(identitySeed: Uint8Array, bundle: ContactBundle): Uint8Array {
  if (!Number.isSafeInteger(bundle.notAfterMs) || bundle.notAfterMs < 0)
    throw new RangeError("notAfterMs out of range");
  const { contentTopics, conversationTypes, ...rest } = bundle;
  const message = { ...rest, contentTopics: [...contentTopics], conversationTypes: [...conversationTypes] };
  const body = plain(umbra.v1.ContactBundleBody.encode(message).finish());
  const signature = ed25519Sign(identitySeed, concat(signatureLabel, body));
  return plain(umbra.v1.ContactBundleV1.encode({ body, signature }).finish());
}

/** Everything that does not depend on who reads it, or when: form, signature, no key that "signs" everything. */
export function decodeBundle(bytes: Uint8Array): Decoded<SignedBundle> {
  if (bytes.length > BUNDLE_BYTES_MAX) return badlyFormed("too large");
  const signed = scan(bytes, signedFields);
  if (signed.kind !== "readable") return signed;
  const body = scan(signed.value.body, bodyFields);
  if (body.kind !== "readable") return body;
  const { inboxAddress: addressText, contentTopics: topicTexts, ...rest } = body.value;
  if (isSmallOrder(rest.identityKey)) return badlyFormed("small-order key");
  if (!ed25519Verify(rest.identityKey, concat(signatureLabel, signed.value.body), signed.value.signature)) {
    return badlyFormed("bundle-signature");
  }
  const contentTopics: ContentTopic[] = [];
  for (const text of topicTexts) {
    const topic = parseBucketTopic(text);
    if (topic.kind !== "readable") return topic;
    contentTopics.push(topic.value);
  }
  if (contentTopics.length === 0) return badlyFormed("no topic");
  const bundle = { ...rest, contentTopics };
  if (addressText === "") return readable({ bundle, bytes: plain(bytes).slice() });
  const inboxAddress = parseInboxAddress(addressText);
  if (inboxAddress === undefined) return badlyFormed("inbox address");
  return readable({ bundle: { ...bundle, inboxAddress }, bytes: plain(bytes).slice() });
}

/** The text form: an invite link. */
export function bundleToText(bytes: Uint8Array): string {
  return textPrefix + toBase64Url(bytes);
}

/** Whitespace around it is ignored. A text of another namespace or version of the same family is `unsupported`. */
export function bundleFromText(text: string): Decoded<SignedBundle> {
  if (text.length > textLengthMax) return badlyFormed("too large");
  const trimmed = text.trim();
  if (!trimmed.startsWith(textPrefix))
    return foreignText.test(trimmed) ? unsupported("link kind") : badlyFormed("not a link");
  const bytes = fromBase64Url(trimmed.slice(textPrefix.length));
  return bytes === undefined ? badlyFormed("base64url") : decodeBundle(bytes);
}
