/** PrivateV1Frame (profile 8.8): what a private conversation carries inside its encryption. */
import { plain } from "../crypto/bytes.ts";
import { BUNDLE_BYTES_MAX } from "./contact-bundle.ts";
import { type ContentFrame, decodeContentFrame, encodeContentFrame } from "./content-frame.ts";
import { type Decoded, readable, unsupported } from "./decoded.ts";
import { umbra } from "./gen/umbra.js";
import { fieldTable, scan } from "./proto-scan.ts";

interface FrameHead {
  /** Checked by the receiver when present. */
  readonly conversationId?: string;
  readonly timestampMs: number;
}

/** PrivateV1Frame; only `content` reaches the application. */
export type PrivateFrame = FrameHead &
  (
    | { readonly kind: "content"; readonly content: ContentFrame }
    | { readonly kind: "placeholder"; readonly counter: number }
    /** ContactBundleV1 bytes, for `decodeBundle`. */
    | { readonly kind: "contact-bundle"; readonly bundle: Uint8Array }
  );

const placeholderFields = fieldTable({ counter: { number: 1, kind: "uint32" } });

const fields = fieldTable({
  conversationId: { number: 1, kind: "string", optional: true, maxBytes: 256 },
  timestampMs: { number: 3, kind: "uint53" },
  content: { number: 10, kind: "bytes", oneof: "frame_type" },
  placeholder: { number: 11, kind: "message", fields: placeholderFields, oneof: "frame_type" },
  contactBundle: { number: 12, kind: "bytes", oneof: "frame_type", maxBytes: BUNDLE_BYTES_MAX },
});

/** The bytes whose hash is the frame id. */
export function encodePrivateFrame(frame: PrivateFrame): Uint8Array {
  const { conversationId, timestampMs: timestamp } = frame;
  if (!Number.isSafeInteger(timestamp) || timestamp < 0) throw new RangeError("timestampMs out of range");
  const head = { timestamp, ...(conversationId !== undefined && { conversationId }) };
  return plain(umbra.v1.PrivateV1Frame.encode({ ...head, ...memberProperties(frame) }).finish());
}

function memberProperties(frame: PrivateFrame): umbra.v1.PrivateV1Frame.$Properties {
  switch (frame.kind) {
    case "content":
      return { content: encodeContentFrame(frame.content) };
    case "placeholder":
      return { placeholder: { counter: frame.counter } };
    case "contact-bundle":
      return { contactBundle: frame.bundle };
  }
}

/** Total. A frame without a member that we know is of an unknown type. */
export function decodePrivateFrame(bytes: Uint8Array): Decoded<PrivateFrame> {
  const scanned = scan(bytes, fields);
  if (scanned.kind !== "readable") return scanned;
  const { conversationId, timestampMs, content, placeholder, contactBundle } = scanned.value;
  const head = conversationId === undefined ? { timestampMs } : { conversationId, timestampMs };
  if (placeholder !== undefined) return readable({ ...head, kind: "placeholder", counter: placeholder.counter });
  if (contactBundle !== undefined) return readable({ ...head, kind: "contact-bundle", bundle: contactBundle });
  if (content === undefined) return unsupported("private frame type");
  const decoded = decodeContentFrame(content);
  return decoded.kind === "readable" ? readable({ ...head, kind: "content", content: decoded.value }) : decoded;
}
