/**
 * A process to be killed: the real engine, types and SQLite file, with the test as its network and its only caller. Starts
 * fast: no Waku library, no sealing.
 */
import { inboxV1 } from "../../../../src/conversation/inbox-v1/inbox-v1.ts";
import { privateV1 } from "../../../../src/conversation/private-v1/private-v1.ts";
import { systemClock } from "../../../../src/daemon/clock.ts";
import { createEngine, type Engine } from "../../../../src/engine/engine.ts";
import { initialiseState } from "../../../../src/engine/initialise.ts";
import type {
  EventRow,
  IncomingMessage,
  Log,
  LogFields,
  Store,
  Transport,
  TransportEvents,
} from "../../../../src/engine/ports.ts";
import { createStore, isSealed, openStore } from "../../../../src/sqlite/open.ts";
import { textOf } from "../../../../src/wire/content-frame.ts";
import type { ContentTopic } from "../../../../src/wire/ids.ts";
import type { Command, FromProcess, NetworkQuestion, Sight, Told, ToProcess } from "./words.ts";

const PAGE = 20;
/** A real network takes a while to take an envelope: moments in which a commit is ahead of its publication. */
const STREAM_MS_MAX = 4;
const [stateDir = ""] = process.argv.slice(2);
const { random } = systemClock;

const say = (word: FromProcess) => process.send?.(word);

/** The Transport port over the channel. */
class Channel implements Transport {
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  #events: TransportEvents | undefined;
  #listening: readonly ContentTopic[] = [];
  #lastId = 0;
  #published = 0;

  async start(events: TransportEvents): Promise<void> {
    this.#events = events;
    events.onStatus(this.status());
  }

  listen(topics: readonly ContentTopic[]): void {
    this.#listening = topics;
    say({ kind: "listen", topics });
    this.#events?.onStatus(this.status());
    this.#events?.onListening(topics);
  }

  async publish(message: { readonly topic: ContentTopic; readonly payload: Uint8Array }) {
    await new Promise((resolve) => setTimeout(resolve, ++this.#published % STREAM_MS_MAX));
    const hash = (await this.#ask({ op: "publish", ...message })) as Uint8Array;
    return { kind: "published", peers: 1, hash } as const;
  }

  async *history(query: { readonly topics: readonly ContentTopic[]; readonly sinceMs: number }) {
    const found = (await this.#ask({ op: "history", ...query })) as readonly IncomingMessage[];
    for (let index = 0; index < found.length; index += PAGE) yield found.slice(index, index + PAGE);
  }

  async confirm(hashes: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    return (await this.#ask({ op: "confirm", hashes })) as readonly Uint8Array[];
  }

  renew(): void {}

  subscribedAt() {
    return [];
  }

  status() {
    return { peers: 1, configuredPeers: 1, listening: this.#listening };
  }

  async stop(): Promise<void> {}

  receive(message: IncomingMessage): void {
    say({ kind: "got", hash: message.hash });
    this.#events?.onMessage(message);
  }

  answer(id: number, answer: unknown): void {
    this.#waiting.get(id)?.(answer);
    this.#waiting.delete(id);
  }

  #ask(question: NetworkQuestion): Promise<unknown> {
    const id = ++this.#lastId;
    say({ kind: "question", id, question });
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }
}

async function openOrCreate(): Promise<Store> {
  if (isSealed(stateDir) !== undefined) return openStore({ stateDir, seal: undefined, random });
  const store = await createStore({ stateDir, seal: { kind: "plaintext" }, random });
  initialiseState({ store, clock: systemClock, inbox: inboxV1 });
  return store;
}

function toldOf({ seq, type, message }: EventRow): Told {
  return { seq, type, messageId: message?.messageId, text: message === undefined ? undefined : textOf(message.body) };
}

/** Events go to the one consumer from where it acknowledged, each once in this process. */
async function serve(engine: Engine): Promise<number> {
  const { after } = await engine.consumers.read("bot");
  let sent = after;
  const pump = (): void => {
    const events = engine.events({ after: sent, limit: 500 });
    if (events.length === 0) return;
    sent = events.at(-1)?.seq ?? sent;
    say({ kind: "events", events: events.map(toldOf) });
  };
  engine.onEvents(pump);
  setImmediate(pump);
  return after;
}

async function obey(engine: Engine, store: Store, command: Command): Promise<unknown> {
  switch (command.op) {
    case "invite":
      return engine.createInvite({ uses: 1, expiresAtMs: Date.now() + 3_600_000 });
    case "accept":
      return engine.acceptInvite({ link: command.link, text: command.text });
    case "send":
      return engine.send({ conversation: "c1", text: command.text, key: command.key });
    case "acknowledge":
      return engine.consumers.acknowledge("bot", command.seq);
    case "look":
      return {
        outbox: store.outboxCount(),
        lastSeq: store.lastSeq(),
        ackedSeq: engine.consumers.list()[0]?.ackedSeq ?? 0,
        committed: command.hashes.map((hash) => store.hasWakuHash(hash)),
      } satisfies Sight;
  }
}

async function live({ key, got }: Extract<ToProcess, { kind: "begin" }>): Promise<void> {
  const store = await openOrCreate();
  const outbox = store.outboxDue(Number.MAX_SAFE_INTEGER, 1_000).map(({ envelope }) => envelope);
  const knowsKey = key !== undefined && store.idempotent(key) !== undefined;
  say({ kind: "wreck", wreck: { outbox, knowsKey, committed: got.map((hash) => store.hasWakuHash(hash)) } });
  const transport = new Channel();
  const fault = (fields: LogFields, message: string): void => {
    say({ kind: "fault", text: `${message}: ${String(fields["err"] ?? JSON.stringify(fields))}` });
  };
  const log: Log = { debug: () => {}, info: () => {}, warn: fault, error: fault };
  const types = [inboxV1, privateV1];
  const engine = createEngine({ store, transport, clock: systemClock, log, types, canary: "off" });
  process.on("message", (word: ToProcess) => {
    if (word.kind === "push") transport.receive(word.message);
    if (word.kind === "answer") transport.answer(word.id, word.answer);
    if (word.kind !== "command") return;
    obey(engine, store, word.command).then(
      (reply) => say({ kind: "reply", id: word.id, reply }),
      (error: unknown) => say({ kind: "reply", id: word.id, error: String(error) }),
    );
  });
  await engine.start();
  say({ kind: "ready", after: await serve(engine) });
}

// Without a directory it was started for its code alone.
if (stateDir === "") process.disconnect();
process.once("message", (word: ToProcess) => {
  if (word.kind === "begin") void live(word);
});
// The test is gone, however it ended.
process.once("disconnect", () => process.exit());
