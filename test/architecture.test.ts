// Goal: the arrows between folders, the purity of the core, and the sizes that ARCHITECTURE.md promises stay true.
// Method: hold every file of src, as text, against the tables below; then show with made-up files that each rule can fail.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import { describe, it } from "node:test";

const root = join(import.meta.dirname, "..");

interface Rule {
  /** Path prefixes under src that files of the folder may import, beside their own folder. */
  readonly ours: readonly string[];
  /** Package names (a trailing * is a prefix) and node: modules. */
  readonly packages: readonly string[];
  /** Why the line is drawn here. */
  readonly why: string;
  /** No clock, chance, timers, process, log or I/O. */
  readonly pure?: true;
}

const waku = ["@waku/*", "@libp2p/*", "@chainsafe/*", "@multiformats/*", "libp2p", "it-*", "uint8arraylist"] as const;

/** Folder of src → what it may import. The order is that of the arrows. */
const folders: Readonly<Record<string, Rule>> = {
  crypto: {
    ours: [],
    packages: ["node:crypto", "@noble/hashes"],
    why: "primitives stand on nothing of ours; only here is node:crypto used by the core, and never for randomness",
    pure: true,
  },
  wire: {
    ours: ["crypto/"],
    packages: [],
    why: "decoders are total functions of bytes: they must be testable with nothing but bytes",
    pure: true,
  },
  protocol: {
    ours: ["crypto/", "wire/"],
    packages: [],
    why: "pieces of protocols know no conversation, so that a new type can be built of them",
    pure: true,
  },
  conversation: {
    ours: ["crypto/", "wire/", "protocol/"],
    packages: ["zod"],
    why: "a step is a pure function of state, input and context: a crash or a replay gives the same transition",
    pure: true,
  },
  engine: {
    ours: ["wire/", "conversation/contract.ts"],
    packages: [],
    why: "the engine knows the contract and its ports: no conversation type, no adapter, no cryptography",
  },
  sqlite: {
    ours: ["engine/ports.ts", "engine/errors.ts", "conversation/contract.ts", "wire/ids.ts", "crypto/"],
    packages: ["node:sqlite", "node:fs", "node:path"],
    why: "the Store adapter implements a port and seals; it decides nothing",
  },
  waku: {
    ours: ["engine/ports.ts", "engine/errors.ts", "wire/ids.ts"],
    packages: [...waku, "node:crypto", "node:timers/promises"],
    why: "the Transport adapter knows bytes and topics, never what is inside an envelope",
  },
  admin: {
    ours: [
      "engine/api.ts",
      "engine/ports.ts",
      "engine/errors.ts",
      "wire/ids.ts",
      "wire/content-frame.ts",
      "wire/file-content.ts",
      "crypto/hash.ts",
      "crypto/equal.ts",
    ],
    packages: [
      "fastify",
      "zod",
      "prom-client",
      "node:events",
      "node:http",
      "node:net",
      "node:fs/promises",
      "node:os",
      "node:path",
      "node:stream",
      "node:timers/promises",
    ],
    why: "the admin API translates between HTTP and EngineApi; it must not reach behind it (hash and equal: of tokens)",
  },
  devnet: {
    ours: ["wire/ids.ts"],
    packages: [...waku, "node:crypto", "node:fs", "node:http", "node:net", "node:path", "node:sqlite"],
    why: "the devnet stands for foreign service nodes: code shared with the daemon would hide its mistakes from it",
  },
  daemon: {
    ours: ["admin/", "conversation/", "engine/", "sqlite/", "waku/"],
    packages: ["pino", "smol-toml", "zod", "node:*"],
    why: "the composition root: the only place that knows every adapter",
  },
  cli: {
    ours: ["admin/", "engine/errors.ts", "engine/ports.ts"],
    packages: ["commander", "uqr", "node:*"],
    why: "commands reach the daemon through its API only, and start fast because they load nothing else",
  },
};

/** Files that may import more than their folder. */
const exceptions: Readonly<Record<string, { readonly ours: readonly string[]; readonly why: string }>> = {
  "cli/command/run.ts": { ours: ["daemon/"], why: "it is the daemon" },
  "cli/command/init.ts": { ours: ["daemon/"], why: "there is no daemon to ask before there is a state" },
  "cli/command/devnet/devnet.ts": { ours: ["devnet/"], why: "it is the devnet" },
  "cli/command/operator/config.ts": { ours: ["daemon/config/"], why: "settings are read without a daemon" },
  "cli/command/debug/decode.ts": { ours: ["wire/"], why: "bytes of an envelope are explained without a daemon" },
  "cli/command/doctor/state.ts": { ours: ["daemon/"], why: "the doctor is asked when no daemon runs" },
  "cli/command/doctor/network.ts": { ours: ["daemon/config/"], why: "the doctor is asked when no daemon runs" },
  "cli/command/identity/identity.ts": { ours: ["daemon/"], why: "the state is opened while no daemon runs" },
  "cli/command/store/store.ts": { ours: ["daemon/"], why: "a file is looked at and put back while no daemon runs" },
  "cli/passphrase/passphrase.ts": {
    ours: ["daemon/passphrase.ts"],
    why: "a passphrase opens a state without a daemon",
  },
  "cli/command/service/service.ts": {
    ours: ["daemon/state-kind.ts", "sqlite/lock.ts"],
    why: "whether the unit gives a passphrase depends on the directory; directories are made by our own mkdir -p",
  },
  "cli/session.ts": { ours: ["daemon/state-kind.ts"], why: "the advice when no daemon runs depends on the directory" },
};

/** What the CLI may take of admin: the server side would pull fastify into every command. */
const adminForCommands = ["client", "problem", "location", "views", "event-view", "log/log-view", "waiting/views"].map(
  (name) => `admin/${name}.ts`,
);

/** What makes a function impure, or its result depend on when and where it runs. */
const impure: readonly (readonly [RegExp, string])[] = [
  [
    /\bDate\s*\.|\bDate\s*\(\s*\)|\bMath\.random\b|\bperformance\b/,
    "reads a clock or chance; take context.now and context.random",
  ],
  [/\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/, "sets a timer; return a schedule effect"],
  [
    /\bprocess\s*\.|\bconsole\s*\.|\bglobalThis\b|\bfetch\s*\(|\bpino\b/,
    "touches the process; return a value or an effect",
  ],
  [
    /\brandom(?:Bytes|Int|UUID|Fill)\w*\b|\bgetRandomValues\b|\bgenerateKey\w*\b|\bsubtle\b/,
    "draws randomness; take context.random",
  ],
];

const filesPerFolderMax = 12;
const linesPerFileMax = 300;
const linesPerFunctionMax = 60;
const meaningless = /(?:^|\/)(?:utils?|helpers?|common|types|misc|manager)(?:\.ts|\/|$)/i;

interface Source {
  /** Relative to the top, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

type Fault = string;

function sources(top: string): Source[] {
  return readdirSync(join(root, top), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.parentPath.endsWith(`wire${sep}gen`))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** Comments become spaces, so that a word in prose is no fault and line numbers stay. Strings stay: imports are in them. */
function withoutComments(text: string): string {
  const token = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(token, (found) => (found.startsWith("/") ? found.replace(/[^\n]/g, " ") : found));
}

function* importsOf({ text }: Source): Generator<{ specifier: string; line: number }> {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)"([^"]+)"/g;
  const code = withoutComments(text);
  for (const match of code.matchAll(pattern)) {
    yield { specifier: match[1] ?? "", line: code.slice(0, match.index).split("\n").length };
  }
}

function importFaults(source: Source): Fault[] {
  const file = source.path.replace(/^src\//, "");
  const folder = file.split("/")[0] ?? "";
  const rule = folders[folder];
  if (rule === undefined) return file === "umbrad.ts" ? [] : [`${source.path}: the folder ${folder} has no rule`];
  const exception = exceptions[file];
  return [...importsOf(source)].flatMap(({ specifier, line }) => {
    const at = `${source.path}:${line}: imports ${JSON.stringify(specifier)}`;
    if (!specifier.startsWith(".")) {
      const allowed = rule.packages.some((name) => matches(specifier, name));
      return allowed ? [] : [`${at}, a package that src/${folder} may not use, because ${rule.why}`];
    }
    const target = posix.join(dirname(file), specifier);
    const twoTypes = conversationTypeOf(file) !== undefined && conversationTypeOf(target) !== undefined;
    if (twoTypes && conversationTypeOf(file) !== conversationTypeOf(target)) {
      return [`${at}: conversation types never import each other, because each must be removable alone`];
    }
    if (target.startsWith(`${folder}/`) || target.startsWith("wire/gen/")) return wireGenFault(at, folder, target);
    const ours = [...rule.ours, ...(exception?.ours ?? [])];
    if (!ours.some((prefix) => target.startsWith(prefix))) {
      return [`${at}: src/${folder} may import ${ours.join(", ") || "nothing of ours"}, because ${rule.why}`];
    }
    const isServerSide = folder === "cli" && target.startsWith("admin/") && !adminForCommands.includes(target);
    return isServerSide ? [`${at}: commands use ${adminForCommands.join(", ")} only, because ${rule.why}`] : [];
  });
}

function wireGenFault(at: string, folder: string, target: string): Fault[] {
  if (!target.startsWith("wire/gen/") || ["wire", "protocol", "conversation"].includes(folder)) return [];
  return [`${at}: generated code is used by wire and by state codecs only, because its decoder is lenient`];
}

function conversationTypeOf(file: string): string | undefined {
  return /^conversation\/([^/]+)\//.exec(file)?.[1];
}

function matches(specifier: string, name: string): boolean {
  if (name.endsWith("*")) return specifier.startsWith(name.slice(0, -1));
  return specifier === name || specifier.startsWith(`${name}/`);
}

function purityFaults(source: Source): Fault[] {
  const folder = source.path.split("/")[1] ?? "";
  if (folders[folder]?.pure !== true) return [];
  // Text inside quotes is for people; imports are the other rule's business.
  const code = withoutComments(source.text).replace(/"(?:[^"\\\n]|\\.)*"/g, '""');
  return code.split("\n").flatMap((line, index) => {
    const found = impure.find(([pattern]) => pattern.test(line));
    return found === undefined ? [] : [`${source.path}:${index + 1}: ${found[1]} (src/${folder} is pure)`];
  });
}

function sizeFaults(all: readonly Source[]): Fault[] {
  const perFolder = Map.groupBy(all, ({ path }) => dirname(path));
  const folderFaults = [...perFolder].flatMap(([folder, { length }]) => {
    return length > filesPerFolderMax
      ? [`${folder}: ${length} files, at most ${filesPerFolderMax}: nobody sees an order in more`]
      : [];
  });
  const fileFaults = all.flatMap(({ path, text }) => {
    const lines = text.split("\n").length - 1;
    return lines > linesPerFileMax ? [`${path}: ${lines} lines, at most ${linesPerFileMax}`] : [];
  });
  return [...folderFaults, ...fileFaults, ...all.flatMap(functionFaults)];
}

/** Works on Biome's layout: a block that a signature or arrow opens ends at the first `}` of the same indentation. */
function functionFaults({ path, text }: Source): Fault[] {
  // A schema is one text however long it is.
  if (path.includes("/migrations/")) return [];
  const lines = withoutComments(text).split("\n");
  return lines.flatMap((line, start) => {
    const [, indent = ""] = /^(\s*)/.exec(line) ?? [];
    const opens =
      /(?:\)(?:: .+)?|=>) \{\s*$/.test(line) && !/^\s*(?:\} )?(?:if|for|while|switch|catch|else)\b/.test(line);
    if (!opens) return [];
    const length = lines.slice(start + 1).findIndex((next) => next.startsWith(`${indent}}`)) + 2;
    const isLong = length > linesPerFunctionMax;
    return isLong ? [`${path}:${start + 1}: a function of ${length} lines, at most ${linesPerFunctionMax}`] : [];
  });
}

function nameFaults(all: readonly Source[]): Fault[] {
  return all
    .filter(({ path }) => meaningless.test(path))
    .map(({ path }) => `${path}: the name says nothing of what is inside; name the idea`);
}

function assertNone(faults: readonly Fault[]): void {
  assert.equal(faults.length, 0, `\n${faults.join("\n")}`);
}

describe("architecture", () => {
  const src = sources("src");

  it("imports follow the arrows", () => assertNone(src.flatMap(importFaults)));
  it("crypto, wire, protocol and conversation are pure", () => assertNone(src.flatMap(purityFaults)));
  it("folders, files and functions stay small", () => assertNone(sizeFaults(src)));
  it("names mean something", () => assertNone(nameFaults([...src, ...sources("test"), ...sources("scripts")])));
  it("every folder of the table exists", () => {
    const present = new Set(src.map(({ path }) => path.split("/")[1]));
    assert.deepEqual(
      Object.keys(folders).filter((folder) => !present.has(folder)),
      [],
    );
  });
});

describe("each rule can fail", () => {
  const broken: readonly (readonly [string, string, (source: Source) => Fault[]])[] = [
    ["src/wire/a.ts", 'import { x } from "../engine/errors.ts";', importFaults],
    ["src/engine/a.ts", 'import { SqliteStore } from "../sqlite/store.ts";', importFaults],
    ["src/engine/a.ts", 'import { privateV1 } from "../conversation/private-v1/private-v1.ts";', importFaults],
    ["src/engine/a.ts", 'import pino from "pino";', importFaults],
    ["src/conversation/inbox-v1/a.ts", 'import type { X } from "../private-v1/state.ts";', importFaults],
    ["src/conversation/a.ts", 'import { randomBytes } from "node:crypto";', importFaults],
    ["src/admin/a.ts", 'import { createLightNode } from "@waku/sdk";', importFaults],
    ["src/cli/command/send.ts", 'await import("../../daemon/daemon.ts");', importFaults],
    ["src/cli/command/send.ts", 'import { startAdminServer } from "../../admin/server.ts";', importFaults],
    ["src/devnet/a.ts", 'import { toIncoming } from "../waku/message.ts";', importFaults],
    ["src/admin/a.ts", 'import { umbra } from "../wire/gen/umbra.js";', importFaults],
    ["src/new/a.ts", "", importFaults],
    ["src/protocol/a.ts", "const now = Date.now();", purityFaults],
    ["src/conversation/a.ts", "const now = new Date();", purityFaults],
    ["src/crypto/a.ts", "const key = randomBytes(32);", purityFaults],
    ["src/wire/a.ts", "setTimeout(() => {}, 1);", purityFaults],
    ["src/sqlite/long.ts", "x;\n".repeat(301), (source) => sizeFaults([source])],
    ["src/sqlite/f.ts", `export function f(): void {\n${"  x;\n".repeat(60)}}\n`, functionFaults],
    ["src/sqlite/f.ts", `  async f(\n    a: A,\n  ): Promise<B> {\n${"    x;\n".repeat(60)}  }\n`, functionFaults],
    ["src/sqlite/utils.ts", "", (source) => nameFaults([source])],
  ];
  for (const [path, text, rule] of broken) {
    it(`${path}: ${text.split("\n")[0]}`, () => {
      const faults = rule({ path, text });
      assert.equal(faults.length, 1, faults.join("\n"));
      assert.ok(faults[0]?.startsWith(path));
    });
  }

  it("a folder of 13 files is too full", () => {
    const files = Array.from({ length: 13 }, (_, index) => ({ path: `src/sqlite/f${index}.ts`, text: "" }));
    assert.match(sizeFaults(files)[0] ?? "", /13 files/);
  });

  it("comments, and a time that is only printed, are no faults", () => {
    const path = "src/conversation/a.ts";
    const text = "/** Date.now() is forbidden. */\nconst text = new Date(ms).toISOString(); // setTimeout";
    assert.deepEqual(purityFaults({ path, text }), []);
  });
});
