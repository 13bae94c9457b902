/**
 * The knobs that make this node behave as badly as real ones sometimes do. All off at start, and then a question costs
 * one look into an empty map. Knows when a fault strikes, not how it is carried out.
 */
import { DevnetError } from "../state-dir.ts";
import { seededChance } from "./chance.ts";
import { isKnobName, type KnobName, type KnobValue, parseKnob, requestKey } from "./knobs.ts";

/** One knob that is on. */
export interface FaultView {
  readonly name: KnobName;
  readonly value: string;
  /** How many more times it strikes before it goes off by itself; absent: for ever. */
  readonly next?: number;
  /** How many it still lets pass before it strikes. */
  readonly after?: number;
  /** How often it has struck since it was set. */
  readonly struck: number;
}

/** When a knob strikes. */
export interface FaultCount {
  /** How many times; without it for ever. */
  readonly next?: number | undefined;
  /** How many it lets pass before. */
  readonly after?: number | undefined;
}

interface Setting extends KnobValue {
  after: number;
  next: number;
  struck: number;
}

/** What happens to a request instead of its answer. */
export type RequestFault =
  | { readonly kind: Exclude<(typeof requestFaults)[number], "reject"> }
  | { readonly kind: "reject"; readonly status: number };

/** In this order when several are set. */
const requestFaults = [
  "cut-on-request",
  "close-after-request",
  "mute",
  "reject",
  "close-before-answer",
  "answer-twice",
] as const;

/** The knobs of one node. */
export class DevnetFaults {
  readonly #set = new Map<KnobName, Setting>();
  readonly #struck = new Map<KnobName, number>();
  #seed: number;
  #chance: () => number;

  constructor(seed: number) {
    this.#seed = seed;
    this.#chance = seededChance(seed);
  }

  get seed(): number {
    return this.#seed;
  }

  /** Begins the sequence of chance anew. */
  reseed(seed: number): void {
    this.#seed = seed;
    this.#chance = seededChance(seed);
  }

  /**
   * Sets a knob, from the next event on; `off` takes it back. With `next` it strikes only so many times, with `after` it
   * lets so many pass first. Throws `devnet/bad-option` and changes nothing for what it does not know.
   */
  set(name: string, value: string, { next, after }: FaultCount = {}): void {
    if (!isKnobName(name)) throw new DevnetError("devnet/bad-option", `there is no fault ${JSON.stringify(name)}`);
    if (value === "off") {
      this.#set.delete(name);
      return;
    }
    const parsed = parseKnob(name, value);
    for (const [word, count] of Object.entries({ next, after })) {
      if (count === undefined) continue;
      if (!Number.isSafeInteger(count) || count < 1) {
        throw new DevnetError("devnet/bad-option", `${word} is a count from 1 on, not ${count}`);
      }
      if (name === "clock-skew") {
        throw new DevnetError("devnet/bad-option", `clock-skew has no ${word}: a clock is always off`);
      }
    }
    this.#set.set(name, { ...parsed, after: after ?? 0, next: next ?? Number.POSITIVE_INFINITY, struck: 0 });
  }

  /** Throws what `set` would throw. */
  check(name: string, value: string, count: FaultCount = {}): void {
    new DevnetFaults(0).set(name, value, count);
  }

  /** Everything off. */
  reset(): void {
    this.#set.clear();
  }

  /** What is on. */
  list(): FaultView[] {
    return [...this.#set].map(([name, { text, next, after, struck }]) => ({
      name,
      value: text,
      ...(Number.isFinite(next) ? { next } : {}),
      ...(after > 0 ? { after } : {}),
      struck,
    }));
  }

  /** How often each has struck since the node started, those that are off again too. */
  struck(): Readonly<Partial<Record<KnobName, number>>> {
    return Object.fromEntries(this.#struck);
  }

  /** Whether this fault strikes now; counts it. */
  strikes(name: KnobName): boolean {
    const setting = this.#set.get(name);
    return setting !== undefined && this.#strike(name, setting);
  }

  /** How long to wait because of this knob, now. */
  waitMs(name: "delay" | "answer-delay"): number {
    const setting = this.#set.get(name);
    if (setting === undefined || !this.#strike(name, setting)) return 0;
    const [from, to] = setting.rangeMs;
    return from + this.#chance() * (to - from);
  }

  /** What becomes of a request of this protocol and kind. */
  ofRequest(codec: string, requestKind?: string): RequestFault | undefined {
    if (this.#set.size === 0) return undefined;
    for (const kind of requestFaults) {
      const setting = this.#set.get(kind);
      const status = setting?.codecs.get(codec) ?? setting?.codecs.get(requestKey(codec, requestKind));
      if (setting === undefined || status === undefined || !this.#strike(kind, setting)) continue;
      return kind === "reject" ? { kind, status } : { kind };
    }
    return undefined;
  }

  get clockSkewMs(): number {
    return this.#set.get("clock-skew")?.rangeMs[0] ?? 0;
  }

  #strike(name: KnobName, setting: Setting): boolean {
    // No draw where there is nothing to decide: a counted knob must not change what a seed gives for another one.
    if (setting.chance < 1 && this.#chance() >= setting.chance) return false;
    if (setting.after > 0) {
      setting.after -= 1;
      return false;
    }
    this.#struck.set(name, (this.#struck.get(name) ?? 0) + 1);
    setting.struck += 1;
    setting.next -= 1;
    if (setting.next <= 0) this.#set.delete(name);
    return true;
  }
}
