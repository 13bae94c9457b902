/**
 * The demonstration: a local Waku network and two daemons, driven by nothing but the command line as a person would.
 * Exits 0 only if every message arrived and was acknowledged; leaves no process behind.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import { inspectArchive } from "./demo/observer.ts";

const root = join(import.meta.dirname, "..");
const bin = join(root, "dist", "umbrad.js");
const daemons: { readonly name: string; readonly child: ChildProcess }[] = [];

/** Messages of the demonstration; the observer's view is searched for every one of them. */
const conversation = [
  { from: "bob", text: "Hello Alice, this is Bob." },
  { from: "alice", text: "Hi Bob, your link worked." },
  { from: "bob", text: "What does the network see of this?" },
  { from: "alice", text: "Hints, salts and ciphertext. Look below." },
] as const;

/** Within the clone, so that the state can be used afterwards; elsewhere if a socket path would become too long. */
function stateRoot(): string {
  const inClone = join(root, ".demo");
  if (Buffer.byteLength(join(inClone, "alice", "admin.sock")) > 100) return mkdtempSync(join(tmpdir(), "umbrad-demo-"));
  rmSync(inClone, { recursive: true, force: true });
  mkdirSync(inClone, { mode: 0o700 });
  return inClone;
}

function heading(text: string): void {
  console.log(`\n== ${text}`);
}

/** Runs one command to its end, shows it as a person would type it, and returns what it printed. */
async function umbrad(...argv: string[]): Promise<string> {
  console.log(`$ npx umbrad ${argv.map(shown).join(" ")}`);
  const child = spawn(process.execPath, [bin, ...argv], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`umbrad ${argv.join(" ")} ended with exit code ${code}`);
  for (const line of output.trimEnd().split("\n"))
    console.log(`  ${line.length > 150 ? `${line.slice(0, 147)}...` : line}`);
  return output;
}

function shown(argument: string): string {
  const short = argument.startsWith(root) ? relative(root, argument) : argument;
  if (!/[^\w@%+=:,./-]/.test(short)) return short.length > 60 ? `${short.slice(0, 57)}...` : short;
  return `"${short}"`;
}

/** Starts a process that runs until the end of the demonstration. Its output is shown only if it fails. */
function start(name: string, ...argv: string[]): ChildProcess {
  console.log(`$ npx umbrad ${argv.map(shown).join(" ")}   # runs on`);
  const child = spawn(process.execPath, [bin, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  daemons.push({ name, child });
  let tail = "";
  const keep = (text: Buffer): void => {
    tail = (tail + text.toString()).slice(-4_000);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  child.once("close", (code) => {
    if (code !== 0) console.error(`${name} ended with exit code ${code}; its last words:\n${tail}`);
  });
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("the process has no output");
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) return line;
  throw new Error("the process ended before it said anything");
}

/** Stops everything, daemons first. Returns the names of those that did not end with exit code 0. */
async function stopAll(): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, child } of daemons.reverse()) {
    const ended = new Promise((resolve) => child.once("close", resolve));
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await ended;
    }
    if (child.exitCode !== 0) failed.push(name);
  }
  return failed;
}

interface Event {
  readonly type: string;
  readonly data: { readonly text?: string };
}

async function receivedTexts(stateDir: string): Promise<string[]> {
  const events = (await umbrad("event", "list", "--state-dir", stateDir, "--json")).trim().split("\n");
  return events
    .map((line) => JSON.parse(line) as Event)
    .filter((event) => event.type === "message.received")
    .map((event) => event.data.text ?? "");
}

async function demonstrate(directory: string): Promise<void> {
  const dirs = { alice: join(directory, "alice"), bob: join(directory, "bob"), devnet: join(directory, "devnet") };
  const passphraseFile = join(directory, "passphrase");
  writeFileSync(passphraseFile, randomBytes(24).toString("base64url"), { mode: 0o600 });

  heading("A Waku network on this machine");
  const ready = JSON.parse(await firstLine(start("devnet", "devnet", "--state-dir", dirs.devnet, "--json"))) as {
    multiaddr: string;
  };
  console.log(`  ${ready.multiaddr}`);

  heading("Two identities, their state sealed with a passphrase, and a daemon for each");
  for (const name of ["alice", "bob"] as const) {
    await umbrad(
      "init",
      "--state-dir",
      dirs[name],
      "--name",
      name,
      "--passphrase-file",
      passphraseFile,
      "--network",
      "devnet",
    );
    start(name, "run", "--state-dir", dirs[name], "--passphrase-file", passphraseFile, "--peer", ready.multiaddr);
  }
  for (const name of ["alice", "bob"] as const)
    await umbrad("wait", "ready", "--state-dir", dirs[name], "--timeout", "60s");

  heading("Alice makes an invite link; Bob uses it");
  const { link } = JSON.parse(await umbrad("invite", "create", "--state-dir", dirs.alice, "--json")) as {
    link: string;
  };
  const [opening, ...rest] = conversation;
  const accepted = await umbrad("invite", "accept", link, "--message", opening.text, "--state-dir", dirs.bob, "--json");
  const handles = { bob: (JSON.parse(accepted) as { conversation: string }).conversation, alice: "" };
  await umbrad("listen", "--after", "0", "--max", "4", "--state-dir", dirs.alice, "--timeout", "60s");
  const list = JSON.parse(await umbrad("conversation", "list", "--state-dir", dirs.alice, "--json")) as {
    conversations: { handle: string }[];
  };
  handles.alice = list.conversations[0]?.handle ?? "";

  heading("Messages both ways, each waiting until the other daemon has acknowledged it");
  for (const { from, text } of rest) {
    await umbrad("send", handles[from], text, "--wait", "delivered", "--timeout", "60s", "--state-dir", dirs[from]);
  }

  heading("What each of them has in its event log");
  const received = { alice: await receivedTexts(dirs.alice), bob: await receivedTexts(dirs.bob) };
  await umbrad("history", handles.alice, "--state-dir", dirs.alice);
  for (const { from, text } of conversation) {
    const reader = from === "alice" ? "bob" : "alice";
    const count = received[reader].filter((seen) => seen === text).length;
    if (count !== 1) throw new Error(`${reader} received ${JSON.stringify(text)} ${count} times`);
  }

  heading("What an observer of the network saw, from the service node's own store file");
  await stopAndRequire();
  const addresses = list.conversations.map((entry) => (entry as { peer?: string }).peer ?? "");
  inspectArchive(dirs.devnet, [...conversation.map((message) => message.text), ...addresses]);
  summary(directory, dirs, passphraseFile, ready.multiaddr, handles);
}

async function stopAndRequire(): Promise<void> {
  const failed = await stopAll();
  daemons.length = 0;
  if (failed.length > 0) throw new Error(`${failed.join(", ")} did not stop cleanly`);
}

function summary(
  directory: string,
  dirs: { readonly alice: string; readonly bob: string; readonly devnet: string },
  passphraseFile: string,
  multiaddr: string,
  handles: { readonly alice: string; readonly bob: string },
): void {
  const short = (path: string) => (path.startsWith(root) ? relative(root, path) : path);
  heading(
    `Done: ${conversation.length} of ${conversation.length} messages arrived once and were acknowledged; every process has ended`,
  );
  console.log(`
The state is kept in ${short(directory)}. Go on by hand, each line in a terminal of its own:

  npx umbrad devnet --state-dir ${short(dirs.devnet)}
  npx umbrad run --state-dir ${short(dirs.alice)} --passphrase-file ${short(passphraseFile)} --peer ${multiaddr}
  npx umbrad run --state-dir ${short(dirs.bob)} --passphrase-file ${short(passphraseFile)} --peer ${multiaddr}
  npx umbrad listen --state-dir ${short(dirs.bob)}
  npx umbrad send ${handles.alice} "typed by hand" --wait delivered --state-dir ${short(dirs.alice)}
`);
}

if (!existsSync(bin)) {
  console.error("dist/umbrad.js is missing: run npm ci (or npm run build) first");
  process.exit(1);
}
try {
  await demonstrate(stateRoot());
} catch (error) {
  console.error(`\nThe demonstration failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await stopAll();
}
