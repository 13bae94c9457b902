// One side of a conversation: a state directory and the daemon on it, across restarts; and the service node between
// the sides. Everything goes through the command line or the admin socket.
import assert from "node:assert/strict";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { type AdminClient, connectAdmin } from "../../../src/admin/client.ts";
import type { EventView } from "../../../src/admin/event-view.ts";
import type { AcceptedView, ConversationJson, InviteView, StatusView } from "../../../src/admin/views.ts";
import type { CommandOptions, CommandResult } from "../../support/cli/umbrad-command.ts";
import { DEADLINE_MS, inTime, type Launched, lastingPort, type Place, type Stage } from "./processes.ts";

/** A service node of a test, by default the only one. */
export class ServiceNode {
  readonly stateDir: string;
  readonly #stage: Stage;
  readonly #name: string;
  #process: Launched | undefined;
  #isNew = true;
  multiaddr = "";

  constructor(stage: Stage, name = "devnet") {
    this.#stage = stage;
    this.#name = name;
    this.stateDir = join(stage.directory, name);
  }

  /** Same address at every start: the node keeps its key and port. */
  async start(...flags: string[]): Promise<void> {
    const port = this.#isNew ? ["--port", String(await lastingPort())] : [];
    this.#isNew = false;
    const args = ["devnet", "--state-dir", this.stateDir, "--json", ...port, ...flags];
    this.#process = this.#stage.launch(this.#name, args);
    const ready = JSON.parse(
      await inTime(
        "devnet.ready",
        this.#process.output.line((line) => line.includes("devnet.ready")),
      ),
    );
    if (this.multiaddr !== "") assert.equal(ready.multiaddr, this.multiaddr, "the address stays");
    this.multiaddr = ready.multiaddr;
  }

  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const exit = await inTime("the end of the devnet", this.running.kill(signal));
    assert.equal(signal === "SIGTERM" ? exit.code : exit.signal, signal === "SIGTERM" ? 0 : signal);
  }

  get running(): Launched {
    assert.ok(this.#process);
    return this.#process;
  }
}

export class Party {
  readonly name: string;
  readonly stateDir: string;
  readonly admin: AdminClient;
  /** Flags of every `run`. */
  readonly #runFlags: readonly string[];
  readonly #stage: Stage;
  #process: Launched | undefined;
  /** How its daemon is started. */
  place: Place = {};

  constructor(stage: Stage, name: string, runFlags: readonly string[] = []) {
    this.#stage = stage;
    this.name = name;
    this.stateDir = join(stage.directory, name);
    this.#runFlags = runFlags;
    this.admin = this.adminWithin(DEADLINE_MS);
  }

  /** A caller that waits so long for an answer. */
  adminWithin(timeoutMs: number): AdminClient {
    const socketPath = join(this.stateDir, "admin.sock");
    return connectAdmin({ place: { socketPath }, timeoutMs, startHint: async () => "start it" });
  }

  /** A command of this side, by its command line. */
  command(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.#stage.run(["--state-dir", this.stateDir, ...args], options);
  }

  /** What a command says on stdout when it succeeds. */
  async text(...args: string[]): Promise<string> {
    const result = await this.command(args);
    assert.equal(result.code, 0, `${this.name}: umbrad ${args.join(" ")}\n${result.stderr}`);
    return result.stdout;
  }

  async json<Answer>(...args: string[]): Promise<Answer> {
    return JSON.parse(await this.text(...args, "--json"));
  }

  /** Without a passphrase: deriving keys is another test's business. */
  async init(...flags: string[]): Promise<void> {
    await this.text("init", "--insecure-plaintext-state", "--name", this.name, ...flags);
  }

  /** Adds to its configuration file. */
  async configure(toml: string): Promise<void> {
    await appendFile(join(this.stateDir, "config.toml"), toml);
  }

  /** A new process; the caller waits for what it needs. */
  launch(...flags: string[]): Launched {
    const args = ["run", "--state-dir", this.stateDir, ...this.#runFlags, ...flags];
    this.#process = this.#stage.launch(this.name, args, this.place);
    return this.#process;
  }

  async start(...flags: string[]): Promise<Launched> {
    const launched = this.launch(...flags);
    await inTime(`${this.name} started`, launched.output.event("daemon.started"));
    return launched;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const exit = await inTime(`the end of ${this.name}`, this.running.kill(signal));
    assert.deepEqual([exit.code, exit.signal], signal === "SIGKILL" ? [null, "SIGKILL"] : [0, null]);
  }

  get running(): Launched {
    assert.ok(this.#process);
    return this.#process;
  }

  async wait(condition: "ready" | "synced" | "outbox-empty"): Promise<void> {
    await this.text("wait", condition, "--timeout", `${DEADLINE_MS}ms`);
  }

  status(): Promise<StatusView> {
    return this.admin.get<StatusView>("/v1/status");
  }

  async conversations(): Promise<ConversationJson[]> {
    return (await this.json<{ conversations: ConversationJson[] }>("conversation", "list")).conversations;
  }

  async events(): Promise<EventView[]> {
    const lines = (await this.text("event", "list", "--json")).split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as EventView);
  }

  /** The texts it received, in the order of its event log. */
  async receivedTexts(): Promise<string[]> {
    return (await this.events())
      .filter((event) => event.type === "message.received")
      .map((event) => String(event.data["text"]));
  }

  /** Waits until the event log has so many messages from the peer. */
  async receive(count: number): Promise<string[]> {
    const stream = await this.admin.events(new URLSearchParams({ follow: "true", after: "0" }));
    const texts: string[] = [];
    const read = async (): Promise<string[]> => {
      for await (const line of stream.lines) {
        const event = JSON.parse(line) as EventView;
        if (event.type !== "message.received") continue;
        texts.push(String(event.data["text"]));
        if (texts.length >= count) return texts;
      }
      throw new Error(`${this.name} ended its stream after ${texts.length} of ${count} messages`);
    };
    try {
      return await inTime(`${count} messages at ${this.name}`, read());
    } finally {
      stream.close();
    }
  }
}

/** `inviter` makes a link, `invitee` uses it with a first message; both must run. Resolves when both sides have it. */
export async function connect(inviter: Party, invitee: Party, firstText: string): Promise<void> {
  const { link } = await inviter.json<InviteView>("invite", "create");
  const accepted = await invitee.json<AcceptedView>("invite", "accept", link, "--message", firstText);
  assert.equal(accepted.conversation, "c1");
  assert.deepEqual(await inviter.receive(1), [firstText]);
}

/** seq counts every event, from 1 without a gap: what a consumer's acknowledgement means. */
export function assertGapFree(events: readonly EventView[]): void {
  assert.deepEqual(
    events.map((event) => event.seq),
    events.map((_event, index) => index + 1),
  );
}

/** Nothing that any daemon of the test logged needs somebody to act, and nothing went past the log. */
export function assertNoErrors(stage: Stage): void {
  for (const { name, verb, output } of stage.launched()) {
    if (verb !== "run") continue;
    assert.deepEqual(
      output.log().filter((line) => line.level === "error"),
      [],
      name,
    );
    assert.equal(output.stderr, "", name);
  }
}
