/** Branded identifiers, so that a hint cannot be passed where an id is meant, and their forms. Profile 8.2 to 8.5. */
import { toHex, utf8 } from "../crypto/bytes.ts";
import { blake2sHex } from "../crypto/hash.ts";

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** `/<convo_type>/<version>/<ident>`: secret, never on the wire in clear, never in logs. */
export type ConversationId = Branded<string, "ConversationId">;
/** 64 lowercase hex characters: what an envelope carries in `conversation_hint`. */
export type Hint = Branded<string, "Hint">;
/** `/umbra/1/b<bits>-<hex>/proto`. */
export type ContentTopic = Branded<string, "ContentTopic">;
/** 32 lowercase hex characters. */
export type MessageId = Branded<string, "MessageId">;
/** 64 lowercase hex characters of an Ed25519 identity key, or another UTF-8 name of 1 to 255 bytes. */
export type ClientAddress = Branded<string, "ClientAddress">;
/** 64 lowercase hex characters. */
export type InboxAddress = Branded<string, "InboxAddress">;

const hex64 = /^[0-9a-f]{64}$/;
const hex32 = /^[0-9a-f]{32}$/;
const conversationIdForm = /^\/[a-z0-9]{1,32}\/[a-z0-9]{1,32}\/[a-z0-9]{1,128}$/;
const clientAddressBytesMax = 255;
const identBytes = 16;

/** Only the form that our envelopes carry; clear hints of older dialects are not hints here. */
export function parseHint(text: string): Hint | undefined {
  return hex64.test(text) ? (text as Hint) : undefined;
}

/** The id of a frame or of an SDS message. */
export function parseMessageId(text: string): MessageId | undefined {
  return hex32.test(text) ? (text as MessageId) : undefined;
}

/** A default inbox's address and a private one look the same. */
export function parseInboxAddress(text: string): InboxAddress | undefined {
  return hex64.test(text) ? (text as InboxAddress) : undefined;
}

/** Any well-formed text of 1 to 255 bytes: a name only finds a default inbox, so nothing else is asked of it. */
export function parseClientAddress(text: string): ClientAddress | undefined {
  const { length } = utf8(text);
  return text.isWellFormed() && length >= 1 && length <= clientAddressBytesMax ? (text as ClientAddress) : undefined;
}

/** The address that an identity key certifies by itself. */
export function clientAddressOf(identityKey: Uint8Array): ClientAddress {
  return toHex(identityKey) as ClientAddress;
}

/** Where the default inbox of an address is. */
export function inboxAddressOf(clientAddress: ClientAddress | string): InboxAddress {
  return blake2sHex(utf8(clientAddress)) as InboxAddress;
}

/** `/inbox/v1/<address>`. */
export function inboxConversationId(address: InboxAddress): ConversationId {
  return `/inbox/v1/${address}` as ConversationId;
}

/** `/private/v1/<ident>`; throws for an ident that is not 16 bytes, which only we derive. */
export function privateConversationId(ident: Uint8Array): ConversationId {
  if (ident.length !== identBytes) throw new RangeError("the ident of a private conversation has 16 bytes");
  return `/private/v1/${toHex(ident)}` as ConversationId;
}

/** Whether the text has the form of an id of any conversation type. */
export function isConversationId(text: string): text is ConversationId {
  return conversationIdForm.test(text);
}
