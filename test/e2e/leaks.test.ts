// Goal: no secret reaches a log, at any level, nor any file of a sealed state (design 8). Method: a life of two daemons with
// strings that occur nowhere else as every secret, errors and a kill -9 included; then every byte is searched, in every
// encoding that could hide them.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connect as connectClient } from "../../src/admin/client/umbrad-client.ts";
import type { InviteView } from "../../src/admin/views.ts";
import { readArchive } from "../../src/devnet/archive.ts";
import { decodeEnvelope } from "../../src/wire/envelope.ts";
import { assertNoErrors, Party, ServiceNode } from "./stage/party.ts";
import { Stage } from "./stage/processes.ts";

/** What it is called in a failure, and the bytes that must be nowhere. */
type Needles = Map<string, Buffer[]>;

test("the search finds what it looks for, however it is written", () => {
  const needles: Needles = new Map();
  addText(needles, "text", "canary Zebra 4711 é");
  addBytes(needles, "hint", "00ff10e0a1b2c3d4");
  const text = Buffer.from("canary Zebra 4711 é");
  for (const shift of ["", "x", "xy"]) {
    const base64 = Buffer.from(`${shift}${text}${shift}`).toString("base64");
    assert.notDeepEqual(found(needles, Buffer.from(base64)), [], `base64 after ${shift.length} bytes`);
  }
  for (const encoded of [text, Buffer.from(text.toString("hex")), Buffer.from(text.toString(), "utf16le")]) {
    assert.notDeepEqual(found(needles, Buffer.concat([Buffer.of(1), encoded, Buffer.of(2)])), []);
  }
  assert.deepEqual(found(needles, Buffer.from("..00ff10e0a1b2c3d4..")), ["hint as hex"]);
  assert.deepEqual(found(needles, Buffer.from("00ff10e0a1b2c3d4", "hex")), ["hint as bytes"]);
  assert.deepEqual(found(needles, Buffer.from("canary Zebra 4712 é")), []);
});

test("no log and no byte of a sealed state has a text, a passphrase, a name, a link, an id, a topic or a hint", async (t) => {
  const stage = new Stage(t);
  const node = new ServiceNode(stage);
  await node.start();
  // Alice writes every line; what Bob does not write is in his ring.
  const parties = [await party(stage, node, "alice", "trace"), await party(stage, node, "bob", "info")] as const;
  const [alice, bob] = parties;
  const secrets: Needles = new Map();
  addText(secrets, "link", await converse(alice, bob));
  await misbehave(bob);
  addText(secrets, "token", await useToken(alice));
  for (const one of parties) {
    for (const kind of kinds) addText(secrets, kind, canary(one.name, kind));
    addText(secrets, "address", String((await one.status()).clientAddress));
    for (const { id } of await one.conversations()) {
      addText(secrets, "conversation id", id);
      addBytes(secrets, "conversation id", id.slice(id.lastIndexOf("/") + 1));
    }
  }

  await alice.stop("SIGKILL");
  assertClean(secrets, filesOf(alice.stateDir), "after kill -9");
  await alice.start();
  await bob.text("send", "c1", canary("bob", "text"), "--wait", "delivered", "--timeout", "120s");
  assertClean(secrets, filesOf(bob.stateDir), "while running");
  const told = await operatorsOutput(bob);
  // His own name is what he asks for; all else must not be there.
  const others: Needles = new Map([...secrets].filter(([name]) => !name.startsWith("name as")));
  assertClean(others, told, "an operator's commands");
  const ring = told.get("log tail")?.toString() ?? "";
  for (const event of ["envelope.routed", "admin.request"]) assert.ok(ring.includes(event), `${event} is in the ring`);
  assertClean(secrets, new Map([["log tail", Buffer.from(ring)]]), "the ring");
  for (const one of parties) await one.stop();
  await node.stop();

  const archive = filesOf(node.stateDir);
  assertClean(secrets, archive, "the archive");
  // What the network sees it may have, but nobody else.
  addWhatTheNetworkSaw(secrets, node);
  const inArchive = found(secrets, Buffer.concat([...archive.values()]));
  for (const visible of ["topic as utf8", "hint as hex"]) assert.ok(inArchive.includes(visible), visible);
  for (const one of parties) assertClean(secrets, filesOf(one.stateDir), "after the stop");
  const logs = stage.launched().map(({ output }) => Buffer.from(output.everything()));
  assertClean(secrets, new Map(logs.entries()), "logs");
  const lines = stage.launched().flatMap(({ verb, output }) => (verb === "run" ? output.log() : []));
  assert.ok(lines.some((line) => line.event === "envelope.routed" && line["conversation"] === "c1"));
  assertNoErrors(stage);
});

const kinds = [
  "passphrase",
  "wrong passphrase",
  "name",
  "text",
  "file",
  "file name",
  "key",
  "unknown conversation",
  "bad link",
] as const;

/** Occurs nowhere but where it is given. */
function canary(name: string, kind: (typeof kinds)[number]): string {
  return `canary of ${name}: ${kind} \u{1F512} 4711`;
}

/** A sealed daemon that is up, and that met a wrong passphrase before. */
async function party(stage: Stage, node: ServiceNode, name: string, level: string): Promise<Party> {
  const [file, wrong] = [join(stage.directory, `${name}.passphrase`), join(stage.directory, `${name}.wrong`)];
  writeFileSync(file, canary(name, "passphrase"), { mode: 0o600 });
  writeFileSync(wrong, canary(name, "wrong passphrase"), { mode: 0o600 });
  const flags = ["--passphrase-file", file, "--peer", node.multiaddr, "--log-level", level];
  const one = new Party(stage, name, flags);
  await one.text("init", "--passphrase-file", file, "--name", canary(name, "name"));
  const refused = await one.command(["run", "--passphrase-file", wrong]);
  assert.equal(refused.code, 77);
  assert.equal((refused.stdout + refused.stderr).includes("canary of"), false, refused.stderr);
  await one.configure('\n[admin]\nlisten = "127.0.0.1:0"\n');
  await one.start();
  await one.wait("synced");
  return one;
}

/** A token, used over TCP and refused; returns its secret. */
async function useToken(alice: Party): Promise<string> {
  const token = (await alice.text("token", "create", "scraper", "--role", "read")).trim();
  const url = `http://${(await alice.status()).listen}`;
  assert.equal((await connectClient({ url, token }).status()).state, "ready");
  await assert.rejects(connectClient({ url, token }).createInvite(), { code: "admin/forbidden" });
  await assert.rejects(connectClient({ url, token: `${token}x` }).status(), { code: "admin/unauthorized" });
  // The secret may hold underscores of its own.
  const [, secret] = /^umbrad_t\d+_([\w-]{43})$/.exec(token) ?? assert.fail("a token of another form");
  return secret ?? "";
}

/** Texts both ways, received; returns the link that began it. */
async function converse(alice: Party, bob: Party): Promise<string> {
  const { link } = await alice.json<InviteView>("invite", "create");
  await bob.text("invite", "accept", link, "--message", canary("bob", "text"));
  assert.deepEqual(await alice.receive(1), [canary("bob", "text")]);
  for (const [from, flags] of [
    [alice, ["--key", canary("alice", "key")]],
    [bob, ["--key", canary("bob", "key")]],
  ] as const) {
    await from.text("send", "c1", canary(from.name, "text"), ...flags, "--wait", "delivered", "--timeout", "120s");
  }
  // Of several segments: what waits, what is collected, and what stays in parts.
  const file = join(alice.stateDir, "..", "secret");
  writeFileSync(file, canary("alice", "file").repeat(4_000));
  const name = canary("alice", "file name");
  await alice.text("send", "c1", "--file", file, "--name", name, "--wait", "delivered", "--timeout", "120s");
  return link;
}

/** Requests that are refused: an error must not repeat into the log what it is about. */
async function misbehave(bob: Party): Promise<void> {
  const text = canary("bob", "text");
  for (const command of [
    ["send", canary("bob", "unknown conversation"), text],
    ["history", canary("bob", "unknown conversation")],
    ["send", "c1", "another text", "--key", canary("bob", "key")],
    ["invite", "accept", canary("bob", "bad link")],
  ]) {
    assert.notEqual((await bob.command(command)).code, 0);
  }
  const path = `/v1/${encodeURIComponent(text)}`;
  await assert.rejects(bob.admin.get(path), { code: "request/no-such-route" });
  await assert.rejects(bob.admin.post("/v1/messages", { conversation: "c1", text, [text]: 1 }), {
    code: "request/invalid",
  });
}

/** What is said to whoever runs the daemon: the ring, the configuration, a reload of a right and of a wrong file. */
async function operatorsOutput(one: Party): Promise<Map<string, Buffer>> {
  const outputs = new Map<string, Buffer>();
  const keep = async (name: string, ...args: string[]): Promise<void> => {
    const { stdout, stderr } = await one.command(args);
    assert.notEqual(stdout + stderr, "", name);
    outputs.set(name, Buffer.from(stdout + stderr));
  };
  await keep("log tail", "log", "tail", "--level", "debug", "--lines", "5000", "--json");
  await keep("log level", "log", "level", "waku=debug", "--for", "1s");
  await keep("config show", "config", "show", "--origin");
  await keep("reload", "reload");
  const file = join(one.stateDir, "config.toml");
  const right = readFileSync(file);
  // Secrets in the wrong place, as they get pasted.
  const [passphrase, text] = [canary(one.name, "passphrase"), canary(one.name, "text")].map((value) =>
    JSON.stringify(value),
  );
  writeFileSync(
    file,
    `passphrase = ${passphrase}\nname = [${text}]\n[log]\nlevel = ${text}\n[network]\npeers = [${text}]\n`,
  );
  await keep("config check", "config", "check");
  await keep("reload, wrong", "reload");
  writeFileSync(file, `name = ${passphrase} ${text}\n`);
  await keep("config check, no TOML", "config", "check", "--json");
  await keep("reload, no TOML", "reload", "--json");
  writeFileSync(file, right);
  await keep("reload again", "reload");
  return outputs;
}

function addText(needles: Needles, name: string, text: string): void {
  // A short one would be found by chance.
  assert.ok(text.length >= 8, name);
  addEncodings(needles, name, Buffer.from(text));
  needles.set(`${name} as utf8`, [...(needles.get(`${name} as utf8`) ?? []), Buffer.from(text)]);
  needles.set(`${name} as utf16`, [...(needles.get(`${name} as utf16`) ?? []), Buffer.from(text, "utf16le")]);
}

/** For what is bytes and is written in hexadecimal. */
function addBytes(needles: Needles, name: string, hexadecimal: string): void {
  const bytes = Buffer.from(hexadecimal, "hex");
  assert.equal(bytes.toString("hex"), hexadecimal);
  assert.ok(bytes.length >= 8, name);
  addEncodings(needles, name, bytes);
  needles.set(`${name} as bytes`, [...(needles.get(`${name} as bytes`) ?? []), bytes]);
}

function addEncodings(needles: Needles, name: string, bytes: Buffer): void {
  const hexadecimal = bytes.toString("hex");
  const base64 = [0, 1, 2].map((shift) => {
    // Only the characters that no neighbour has a share in.
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    return text.slice(Math.ceil((shift * 4) / 3), -1);
  });
  const base64url = base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"));
  const written = { hex: [hexadecimal, hexadecimal.toUpperCase()], base64: [...new Set([...base64, ...base64url])] };
  for (const [encoding, texts] of Object.entries(written)) {
    const key = `${name} as ${encoding}`;
    needles.set(key, [...(needles.get(key) ?? []), ...texts.map((text) => Buffer.from(text))]);
  }
}

function found(needles: Needles, haystack: Buffer): string[] {
  return [...needles].filter(([, list]) => list.some((needle) => haystack.includes(needle))).map(([name]) => name);
}

function assertClean(needles: Needles, files: ReadonlyMap<string | number, Buffer>, when: string): void {
  assert.ok(files.size > 0);
  for (const [name, bytes] of files) assert.deepEqual(found(needles, bytes), [], `${name}, ${when}`);
}

/**
 * Every file, also the write-ahead log and the index of it that are there while the database is open. Not the
 * configuration: it is the operator's own, and the name in it is for others to read.
 */
function filesOf(directory: string): Map<string, Buffer> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => {
    return entry.isFile() && entry.name !== "config.toml";
  });
  return new Map(entries.map(({ parentPath, name }) => [name, readFileSync(join(parentPath, name))]));
}

function addWhatTheNetworkSaw(needles: Needles, node: ServiceNode): void {
  for (const { contentTopic, payload } of readArchive(node.stateDir)) {
    const decoded = decodeEnvelope(payload);
    assert.equal(decoded.kind, "readable");
    addText(needles, "topic", contentTopic);
    if (decoded.kind === "readable") addBytes(needles, "hint", decoded.value.hint);
    addBytes(needles, "envelope", Buffer.from(payload).toString("hex"));
  }
}
