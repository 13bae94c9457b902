/** What must hold when all is quiet: invariants 1, 2 and 5 of design 10. */
import { privateV1 } from "../../../src/conversation/private-v1/private-v1.ts";
import type { PrivateState } from "../../../src/conversation/private-v1/state.ts";
import type { EventRow, MessageRow } from "../../../src/engine/ports.ts";
import { textOf } from "../../../src/wire/content-frame.ts";
import { fileOf } from "../../../src/wire/file-content.ts";
import type { SimNode } from "./node.ts";
import type { Talk } from "./talk.ts";
import type { World } from "./world.ts";

/** One node, and all that it has with one other: conversations with one peer succeed each other (ADR 0031). */
interface Side {
  readonly node: SimNode;
  readonly states: readonly PrivateState[];
  readonly events: readonly EventRow[];
}

export interface Tally {
  delivered: number;
  failed: number;
}

/** Without `inOrder` only the same messages: what is missing for a day is delivered late (ADR 0011). */
export function checkAgreement(world: World, talks: readonly Talk[], inOrder = true): Tally {
  const tally: Tally = { delivered: 0, failed: 0 };
  for (const node of world.nodes) checkEvents(world, node);
  const pairs = new Map(talks.map((talk) => [[talk.guest.index, talk.host.index].sort().join(), talk]));
  for (const { guest, host } of pairs.values()) {
    const accepted = talks.flatMap((talk) =>
      [talk.guest, talk.host].includes(guest) && [talk.guest, talk.host].includes(host) ? talk.accepted : [],
    );
    const [one, other] = [sideOf(guest, host), sideOf(host, guest)];
    // Content that another conversation has taken over comes when it comes.
    const isAlone = one.states.length === 1 && other.states.length === 1;
    compare(world, accepted, [one, other], tally, inOrder && isAlone);
    compare(world, accepted, [other, one], tally, inOrder && isAlone);
  }
  return tally;
}

function sideOf(node: SimNode, peer: SimNode): Side {
  const store = node.life?.store;
  const states = new Map<number, PrivateState>();
  for (const { number, type, state } of store?.conversations() ?? []) {
    if (type !== privateV1.name) continue;
    const decoded = privateV1.state.decode(state);
    if (decoded.peerAddress === peer.address) states.set(number, decoded);
  }
  const conversations = [...states.keys()];
  const events = conversations.length === 0 ? [] : (store?.events({ after: 0, limit: 100_000, conversations }) ?? []);
  return { node, states: [...states.values()], events };
}

/** What `from` said to `to`, and what `to` heard of it. */
function compare(
  world: World,
  accepted: Talk["accepted"],
  [from, to]: readonly [Side, Side],
  tally: Tally,
  inOrder: boolean,
): void {
  const where = `from node ${from.node.index} to node ${to.node.index}`;
  const said = messagesOf(from.events, "message.queued");
  const heard = messagesOf(to.events, "message.received");
  const saidTexts = said.map(contentOf);
  for (const { from: speaker, text } of accepted) {
    if (speaker === from.node && saidTexts.filter((one) => one === text).length !== 1) {
      world.fail("1", `${where}: ${JSON.stringify(text)} was accepted, and not exactly once`);
    }
  }
  if (new Set(saidTexts).size !== saidTexts.length) world.fail("2", `${where}: something was said twice`);
  const heardTexts = heard.map(contentOf);
  if (new Set(heardTexts).size !== heardTexts.length) world.fail("2", `${where}: something was delivered twice`);
  const failedIds = new Set(messagesOf(from.events, "message.failed").map(({ messageId }) => messageId));
  const failed = new Set(said.filter(({ messageId }) => failedIds.has(messageId)).map(contentOf));
  for (const row of said) {
    if (row.state === "delivered") tally.delivered += 1;
    else if (failed.has(contentOf(row))) tally.failed += 1;
    else world.fail("1", `${where}: ${row.messageId} is ${row.state} in the end`);
  }
  const [wanted, got] = [said, heard].map((rows) => linesOf(rows, failed, inOrder)) as [string[], string[]];
  if (wanted.join("\n") !== got.join("\n")) {
    world.fail("5", `${where}: said ${wanted.length}, heard ${got.length}, others or in another order`);
  }
  for (const state of from.states) checkRest(world, where, state);
}

/** Of what was not failed: the sender was told of that, whether it has arrived or not. */
function linesOf(rows: readonly MessageRow[], failed: ReadonlySet<string>, inOrder: boolean): string[] {
  const lines = rows.map(contentOf).filter((content) => !failed.has(content));
  return inOrder ? lines : lines.sort();
}

/** Nothing is unacknowledged, nothing waits. A conversation that gave its content away does neither send nor wait. */
function checkRest(world: World, where: string, state: PrivateState): void {
  if (state.hasMoved) return;
  const waits = {
    unacknowledged: state.unacknowledged.length,
    held: state.held.length,
    lost: state.lost.length,
    waiting: state.waitingEnd - state.waitingFirst,
    outgoing: state.outgoing.length,
    acknowledgement: Number(state.owesAcknowledgement),
    unheard: Number(!state.hasHeard),
  };
  const left = Object.entries(waits).filter(([, count]) => count > 0);
  if (left.length > 0) world.fail("5", `${where}: ${left.map(([name, count]) => `${count} ${name}`).join(", ")}`);
}

/** Numbered without gaps, and each message announced once for each thing that happened to it. */
function checkEvents(world: World, node: SimNode): void {
  const events = node.life?.store.events({ after: 0, limit: 100_000 }) ?? [];
  const seen = new Set<string>();
  for (const [index, { seq, type, conversation, message }] of events.entries()) {
    if (seq !== index + 1) return world.fail("2", `node ${node.index}: event ${index + 1} has the number ${seq}`);
    // A file arrives by parts, and each is told.
    if (message === undefined || type === "message.progress") continue;
    const key = `${type} ${conversation} ${message.messageId}`;
    if (seen.has(key)) world.fail("2", `node ${node.index}: ${key} twice`);
    seen.add(key);
  }
}

function messagesOf(events: readonly EventRow[], type: string): MessageRow[] {
  return events.flatMap((event) => (event.type === type && event.message !== undefined ? [event.message] : []));
}

function contentOf({ body }: MessageRow): string {
  return textOf(body) ?? `${fileOf(body)?.name} ${body.attachment?.sha256}`;
}
