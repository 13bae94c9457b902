/**
 * Nodes that are nothing but conversations: the real types on a store made of maps, a wire that loses, repeats and
 * delays, and a clock that jumps from event to event. Everything follows from the seed. Crashes are at commit boundaries.
 */
import assert from "node:assert/strict";
import type { AnyConversationType, Effect, Input } from "../../../src/conversation/contract.ts";
import { toHex } from "../../../src/crypto/bytes.ts";
import { decodeEnvelope } from "../../../src/wire/envelope.ts";
import type { ContentTopic, Hint } from "../../../src/wire/ids.ts";
import { ConversationIndex } from "./conversation-index.ts";
import { applyRows, type Row, recordOf, stateOf } from "./conversation-rows.ts";
import {
  type Accepted,
  checkAccepted,
  type Decided,
  decide,
  unsafeSeededBytes,
  unsafeSeededNumbers,
} from "./conversation-turn.ts";

/** What the network carries. */
export interface Publication {
  readonly topic: ContentTopic;
  readonly envelope: Uint8Array;
  /** Each publication has another, also of equal bytes. */
  readonly hash: number;
}

export type Crash = "none" | "before-commit" | "after-commit" | "after-publish";

export interface WorldOptions {
  readonly seed: number;
  readonly types: readonly AnyConversationType[];
  /** When copies of a publication arrive, as delays; none: it is lost. */
  readonly fate?: (random: () => number, nowMs: number, to: Node) => readonly number[];
  /** Where the node is killed in its turn. */
  readonly crash?: (random: () => number, nowMs: number) => Crash;
}

/** Turns that a test may take: a livelock ends here instead of never. */
const turnsMax = 60_000;
/** How long a killed node needs to be back, and the Store to give again what it had not committed. */
const restartMs = 1_000;

export class World {
  readonly nodes: Node[] = [];
  readonly options: WorldOptions;
  readonly random: () => number;
  /** Every publication, in order. */
  readonly published: Publication[] = [];
  readonly sentByHint = new Map<Hint, string>();
  nowMs = 1_763_800_000_000;
  turns = 0;
  tells = 0;
  #hashes = 0;
  readonly #arrivals: { readonly atMs: number; readonly node: Node; readonly publication: Publication }[] = [];

  constructor(options: WorldOptions) {
    this.options = options;
    this.random = unsafeSeededNumbers(options.seed);
  }

  node(): Node {
    const node = new Node(this, this.nodes.length);
    this.nodes.push(node);
    return node;
  }

  publish(topic: ContentTopic, envelope: Uint8Array, lagMs: number): void {
    const decoded = decodeEnvelope(envelope);
    assert.ok(decoded.kind === "readable");
    const bytes = toHex(envelope);
    const sent = this.sentByHint.get(decoded.value.hint);
    assert.ok(sent === undefined || sent === bytes, "one ratchet number has carried two envelopes");
    this.sentByHint.set(decoded.value.hint, bytes);
    const listeners = this.nodes.filter((node) => node.topics().has(topic));
    assert.ok(listeners.length > 0, `nobody has declared ${topic}`);
    const publication = { topic, envelope, hash: this.nextHash() };
    this.published.push(publication);
    for (const node of listeners) {
      const fate = this.options.fate ?? (() => [10]);
      for (const delayMs of fate(this.random, this.nowMs, node)) this.arrive(node, publication, lagMs + delayMs);
    }
  }

  /** For a publication that has not been before. */
  nextHash(): number {
    this.#hashes += 1;
    return this.#hashes;
  }

  arrive(node: Node, publication: Publication, delayMs: number): void {
    this.#arrivals.push({ atMs: this.nowMs + Math.round(delayMs), node, publication });
  }

  /** Lets time pass; with no end, until nothing is under way and no timer is set. */
  async run(untilMs = Number.POSITIVE_INFINITY): Promise<void> {
    for (;;) {
      const timer = this.nodes.flatMap((node) => node.timers()).sort((a, b) => a.atMs - b.atMs)[0];
      this.#arrivals.sort((a, b) => a.atMs - b.atMs);
      const arrival = this.#arrivals[0];
      const nextMs = Math.min(timer?.atMs ?? Number.POSITIVE_INFINITY, arrival?.atMs ?? Number.POSITIVE_INFINITY);
      if (nextMs > untilMs || nextMs === Number.POSITIVE_INFINITY) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      if (arrival?.atMs === nextMs) {
        this.#arrivals.shift();
        await arrival.node.receive(arrival.publication);
      } else if (timer !== undefined) await timer.node.fire(timer.row, timer.name);
    }
    if (untilMs !== Number.POSITIVE_INFINITY) this.nowMs = Math.max(this.nowMs, Math.round(untilMs));
  }
}

/** One participant. */
export class Node {
  readonly world: World;
  readonly index: number;
  readonly rows: Row[] = [];
  readonly #index = new ConversationIndex();
  readonly #committed = new Set<number>();
  #orphans: { readonly hint: Hint; readonly publication: Publication }[] = [];

  constructor(world: World, index: number) {
    this.world = world;
    this.index = index;
  }

  topics(): Set<ContentTopic> {
    return new Set(this.living().flatMap((row) => row.type.contentTopics(stateOf(row))));
  }

  timers(): { readonly node: Node; readonly row: Row; readonly name: string; readonly atMs: number }[] {
    return this.living().flatMap((row) => [...row.timers].map(([name, atMs]) => ({ node: this, row, name, atMs })));
  }

  living(): Row[] {
    return this.rows.filter(({ isClosed }) => !isClosed);
  }

  /** As if the state of the conversation had been lost. */
  forget(row: Row): void {
    this.#index.forget(row);
    row.isClosed = true;
  }

  /** Opens a conversation that no other opens. */
  open(typeName: string, opening: unknown): Row {
    const opened = this.#tryOpen(typeName, opening);
    assert.ok(opened.kind === "opened", "reason" in opened ? opened.reason : "");
    const row = this.#insert(opened);
    this.#publish(opened.accepted.effects, 0);
    return row;
  }

  /** The caller of a command that was not committed asks again. */
  async command(row: Row, command: unknown): Promise<unknown> {
    const parsed = row.type.command.safeParse(command);
    assert.ok(parsed.success, "the command is one of the type's");
    for (;;) {
      const decided = await this.turn(row, { kind: "command", command: parsed.data });
      if (decided === undefined) continue;
      assert.equal(decided.kind, "accept", "reason" in decided ? decided.reason : "");
      return (decided as Accepted).reply;
    }
  }

  async receive(publication: Publication): Promise<Decided | undefined> {
    if (this.#committed.has(publication.hash)) return undefined;
    const decoded = decodeEnvelope(publication.envelope);
    assert.ok(decoded.kind === "readable");
    const route = this.#index.route(decoded.value);
    if (route === undefined) {
      this.#orphans.push({ hint: decoded.value.hint, publication });
      return undefined;
    }
    const { row, ref } = route;
    const decided = await this.turn(row, { kind: "envelope", envelope: decoded.value, ref });
    if (decided === undefined) this.world.arrive(this, publication, restartMs);
    else if (decided.kind === "accept") this.#committed.add(publication.hash);
    return decided;
  }

  async fire(row: Row, name: string): Promise<void> {
    const atMs = row.timers.get(name);
    const data = row.told.get(name);
    const input: Input<unknown> = data === undefined ? { kind: "timer", name } : { kind: "told", name, data };
    const decided = await this.turn(row, input);
    // A killed turn leaves its timer; a finished one has used it up, unless it was set anew.
    if (decided === undefined) row.timers.set(name, this.world.nowMs + restartMs);
    else if (row.timers.get(name) === atMs && !setsTimer(decided, name)) row.timers.delete(name);
  }

  /** Undefined: killed before the commit, so that nothing has happened. */
  async turn(row: Row, input: Input<unknown>): Promise<Decided | undefined> {
    const { world } = this;
    world.turns += 1;
    assert.ok(world.turns < turnsMax, "the conversations never come to rest");
    const crash = world.options.crash?.(world.random, world.nowMs) ?? "none";
    const decided = await decide({
      type: row.type,
      state: stateOf(row),
      input,
      now: world.nowMs,
      seed: Math.floor(world.random() * 0xffffffff),
      record: (key) => recordOf(row, key),
    });
    if (crash === "before-commit") return undefined;
    if (decided.kind !== "accept") return decided;
    const openings: Opened[] = [];
    for (const effect of decided.effects) {
      if (effect.kind !== "open") continue;
      const opened = this.#tryOpen(effect.type, effect.opening);
      if (opened.kind === "reject") return opened;
      openings.push(opened);
    }
    this.#commit(row, decided);
    const inserted = openings.map((opened) => ({ row: this.#insert(opened), effects: opened.accepted.effects }));
    this.#tell([...decided.effects, ...inserted.flatMap(({ effects }) => effects)]);
    // Killed after the commit: the outbox publishes when the node is back. Killed before noting that it has: again.
    const lagsMs = crash === "after-commit" ? [restartMs] : crash === "after-publish" ? [0, restartMs] : [0];
    for (const lagMs of lagsMs) {
      this.#publish(decided.effects, lagMs);
      for (const { effects } of inserted) this.#publish(effects, lagMs);
    }
    return decided;
  }

  /** Words to open conversations, each a row that is due at once; one to any other is lost. */
  #tell(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind !== "tell") continue;
      const to = this.rows.find((row) => !row.isClosed && row.type.conversationId(stateOf(row)) === effect.to);
      this.world.tells += 1;
      const name = `tell/${this.world.tells}/${effect.name}`;
      to?.timers.set(name, this.world.nowMs);
      to?.told.set(name, effect.data);
    }
  }

  #tryOpen(typeName: string, opening: unknown): Opened | Extract<Decided, { kind: "reject" }> {
    const { world } = this;
    const type = world.options.types.find(({ name }) => name === typeName);
    assert.ok(type !== undefined, `the type ${typeName} is registered`);
    const random = unsafeSeededBytes(Math.floor(world.random() * 0xffffffff));
    const accepted = type.open(opening, { now: world.nowMs, random, records: new Map() });
    if (accepted.kind === "reject") return accepted;
    assert.ok(accepted.kind === "accept", "an opening is accepted or rejected");
    return { kind: "opened", type, accepted };
  }

  #insert({ type, accepted }: Opened): Row {
    const bytes = checkAccepted(type, accepted);
    const id = type.conversationId(accepted.state);
    assert.ok(!this.rows.some((row) => row.type.conversationId(stateOf(row)) === id), "conversation ids are unique");
    const row: Row = {
      number: this.rows.length,
      type,
      bytes,
      records: new Map(),
      timers: new Map(),
      messages: new Map(),
      events: [],
      told: new Map(),
      isClosed: false,
    };
    this.rows.push(row);
    applyRows(row, accepted.effects, this.rows);
    this.#adopt(row);
    return row;
  }

  #commit(row: Row, accepted: Accepted): void {
    const before = stateOf(row);
    if (accepted.effects.some(({ kind }) => kind === "close")) {
      applyRows(row, accepted.effects, this.rows);
      this.#index.forget(row);
      row.isClosed = true;
      row.timers.clear();
      row.records.clear();
      return;
    }
    row.bytes = checkAccepted(row.type, accepted);
    assert.equal(row.type.conversationId(accepted.state), row.type.conversationId(before), "an id is for life");
    applyRows(row, accepted.effects, this.rows);
    this.#adopt(row);
  }

  /** Envelopes that came before their hint was expected. */
  #adopt(row: Row): void {
    const added = this.#index.update(row);
    const isAdopted = ({ hint }: { readonly hint: Hint }) => added.has(hint);
    for (const { publication } of this.#orphans.filter(isAdopted)) this.world.arrive(this, publication, 0);
    this.#orphans = this.#orphans.filter((orphan) => !isAdopted(orphan));
  }

  #publish(effects: readonly Effect[], lagMs: number): void {
    for (const effect of effects)
      if (effect.kind === "publish") this.world.publish(effect.topic, effect.envelope, lagMs);
  }
}

interface Opened {
  readonly kind: "opened";
  readonly type: AnyConversationType;
  readonly accepted: Accepted;
}

function setsTimer(decided: Decided, name: string): boolean {
  return (
    decided.kind === "accept" && decided.effects.some((effect) => effect.kind === "schedule" && effect.name === name)
  );
}
