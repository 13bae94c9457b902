/** Sends all the time to a node that dies and comes back: what was not answered is said again under its key. */
import { Died, type Life } from "./life.ts";

const PAUSE_MS_MAX = 20;

export class Sender {
  /** Texts that were answered for. */
  readonly acknowledged: string[] = [];
  /** Text, and key, of the message that is not answered yet. */
  unanswered: string | undefined;
  /** Rejects when something else than a death keeps it from sending. */
  readonly done: Promise<void>;
  #asked = Promise.withResolvers<void>();
  #isStopping = false;

  constructor(life: Life, random: () => number) {
    this.done = this.#sendAlways(life, random);
    this.done.catch(() => {});
  }

  /** Resolves in the moment a message is given to the process. */
  nextQuestion(): Promise<void> {
    return this.#asked.promise;
  }

  /** The message under way is still sent. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.done;
  }

  async #sendAlways(life: Life, random: () => number): Promise<void> {
    for (let number = 1; !this.#isStopping; number += 1) {
      const text = `${life.name} ${number}`;
      this.unanswered = text;
      await this.#sendSurely(life, text);
      this.unanswered = undefined;
      this.acknowledged.push(text);
      await new Promise((resolve) => setTimeout(resolve, random() * PAUSE_MS_MAX));
    }
  }

  async #sendSurely(life: Life, text: string): Promise<void> {
    for (;;) {
      await life.running();
      try {
        const answer = life.ask({ op: "send", text, key: text });
        this.#asked.resolve();
        this.#asked = Promise.withResolvers();
        await answer;
        return;
      } catch (error) {
        if (!(error instanceof Died)) throw error;
      }
    }
  }
}
