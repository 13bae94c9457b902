// Messages sent all the time, over the admin socket, to a daemon that comes and goes. A caller as one should be: what was
// answered is acknowledged, what was not is repeated with the same key.
import type { SentView } from "../../../src/admin/views.ts";
import { UmbradError } from "../../../src/engine/errors.ts";
import type { Party } from "./party.ts";

/** A message that the daemon answered for. */
export interface Acknowledged {
  readonly text: string;
  readonly messageId: string;
  /** How often it had to be asked. */
  readonly attempts: number;
}

/** What a caller sees when it gave up, or when the daemon was killed in the middle or is not back yet. */
const worthRepeating: ReadonlySet<string> = new Set([
  "daemon/timeout",
  "admin/busy",
  "daemon/unreachable",
  "daemon/starting",
  "daemon/not-running",
  "daemon/draining",
]);

const PAUSE_MS_MAX = 25;
/** So often a caller goes away before its answer comes, and asks again. */
const IMPATIENT_SHARE = 0.2;
const IMPATIENT_MS_MAX = 8;

export class Traffic {
  readonly acknowledged: Acknowledged[] = [];
  readonly #party: Party;
  readonly #random: () => number;
  #asked = Promise.withResolvers<void>();
  #answered = Promise.withResolvers<void>();
  readonly #done: Promise<void>;
  #isStopping = false;
  #isAbandoned = false;

  constructor(party: Party, random: () => number) {
    this.#party = party;
    this.#random = random;
    this.#done = this.#sendAlways();
  }

  /** The key of the message that is not answered yet. */
  unanswered: string | undefined;

  /** Resolves in the moment a send is answered. */
  nextAnswer(): Promise<void> {
    return this.#answered.promise;
  }

  /** Resolves in the moment a request leaves. */
  nextQuestion(): Promise<void> {
    return this.#asked.promise;
  }

  /** The message under way is still sent: afterwards everything that was ever tried is acknowledged. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#done;
  }

  /** At once, when the test has ended without it. */
  abandon(): void {
    this.#isStopping = true;
    this.#isAbandoned = true;
    this.#done.catch(() => {});
  }

  async #sendAlways(): Promise<void> {
    for (let number = 1; !this.#isStopping; number += 1) {
      this.acknowledged.push(await this.#sendSurely(`${this.#party.name} ${number}`));
      this.#answered = announce(this.#answered);
      await pause(this.#random() * PAUSE_MS_MAX);
    }
  }

  async #sendSurely(text: string): Promise<Acknowledged> {
    const key = `key of ${text}`;
    for (let attempts = 1; ; attempts += 1) {
      try {
        this.unanswered = key;
        const isImpatient = attempts === 1 && this.#random() < IMPATIENT_SHARE;
        const admin = isImpatient ? this.#party.adminWithin(1 + this.#random() * IMPATIENT_MS_MAX) : this.#party.admin;
        const answer = admin.post<SentView>("/v1/messages", { conversation: "c1", text, key });
        this.#asked = announce(this.#asked);
        const { messageId } = await answer;
        this.unanswered = undefined;
        return { text, messageId, attempts };
      } catch (error) {
        if (this.#isAbandoned || !(error instanceof UmbradError && worthRepeating.has(error.code))) throw error;
        await pause(20);
      }
    }
  }
}

/** Tells whoever waits, and returns what the next ones wait for. */
function announce(moment: PromiseWithResolvers<void>): PromiseWithResolvers<void> {
  moment.resolve();
  return Promise.withResolvers<void>();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
