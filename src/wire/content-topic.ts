/** Buckets of receivers (profile 8.4): many people share a topic, so that a subscription does not name one. */
import { utf8 } from "../crypto/bytes.ts";
import { blake2s } from "../crypto/hash.ts";
import { badlyFormed, type Decoded, readable } from "./decoded.ts";
import type { ContentTopic, InboxAddress } from "./ids.ts";

/** Some 40 people a bucket at 10 000 active users, and 12 kbit/s to a light client. */
export const DEFAULT_BUCKET_BITS = 8;
/** Finer buckets would hold one person each. */
export const BUCKET_BITS_MAX = 16;

const label = utf8("umbra/bucket/v1");
const bucketForm = /^\/umbra\/1\/b([1-9][0-9]?)-([0-9a-f]{1,4})\/proto$/;
const wholeNetwork = "/umbra/1/b0/proto";

/** The topic on which everything for the owner of this inbox is published. */
export function bucketTopic(inboxAddress: InboxAddress, bits: number = DEFAULT_BUCKET_BITS): ContentTopic {
  if (!Number.isInteger(bits) || bits < 0 || bits > BUCKET_BITS_MAX) throw new RangeError("bucket bits are 0 to 16");
  if (bits === 0) return wholeNetwork as ContentTopic;
  const [high = 0, low = 0] = blake2s(label, utf8(inboxAddress));
  const bucket = ((high << 8) | low) >>> (BUCKET_BITS_MAX - bits);
  return `/umbra/1/b${bits}-${bucket.toString(16).padStart(digitsOf(bits), "0")}/proto` as ContentTopic;
}

/** Exactly the two forms: another spelling of a bucket would be another topic, which nobody listens to. */
export function parseBucketTopic(text: string): Decoded<ContentTopic> {
  if (text === wholeNetwork) return readable(text as ContentTopic);
  const [, decimal, digits] = bucketForm.exec(text) ?? [];
  if (decimal === undefined || digits === undefined) return badlyFormed("topic form");
  const bits = Number(decimal);
  if (bits > BUCKET_BITS_MAX) return badlyFormed("topic bits");
  if (digits.length !== digitsOf(bits) || Number.parseInt(digits, 16) >= 2 ** bits) return badlyFormed("topic bucket");
  return readable(text as ContentTopic);
}

function digitsOf(bits: number): number {
  return Math.ceil(bits / 4);
}
