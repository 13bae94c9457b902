/** Bytes at rest of a private conversation: proto/umbra/state/private_v1.proto, version 1. */
import { plain, toHex } from "../../crypto/bytes.ts";
import type { RatchetState } from "../../protocol/double-ratchet/ratchet-state.ts";
import { umbra } from "../../wire/gen/umbra.js";
import type { ContentTopic } from "../../wire/ids.ts";
import type { StateCodec } from "../contract.ts";
import { fromUint64, ownBytes, requireVersion } from "../state-version.ts";
import { decodeOrigin, encodeOrigin, idBytes } from "./segments/record-codec.ts";
import type { KeptWhole, LogEntry, Lost, OutgoingSet, PrivateState, Trail, Unacknowledged } from "./state.ts";

const VERSION = 1;
const { PrivateV1State } = umbra.state.v1;

export const privateStateCodec: StateCodec<PrivateState> = {
  encode(state) {
    const {
      newestOurs,
      newestTheirs,
      unacknowledged,
      newestAcknowledged,
      held,
      lost,
      outgoing,
      kept,
      givenWhole,
      ...others
    } = state;
    const { ratchet, ourTopics, peerTopics, successor, siblings, skippedTrail, knownTrail, ...same } = others;
    const bytes = PrivateV1State.encode({
      ...same,
      version: VERSION,
      successor: successor ?? null,
      siblings: [...siblings],
      skippedTrail: encodeTrail(skippedTrail),
      knownTrail: encodeTrail(knownTrail),
      ourTopics: [...ourTopics],
      peerTopics: [...peerTopics],
      ratchet: encodeRatchet(ratchet),
      newestOurs: newestOurs === undefined ? null : encodeEntry(newestOurs),
      newestTheirs: newestTheirs === undefined ? null : encodeEntry(newestTheirs),
      unacknowledged: unacknowledged.map(({ messageId, origin, ...sent }) => ({
        ...sent,
        messageId: idBytes(messageId),
        ...encodeOrigin(origin),
      })),
      newestAcknowledged: newestAcknowledged === undefined ? null : idBytes(newestAcknowledged),
      held: held.map(({ missing, ...entry }) => ({
        ...encodeEntry(entry),
        sinceMs: entry.sinceMs,
        missing: missing.map(idBytes),
      })),
      lost: lost.map(({ messageId, sinceMs }) => ({ messageId: idBytes(messageId), sinceMs })),
      outgoing: outgoing.map(({ messageId, origin, ...set }) => ({
        ...set,
        messageId: idBytes(messageId),
        ...encodeOrigin(origin),
      })),
      givenWhole: givenWhole === undefined ? null : idBytes(givenWhole),
      kept: kept.map(({ messageId, count }) => ({ messageId: idBytes(messageId), count })),
    }).finish();
    return plain(bytes);
  },

  decode(bytes) {
    const state = PrivateV1State.decode(ownBytes(bytes));
    requireVersion(state.version, VERSION);
    const { ratchet } = state;
    if (ratchet === null || ratchet === undefined) throw new RangeError("a stored private conversation has no ratchet");
    return {
      ident: state.ident,
      isInviter: state.isInviter,
      ourAddress: state.ourAddress,
      peerAddress: state.peerAddress,
      ourTopics: state.ourTopics as ContentTopic[],
      peerTopics: state.peerTopics as ContentTopic[],
      createdAtMs: fromUint64(state.createdAtMs),
      ratchet: decodeRatchet(umbra.state.v1.RatchetV1.create(ratchet)),
      lamportMs: fromUint64(state.lamportMs),
      newestOurs: decodeEntry(state.newestOurs),
      newestTheirs: decodeEntry(state.newestTheirs),
      unacknowledged: state.unacknowledged.map(decodeUnacknowledged),
      newestAcknowledged: state.newestAcknowledged.length === 0 ? undefined : toHex(state.newestAcknowledged),
      newestStatementMs: fromUint64(state.newestStatementMs),
      held: state.held.map((held) => ({
        messageId: toHex(held.messageId ?? new Uint8Array()),
        lamportMs: fromUint64(held.lamportMs ?? 0),
        sinceMs: fromUint64(held.sinceMs ?? 0),
        missing: (held.missing ?? []).map(toHex),
      })),
      lost: state.lost.map(decodeLost),
      waitingFirst: state.waitingFirst,
      waitingEnd: state.waitingEnd,
      hasWaitGap: state.hasWaitGap,
      repairedAtMs: fromUint64(state.repairedAtMs),
      askingSinceMs: fromUint64(state.askingSinceMs),
      resendingSinceMs: fromUint64(state.resendingSinceMs),
      lastFrameMs: fromUint64(state.lastFrameMs),
      lastPublishedMs: fromUint64(state.lastPublishedMs),
      resends: state.resends,
      answers: state.answers,
      answeredAtMs: fromUint64(state.answeredAtMs),
      hasHeard: state.hasHeard,
      owesAcknowledgement: state.owesAcknowledgement,
      unnamedReads: state.unnamedReads,
      hasToldUnsupported: state.hasToldUnsupported,
      firstContentChain: state.firstContentChain,
      outgoing: state.outgoing.map(decodeSet),
      lastSet: state.lastSet,
      kept: state.kept.map(decodeKept),
      givenWhole: state.givenWhole.length === 0 ? undefined : toHex(state.givenWhole),
      isUndecided: state.isUndecided,
      isBlocked: state.isBlocked,
      isRolledBack: state.isRolledBack,
      openBytes: state.openBytes,
      skippedTrail: decodeTrail(state.skippedTrail),
      knownTrail: decodeTrail(state.knownTrail),
      toldStuckMs: fromUint64(state.toldStuckMs),
      bundleAskedMs: fromUint64(state.bundleAskedMs),
      successor: state.successor.length === 0 ? undefined : state.successor,
      hasMoved: state.hasMoved,
      siblings: state.siblings,
    };
  },
};

function decodeLost({ messageId, sinceMs }: umbra.state.v1.LostV1.$Properties): Lost {
  return { messageId: toHex(messageId ?? new Uint8Array()), sinceMs: fromUint64(sinceMs ?? 0) };
}

function decodeTrail(trail: umbra.state.v1.TrailV1.$Properties | null | undefined): Trail {
  return { first: trail?.first ?? 0, end: trail?.end ?? 0 };
}

/** Nothing for one that nothing was left on. */
function encodeTrail({ first, end }: Trail): umbra.state.v1.TrailV1.$Properties | null {
  return end === 0 ? null : { first, end };
}

function decodeUnacknowledged(sent: umbra.state.v1.UnacknowledgedV1.$Properties): Unacknowledged {
  return {
    messageId: toHex(sent.messageId ?? new Uint8Array()),
    sendSerial: sent.sendSerial ?? 0,
    sentAtMs: fromUint64(sent.sentAtMs ?? 0),
    firstSentAtMs: fromUint64(sent.firstSentAtMs ?? 0),
    isSilent: sent.isSilent ?? false,
    set: sent.set ?? 0,
    isPassed: sent.isPassed ?? false,
    ...decodeOrigin(sent),
  };
}

function encodeRatchet(ratchet: RatchetState): umbra.state.v1.RatchetV1.$Properties {
  const { send, receive } = ratchet;
  return {
    rootKey: ratchet.rootKey,
    ourSecret: ratchet.ourSecret,
    ourPublic: ratchet.ourPublic,
    theirPublic: ratchet.theirPublic ?? null,
    sendHeaderKey: send?.headerKey ?? null,
    sendChainKey: send?.chainKey ?? null,
    sendN: send?.n ?? null,
    previousSent: ratchet.previousSent,
    nextSendHeaderKey: ratchet.nextSendHeaderKey,
    sendSerial: ratchet.sendSerial,
    receiveHeaderKey: receive?.headerKey ?? null,
    receiveChainKey: receive?.chainKey ?? null,
    receiveSerial: receive?.serial ?? null,
    receiveNext: receive?.next ?? null,
    nextReceiveHeaderKey: ratchet.nextReceiveHeaderKey,
    nextSerial: ratchet.nextSerial,
    skipped: ratchet.skipped.map(({ serial, headerKey, numbers }) => ({ serial, headerKey, numbers: [...numbers] })),
  };
}

/** Chains are there when their keys are: an absent key reads as no bytes. */
function decodeRatchet(ratchet: umbra.state.v1.RatchetV1): RatchetState {
  const { sendHeaderKey, receiveHeaderKey } = ratchet;
  return {
    rootKey: ratchet.rootKey,
    ourSecret: ratchet.ourSecret,
    ourPublic: ratchet.ourPublic,
    ...(ratchet.theirPublic.length === 0 ? {} : { theirPublic: ratchet.theirPublic }),
    ...(sendHeaderKey.length === 0
      ? {}
      : { send: { headerKey: sendHeaderKey, chainKey: ratchet.sendChainKey, n: ratchet.sendN } }),
    previousSent: ratchet.previousSent,
    nextSendHeaderKey: ratchet.nextSendHeaderKey,
    sendSerial: ratchet.sendSerial,
    ...(receiveHeaderKey.length === 0
      ? {}
      : {
          receive: {
            serial: ratchet.receiveSerial,
            headerKey: receiveHeaderKey,
            chainKey: ratchet.receiveChainKey,
            next: ratchet.receiveNext,
          },
        }),
    nextReceiveHeaderKey: ratchet.nextReceiveHeaderKey,
    nextSerial: ratchet.nextSerial,
    skipped: ratchet.skipped.map((chain) => ({
      serial: chain.serial ?? 0,
      headerKey: chain.headerKey ?? new Uint8Array(),
      numbers: chain.numbers ?? [],
    })),
  };
}

function encodeEntry({ messageId, lamportMs }: LogEntry): umbra.state.v1.LogEntryV1.$Properties {
  return { messageId: idBytes(messageId), lamportMs };
}

function decodeSet(set: umbra.state.v1.OutgoingSetV1.$Properties): OutgoingSet {
  return {
    serial: set.serial ?? 0,
    messageId: toHex(set.messageId ?? new Uint8Array()),
    count: set.count ?? 0,
    acknowledged: set.acknowledged ?? 0,
    isLarge: set.isLarge ?? false,
    ...decodeOrigin(set),
  };
}

function decodeKept({ messageId, count }: umbra.state.v1.KeptWholeV1.$Properties): KeptWhole {
  return { messageId: toHex(messageId ?? new Uint8Array()), count: count ?? 0 };
}

function decodeEntry(entry: umbra.state.v1.LogEntryV1.$Properties | null | undefined): LogEntry | undefined {
  if (entry === null || entry === undefined) return undefined;
  return { messageId: toHex(entry.messageId ?? new Uint8Array()), lamportMs: fromUint64(entry.lamportMs ?? 0) };
}
