// Goal: what every command prints for people and for programs changes only when somebody means it. Method: scenes of real
// commands against the admin server over an engine in memory, whose clock stands still, held against files in golden/.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import { commandTable } from "../../src/cli/command-table.ts";
import { createProgram } from "../../src/cli/program.ts";
import { type CliFixture, fixturePeer, startCliFixture } from "../support/cli/cli-fixture.ts";
import { asJson, asText, checkGolden, stable } from "../support/cli/golden.ts";
import { temporaryDirectory } from "../support/cli/umbrad-command.ts";

const folder = join(import.meta.dirname, "golden");
const [firstId, secondId] = ["1", "2"].map((last) => last.padStart(32, "0"));

interface Scene {
  readonly prepare?: (fixture: CliFixture) => Promise<void> | void;
  readonly commands: readonly (readonly string[])[];
}

function twoConversations({ engine }: CliFixture): void {
  engine.open("ada");
  engine.open("bob\u001b[31m");
  engine.receive(engine.findConversation("ada"), "hello\nyou");
}

/** Nothing here prints a secret, and what differs from run to run is replaced: see `stable`. */
const scenes: Readonly<Record<string, Scene>> = {
  status: {
    commands: [["status"], ["health"], ["health", "peers"], ["health", "weather"], ["wait", "ready"], ["wait", "x"]],
  },
  process: {
    prepare: ({ host, server }) => {
      host.onStop = () => {
        host.draining = true;
        void server.close();
      };
    },
    commands: [["version"], ["reload"], ["log", "level"], ["log", "level", "debug"], ["log", "tail"], ["stop"]],
  },
  unreachable: {
    commands: [
      ["status", "--socket", "/nonexistent/admin.sock"],
      ["send", "c1"],
      ["sned"],
      ["chat", "c1"],
      ["completion", "tcsh"],
      ["debug", "decode", "/nonexistent/file"],
    ],
  },
  invite: {
    prepare: ({ engine }) => {
      const createdAtMs = engine.nowMs;
      const made = { id: "i0", uses: 2, createdAtMs, expiresAtMs: createdAtMs + 3_600_000 } as const;
      engine.people.made = [{ ...made, state: "open", redemptions: [{ peer: fixturePeer, atMs: createdAtMs }] }];
    },
    commands: [
      ["invite", "list"],
      ["invite", "create", "--uses", "3", "--expires", "1h"],
      ["invite", "show", "i0"],
      ["invite", "revoke", "i0"],
      ["invite", "show", "i9"],
      ["invite", "accept", "umbra:x", "--message", "hello"],
      ["invite", "accept", "nonsense"],
      ["invite", "public"],
    ],
  },
  conversation: {
    prepare: twoConversations,
    commands: [
      ["conversation", "list"],
      ["conversation", "show", "ada"],
      ["conversation", "rename", "c1", "Ada"],
      ["conversation", "leave", "c2"],
      ["conversation", "show", "nobody"],
    ],
  },
  contact: {
    prepare: (fixture) => {
      fixture.engine.open("ada");
      fixture.engine.people.waiting = [{ ...fixture.engine.findConversation("ada"), standing: "undecided" }];
    },
    commands: [
      ["contact", "list"],
      ["contact", "rename", "c1", "Ada"],
      ["contact", "block", "Ada"],
      ["contact", "show", "Ada"],
      ["contact", "unblock", "Ada"],
      ["contact", "verify", "Ada"],
      ["contact", "requests"],
      ["contact", "accept", "c1"],
      ["contact", "reject", "c1"],
    ],
  },
  message: {
    prepare: twoConversations,
    commands: [
      ["send", "ada", "hi", "--key", "k"],
      ["send", "nobody", "hi"],
      ["send", "ada", ""],
      ["history", "ada"],
      ["message", "show", firstId ?? ""],
      ["message", "trace", secondId ?? ""],
      ["message", "show", "ff"],
    ],
  },
  event: {
    prepare: twoConversations,
    commands: [
      ["event", "list"],
      ["listen", "--after", "0", "--max", "2"],
      ["listen", "--consumer", "bot", "--after", "0", "--max", "1"],
      ["event", "ack", "2", "--consumer", "bot"],
      ["event", "consumers", "list"],
      ["event", "consumers", "drop", "bot"],
      ["event", "ack", "x", "--consumer", "bot"],
    ],
  },
  waiting: {
    prepare: async ({ engine }) => {
      engine.open("ada");
      await engine.send({ conversation: "c1", text: "hi" });
      const queuedAtMs = engine.nowMs;
      const row = { conversation: "c1", attempts: 2, queuedAtMs, purpose: "content", isEncrypted: true } as const;
      engine.waiting = [{ ...row, messageId: "1".padStart(32, "0"), nextAtMs: queuedAtMs + 4_000, reason: "no peer" }];
    },
    commands: [
      ["outbox", "list"],
      ["outbox", "retry", firstId ?? ""],
      ["outbox", "cancel", firstId ?? ""],
      ["parked", "list"],
      ["parked", "retry"],
      ["parked", "drop", "7"],
    ],
  },
  token: {
    commands: [
      ["token", "create", "ci", "--role", "read", "--rate", "60"],
      ["token", "list"],
      ["token", "revoke", "ci"],
      ["token", "revoke", "ci"],
    ],
  },
  store: {
    commands: [
      ["init", "--insecure-plaintext-state", "--network", "devnet", "--name", "a"],
      ["store", "info"],
      ["store", "check"],
      ["store", "backup", "."],
      ["store", "verify", "STATE/none.db"],
      ["store", "restore", "STATE/none.db"],
      ["doctor"],
    ],
  },
  config: {
    commands: [
      ["config", "show", "--origin"],
      ["config", "check"],
      ["devnet", "status"],
      ["devnet", "fault", "list"],
    ],
  },
};

/** Commands without a scene, each with the place that shows what they print. */
const elsewhere: Readonly<Record<string, string>> = {
  devnet: "test/cli/golden-processes.test.ts: it runs on",
  run: "test/cli/golden-processes.test.ts: it runs on",
  "config schema": "test/docs/configuration.test.ts",
  "conversation expire": "test/cli/expire.test.ts",
  "identity words": "test/e2e/identity.test.ts: every run has others",
  "identity export": "test/e2e/identity.test.ts",
  "store rekey": "test/e2e/rekey.test.ts",
  "service print": "test/cli/golden-processes.test.ts",
  "service install": "test/service: paths of this installation",
};

for (const [name, { prepare, commands }] of Object.entries(scenes)) {
  describe(name, { concurrency: 2 }, () => {
    for (const form of ["txt", "json"] as const) {
      it(form, async (t) => {
        const fixture = await startCliFixture(t);
        const other = await temporaryDirectory(t);
        await prepare?.(fixture);
        const parts: string[] = [];
        for (const args of commands) {
          const given = args.map((word) => word.replace("STATE", fixture.stateDir));
          const result = await fixture.run(...given, ...(form === "json" ? ["--json"] : []));
          parts.push(form === "json" ? asJson(args, result) : asText(args, result));
        }
        checkGolden(
          join(folder, `${name}.${form}`),
          stable(form === "json" ? `[${parts.join(",\n")}]\n` : parts.join(""), [fixture.stateDir, other]),
        );
      });
    }
  });
}

test("every command is in a scene, or has its place elsewhere", () => {
  const run = Object.values(scenes).flatMap(({ commands }) => commands.map((args) => args.join(" ")));
  const missing = commandTable(createProgram(() => {}))
    .filter(({ verbs }) => verbs.length === 0)
    .map(({ path }) => path.join(" "))
    .filter(
      (path) => elsewhere[path] === undefined && !run.some((line) => line === path || line.startsWith(`${path} `)),
    );
  assert.deepEqual(missing, []);
});
