// Two daemons in a conversation, and how long a message takes from the call that sends it to the event at the other side.
import { connect as connectClient, type UmbradClient } from "../../../src/admin/client/umbrad-client.ts";
import { connect, Party, ServiceNode } from "./party.ts";
import { inTime, type Stage } from "./processes.ts";

export class MessagePath {
  readonly alice: Party;
  readonly #bob: Party;
  readonly #sender: UmbradClient;
  readonly #arrived = new Map<string, PromiseWithResolvers<number>>();
  readonly #stop = new AbortController();
  #reading: Promise<void> = Promise.resolve();
  #count = 0;

  private constructor(alice: Party, bob: Party) {
    this.alice = alice;
    this.#bob = bob;
    this.#sender = connectClient({ socket: `${bob.stateDir}/admin.sock` });
  }

  /** Alice listens on TCP too. */
  static async open(stage: Stage): Promise<MessagePath> {
    const node = new ServiceNode(stage);
    await node.start();
    const [alice, bob] = ["alice", "bob"].map((name) => new Party(stage, name, ["--peer", node.multiaddr])) as [
      Party,
      Party,
    ];
    await Promise.all([alice.init(), bob.init()]);
    await alice.configure('\n[admin]\nlisten = "127.0.0.1:0"\n');
    await Promise.all([alice.start(), bob.start()]);
    await Promise.all([alice.wait("ready"), bob.wait("ready")]);
    await connect(alice, bob, "first");
    const path = new MessagePath(alice, bob);
    path.#reading = path.#read();
    // Its stream is there when the first message of its own has come.
    await path.once();
    return path;
  }

  /** Milliseconds from the call of the sender to the event at the receiver. */
  async once(): Promise<number> {
    this.#count += 1;
    const text = `message ${this.#count}`;
    const arrival = Promise.withResolvers<number>();
    this.#arrived.set(text, arrival);
    const startedMs = performance.now();
    await this.#sender.send("c1", text);
    return (await inTime(text, arrival.promise)) - startedMs;
  }

  async times(count: number): Promise<number[]> {
    const all: number[] = [];
    for (let n = 0; n < count; n += 1) all.push(await this.once());
    return all;
  }

  /** The port and a token of alice's TCP listener. */
  async tcp(): Promise<{ readonly port: number; readonly token: string }> {
    const { listen } = await this.alice.status();
    const token = (await this.alice.text("token", "create", "load", "--role", "read")).trim();
    return { port: Number(listen?.split(":").at(-1)), token };
  }

  /** What bob was sent and alice has, in order. */
  expectedTexts(): string[] {
    return ["first", ...Array.from({ length: this.#count }, (_, index) => `message ${index + 1}`)];
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#reading;
    await Promise.all([this.alice.stop(), this.#bob.stop()]);
  }

  async #read(): Promise<void> {
    const client = connectClient({ socket: `${this.alice.stateDir}/admin.sock` });
    for await (const { type, data } of client.listen({ after: 0, signal: this.#stop.signal })) {
      if (type === "message.received") this.#arrived.get(String(data["text"]))?.resolve(performance.now());
    }
  }
}
