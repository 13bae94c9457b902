/** `umbrad event ack` and `umbrad event consumers`; and the acknowledgements of `umbrad listen --ack auto`. */
import type { AdminClient } from "../../admin/client.ts";
import type { ConsumerJson } from "../../admin/views.ts";
import { parseCount } from "../duration.ts";
import { table } from "../output.ts";
import type { Session } from "../session.ts";

export async function ack({ admin, output }: Session, seq: string, options: { consumer: string }): Promise<void> {
  const consumer = await acknowledge(await admin(), options.consumer, parseCount(seq));
  output.answer(consumer, `${consumer.name} has acknowledged ${consumer.ackedSeq}, ${consumer.behind} behind`);
}

export async function list({ admin, output }: Session): Promise<void> {
  const answer = await (await admin()).get<{ consumers: ConsumerJson[] }>("/v1/consumers");
  const rows = answer.consumers.map(({ name, ackedSeq, behind, reading, ackedAt }) => {
    return [name, String(ackedSeq), String(behind), reading ? "yes" : "no", ackedAt];
  });
  output.answer(answer, rows.length === 0 ? "" : table(["NAME", "ACKED", "BEHIND", "READING", "LAST ACK"], rows));
  if (rows.length === 0) output.note("There are none yet: umbrad listen --consumer NAME makes one");
}

export async function drop({ admin, output }: Session, name: string): Promise<void> {
  const consumer = await (await admin()).delete<ConsumerJson>(`/v1/consumers/${encodeURIComponent(name)}`);
  output.answer(consumer, `${consumer.name} is gone; it had acknowledged ${consumer.ackedSeq}`);
}

function acknowledge(admin: AdminClient, name: string, seq: number): Promise<ConsumerJson> {
  return admin.post<ConsumerJson>(`/v1/consumers/${encodeURIComponent(name)}/ack`, { seq });
}

/** Acknowledges what has left this process, one request at a time: while one is under way the next one grows. */
export class AutoAck {
  readonly #admin: AdminClient;
  readonly #name: string;
  #written = 0;
  #acked = 0;
  #running: Promise<void> | undefined;
  #fault: unknown;

  constructor(admin: AdminClient, name: string) {
    this.#admin = admin;
    this.#name = name;
  }

  /** The line of this event is out of our hands. Throws what an earlier acknowledgement met. */
  wrote(seq: number): void {
    if (this.#fault !== undefined) throw this.#fault;
    this.#written = seq;
    this.#running ??= this.#run();
  }

  /** Everything written is acknowledged. */
  async finish(): Promise<void> {
    await this.#running;
    if (this.#fault !== undefined) throw this.#fault;
  }

  async #run(): Promise<void> {
    try {
      while (this.#acked < this.#written) {
        const seq = this.#written;
        await acknowledge(this.#admin, this.#name, seq);
        this.#acked = seq;
      }
    } catch (error) {
      this.#fault = error;
    } finally {
      this.#running = undefined;
    }
  }
}
