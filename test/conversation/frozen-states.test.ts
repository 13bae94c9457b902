/**
 * Goal: what version 1 wrote is read for ever. The bytes are frozen: when this test fails, the change needs a new state
 * version and its own vector, not another hex here.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StateCodec } from "../../src/conversation/contract.ts";
import { inboxV1 } from "../../src/conversation/inbox-v1/inbox-v1.ts";
import type { InboxState } from "../../src/conversation/inbox-v1/state.ts";
import { privateV1 } from "../../src/conversation/private-v1/private-v1.ts";
import type { PrivateState } from "../../src/conversation/private-v1/state.ts";
import { toHex } from "../../src/crypto/bytes.ts";
import type { ContentTopic } from "../../src/wire/ids.ts";
import { hex } from "../protocol/vectors.ts";

const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill);
const id = (digit: string) => digit.repeat(32);

const inbox: InboxState = {
  identitySeed: bytes(32, 1),
  staticSecret: bytes(32, 2),
  createdAtMs: 1_763_800_000_000,
  bucketBits: 8,
  prekeys: [
    { publicKey: bytes(32, 3), multiUse: true, createdAtMs: 5, notAfterMs: 6, usesLeft: 0, isPublic: true },
    { publicKey: bytes(32, 4), multiUse: false, createdAtMs: 7, notAfterMs: 8, usesLeft: 1, isPublic: false },
  ],
  undecided: 3,
};

const full: PrivateState = {
  ident: bytes(16, 1),
  isInviter: true,
  ourAddress: "a".repeat(64),
  peerAddress: "b".repeat(64),
  ourTopics: ["/umbra/1/b8-0b/proto" as ContentTopic],
  peerTopics: ["/umbra/1/b8-b6/proto" as ContentTopic, "/umbra/1/b0/proto" as ContentTopic],
  createdAtMs: 1_763_800_000_000,
  ratchet: {
    rootKey: bytes(32, 2),
    ourSecret: bytes(32, 3),
    ourPublic: bytes(32, 4),
    theirPublic: bytes(32, 5),
    send: { headerKey: bytes(32, 6), chainKey: bytes(32, 7), n: 9 },
    previousSent: 10,
    nextSendHeaderKey: bytes(32, 8),
    sendSerial: 11,
    receive: { serial: 12, headerKey: bytes(32, 9), chainKey: bytes(32, 10), next: 13 },
    nextReceiveHeaderKey: bytes(32, 11),
    nextSerial: 13,
    skipped: [{ serial: 12, headerKey: bytes(32, 12), numbers: [1, 300] }],
  },
  hasWaitGap: true,
  repairedAtMs: 1_763_800_000_002,
  askingSinceMs: 1_763_800_000_003,
  resendingSinceMs: 1_763_800_000_004,
  lamportMs: 1_763_800_000_001,
  newestOurs: { messageId: id("1"), lamportMs: 14 },
  newestTheirs: { messageId: id("2"), lamportMs: 15 },
  unacknowledged: [
    {
      messageId: id("3"),
      sendSerial: 11,
      sentAtMs: 16,
      firstSentAtMs: 17,
      isSilent: true,
      set: 28,
      isPassed: true,
      origin: { ident: id("b"), messageId: id("c") },
    },
  ],
  newestAcknowledged: id("0"),
  newestStatementMs: 30,
  held: [{ messageId: id("4"), lamportMs: 18, sinceMs: 19, missing: [id("5"), id("6")] }],
  lost: [
    { messageId: id("7"), sinceMs: 28 },
    { messageId: id("9"), sinceMs: 29 },
  ],
  waitingFirst: 20,
  waitingEnd: 21,
  lastFrameMs: 22,
  lastPublishedMs: 23,
  resends: 24,
  answers: 25,
  answeredAtMs: 26,
  hasHeard: true,
  owesAcknowledgement: true,
  unnamedReads: 31,
  hasToldUnsupported: true,
  firstContentChain: 27,
  outgoing: [
    {
      serial: 28,
      messageId: id("a"),
      count: 255,
      acknowledged: 3,
      isLarge: true,
      origin: { ident: id("d"), messageId: id("e") },
    },
  ],
  lastSet: 29,
  kept: [{ messageId: id("f"), count: 34 }],
  givenWhole: "ab".repeat(16),
  isUndecided: true,
  isBlocked: true,
  toldStuckMs: 5,
  bundleAskedMs: 32,
  successor: bytes(16, 6),
  hasMoved: true,
  siblings: [bytes(16, 7), bytes(16, 8)],
  isRolledBack: true,
  openBytes: 33,
  skippedTrail: { first: 1, end: 2 },
  knownTrail: { first: 3, end: 400 },
};

/** An invitee that has read nothing: whatever can be absent is. */
const bare: PrivateState = {
  ident: bytes(16, 1),
  isInviter: false,
  ourAddress: "a",
  peerAddress: "b",
  ourTopics: [],
  peerTopics: [],
  createdAtMs: 0,
  ratchet: {
    rootKey: bytes(32, 2),
    ourSecret: bytes(32, 3),
    ourPublic: bytes(32, 4),
    previousSent: 0,
    nextSendHeaderKey: bytes(32, 8),
    sendSerial: 0,
    nextReceiveHeaderKey: bytes(32, 11),
    nextSerial: 0,
    skipped: [],
  },
  hasWaitGap: false,
  repairedAtMs: 0,
  askingSinceMs: 0,
  resendingSinceMs: 0,
  lamportMs: 0,
  newestOurs: undefined,
  newestTheirs: undefined,
  unacknowledged: [],
  newestAcknowledged: undefined,
  newestStatementMs: 0,
  held: [],
  lost: [],
  waitingFirst: 0,
  waitingEnd: 0,
  lastFrameMs: 0,
  lastPublishedMs: 0,
  resends: 0,
  answers: 0,
  answeredAtMs: 0,
  hasHeard: false,
  owesAcknowledgement: false,
  unnamedReads: 0,
  hasToldUnsupported: false,
  firstContentChain: 0,
  outgoing: [],
  lastSet: 0,
  kept: [],
  givenWhole: undefined,
  isUndecided: false,
  isBlocked: false,
  toldStuckMs: 0,
  bundleAskedMs: 0,
  successor: undefined,
  hasMoved: false,
  siblings: [],
  isRolledBack: false,
  openBytes: 0,
  skippedTrail: { first: 0, end: 0 },
  knownTrail: { first: 0, end: 0 },
};

const frozen = {
  inbox:
    "0801122001010101010101010101010101010101010101010101010101010101010101011a2002020202020202020202020202020202020202020202020202020202020202022080ccb0d5aa332808322a0a200303030303030303030303030303030303030303030303030303030303030303100118052006300132280a2004040404040404040404040404040404040404040404040404040404040404041807200828013803",
  full: "080112100101010101010101010101010101010118012240616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161612a406262626262626262626262626262626262626262626262626262626262626262626262626262626262626262626262626262626262626262626262626262626232142f756d6272612f312f62382d30622f70726f746f3a142f756d6272612f312f62382d62362f70726f746f3a112f756d6272612f312f62302f70726f746f4080ccb0d5aa334a8d030a200202020202020202020202020202020202020202020202020202020202020202122003030303030303030303030303030303030303030303030303030303030303031a200505050505050505050505050505050505050505050505050505050505050505222006060606060606060606060606060606060606060606060606060606060606062a2007070707070707070707070707070707070707070707070707070707070707073009380a42200808080808080808080808080808080808080808080808080808080808080808480b522009090909090909090909090909090909090909090909090909090909090909095a200a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a600c680d72200b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b780d820129080c12200c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c1a0301ac028a012004040404040404040404040404040404040404040404040404040404040404045081ccb0d5aa335a140a1011111111111111111111111111111111100e62420a1033333333333333333333333333333333100b181020112801301c38014210bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb4a10cccccccccccccccccccccccccccccccc6a3a0a10444444444444444444444444444444441012181322105555555555555555555555555555555522106666666666666666666666666666666670147815800116880117900118980119a0011aa80101b00101b80101c0011bca01140a1022222222222222222222222222222222100fd201140a1077777777777777777777777777777777101cd201140a1099999999999999999999999999999999101dda013f081c1210aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa18ff01200328013210dddddddddddddddddddddddddddddddd3a10eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee0011dea011000000000000000000000000000000000f0011ef80101800201880205920210060606060606060606060606060606069a0210070707070707070707070707070707079a021008080808080808080808080808080808a00201a80201b2020408011002ba02050803109003c0021fc80220d00221da02140a10ffffffffffffffffffffffffffffffff1022e20210ababababababababababababababababe80201f00282ccb0d5aa33f80283ccb0d5aa33800384ccb0d5aa33",
  bare: "08011210010101010101010101010101010101012201612a01624aab010a200202020202020202020202020202020202020202020202020202020202020202122003030303030303030303030303030303030303030303030303030303030303034220080808080808080808080808080808080808080808080808080808080808080872200b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b8a01200404040404040404040404040404040404040404040404040404040404040404",
};

function keeps<State>(codec: StateCodec<State>, state: State, text: string): void {
  assert.equal(toHex(codec.encode(state)), text);
  assert.deepEqual(codec.decode(hex(text)), state);
  const newer = hex(text);
  newer[1] = 2;
  assert.throws(() => codec.decode(newer), /state version 2 is not 1/);
  assert.throws(() => codec.decode(new Uint8Array(0)), /state version 0 is not 1/);
  assert.throws(() => codec.decode(hex(text).subarray(0, -1)), RangeError);
}

describe("states of version 1", () => {
  it("inbox/v1", () => keeps(inboxV1.state, inbox, frozen.inbox));
  it("private/v1, with everything", () => keeps(privateV1.state, full, frozen.full));
  it("private/v1, with nothing", () => keeps(privateV1.state, bare, frozen.bare));
});
