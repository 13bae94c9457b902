// Goal: the example of docs/conversation-types.md is true. Method: take its code out of the page, let tsc check it with
// the project's flags, and run it on the real engine and store with a writer and a reader.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import type { AnyConversationType, TurnContext } from "../../src/conversation/contract.ts";
import { inboxV1 } from "../../src/conversation/inbox-v1/inbox-v1.ts";
import { systemClock } from "../../src/daemon/clock.ts";
import { createEngine, type Engine } from "../../src/engine/engine.ts";
import { UmbradError } from "../../src/engine/errors.ts";
import { initialiseState } from "../../src/engine/initialise.ts";
import type { Log, Store } from "../../src/engine/ports.ts";
import { conversationWrite } from "../../src/engine/turn/conversation-write.ts";
import { createStore, openStore } from "../../src/sqlite/open.ts";
import { textOf } from "../../src/wire/content-frame.ts";
import { decodeEnvelope } from "../../src/wire/envelope.ts";
import { createNetwork } from "../support/engine/in-process-transport.ts";
import { removeDir, scratchDir, until } from "../support/engine/test-node.ts";

const root = join(import.meta.dirname, "..", "..");

/** The page's code, with imports that work from anywhere. */
function exampleCode(): string {
  const page = readFileSync(join(root, "docs", "conversation-types.md"), "utf8");
  const code = /```ts bulletin-v1\.ts\n([\s\S]*?)```/.exec(page)?.[1];
  assert.ok(code, "the page has a block ```ts bulletin-v1.ts");
  return code
    .replaceAll('"../../', `"${join(root, "src")}/`)
    .replaceAll('"../', `"${join(root, "src", "conversation")}/`)
    .replaceAll('"zod"', `"${join(root, "node_modules", "zod", "index.js")}"`);
}

function typeCheck(directory: string): void {
  const typeRoots = [join(root, "node_modules", "@types")];
  const config = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: { typeRoots, rewriteRelativeImportExtensions: false },
    include: [],
    files: ["bulletin-v1.ts"],
  };
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  try {
    execFileSync(process.execPath, [tsc, "-p", directory], { encoding: "utf8" });
  } catch (error) {
    assert.fail(String((error as { stdout?: unknown }).stdout));
  }
}

const log: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (fields, message) => assert.fail(`${fields.event}: ${message}`),
};

describe("the bulletin of docs/conversation-types.md", () => {
  const network = createNetwork({ clock: systemClock, seed: 7 });
  const { random } = systemClock;
  const directories = { code: scratchDir("doc"), writer: scratchDir("writer"), reader: scratchDir("reader") };
  const secret = random(32);
  const nodes: { engine: Engine; store: Store }[] = [];
  let bulletin: AnyConversationType;

  /** A node with a bulletin as its conversation c1; on an existing directory it comes back with what it had. */
  async function start(role: "writer" | "reader", isNew: boolean): Promise<Engine> {
    const location = { stateDir: directories[role], seal: { kind: "plaintext" }, random } as const;
    const store = await (isNew ? createStore(location) : openStore(location));
    if (isNew) {
      initialiseState({ store, clock: systemClock, inbox: inboxV1 });
      const context: TurnContext = { now: systemClock.now(), random, records: new Map() };
      const first = bulletin.open({ secret, role }, context);
      assert.ok(first.kind === "accept");
      const target = { number: 1, type: bulletin, revision: 0, before: undefined };
      store.commit({ atMs: context.now, conversations: [conversationWrite(target, first, context.now)] });
    }
    const transport = network.transport(role);
    const engine = createEngine({
      store,
      transport,
      clock: systemClock,
      log,
      types: [inboxV1, bulletin],
      canary: "off",
    });
    await engine.start();
    nodes.push({ engine, store });
    return engine;
  }

  async function stopLast(): Promise<void> {
    const node = nodes.pop();
    await node?.engine.stop(2_000);
    node?.store.close();
  }

  const received = (engine: Engine): (string | undefined)[] =>
    engine
      .events({ after: 0, limit: 1_000 })
      .filter((event) => event.type === "message.received")
      .map((event) => event.message && textOf(event.message.body));

  before(async () => {
    const file = join(directories.code, "bulletin-v1.ts");
    writeFileSync(join(directories.code, "package.json"), '{ "type": "module" }');
    writeFileSync(file, exampleCode());
    bulletin = ((await import(pathToFileURL(file).href)) as { bulletinV1: AnyConversationType }).bulletinV1;
  });
  after(async () => {
    while (nodes.length > 0) await stopLast();
    for (const directory of Object.values(directories)) removeDir(directory);
  });

  it("has no type errors", () => typeCheck(directories.code));

  it("reaches the reader once each, through loss, repetition and reordering", async () => {
    const writer = await start("writer", true);
    const reader = await start("reader", true);
    Object.assign(network.faults, { losePush: 0.1, duplicatePush: 0.3, delayMs: [0, 20] });
    const texts = Array.from({ length: 12 }, (_, index) => `bulletin ${index}`);
    for (const text of texts) await writer.send({ conversation: "c1", text });
    await until(() => writer.status().outbox === 0, "everything is published");
    // What was pushed to nobody is in the archive; a new subscription makes the reader ask for it.
    Object.assign(network.faults, { losePush: 0, duplicatePush: 0, delayMs: [0, 0] });
    network.setOnline(false);
    network.setOnline(true);
    await until(() => received(reader).length >= texts.length, "the reader has them all");
    assert.deepEqual(received(reader).toSorted(), texts.toSorted());
    const states = writer.messages({ conversation: "c1", limit: 50 }).map((row) => row.state);
    assert.deepEqual(new Set(states), new Set(["published"]));
  });

  it("goes on after a restart of the reader, with what was written meanwhile", async () => {
    await stopLast();
    const [writer] = nodes;
    assert.ok(writer);
    await writer.engine.send({ conversation: "c1", text: "while you were away" });
    const reader = await start("reader", false);
    await until(() => received(reader).includes("while you were away"), "history brought it");
    assert.equal(received(reader).length, 13);
  });

  it("refuses a reader that writes, with a code of its own", async () => {
    const reader = nodes.at(-1)?.engine;
    await assert.rejects(
      async () => reader?.send({ conversation: "c1", text: "me too" }),
      (error) => error instanceof UmbradError && error.code === "bulletin/read-only",
    );
  });

  it("gives the same transition for the same input, leaves its state alone, and rejects a forged body", async () => {
    const context: TurnContext = { now: 1, random: (length) => new Uint8Array(length), records: new Map() };
    const open = (role: string) => bulletin.open({ secret, role }, context);
    const [writing, reading] = [open("writer"), open("reader")];
    assert.ok(writing.kind === "accept" && reading.kind === "accept");
    const command = { kind: "command", command: { kind: "send", text: "x" } } as const;
    const before = structuredClone(writing.state);
    const one = await bulletin.step(writing.state, command, context);
    assert.deepEqual(one, await bulletin.step(writing.state, command, context));
    assert.deepEqual(writing.state, before);
    assert.ok(one.kind === "accept");
    const publish = one.effects.find((effect) => effect.kind === "publish");
    const decoded = decodeEnvelope(publish?.envelope ?? new Uint8Array());
    assert.ok(decoded.kind === "readable" && decoded.value.encryptedBytes.member === "encrypted_bytes");
    const { bytes } = decoded.value.encryptedBytes;
    const forged = { ...decoded.value, encryptedBytes: { member: "encrypted_bytes", bytes: bytes.map((b) => b ^ 1) } };
    const step = (envelope: unknown) =>
      bulletin.step(reading.state, { kind: "envelope", envelope: envelope as typeof decoded.value, ref: 0 }, context);
    assert.deepEqual(await step(forged), { kind: "reject", reason: "tag" });
    assert.equal((await step(decoded.value)).kind, "accept");
  });
});
