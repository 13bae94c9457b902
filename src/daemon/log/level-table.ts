/** From which level on each component is written: what is configured, and what somebody wants just now, until it ends. */
import type { LevelChange, LevelsView, LogComponent, LogLevel } from "../../admin/log/log-view.ts";
import type { Clock } from "../../engine/ports.ts";

/** The order of the levels. */
export const levelRanks: Readonly<Record<LogLevel, number>> = { trace: 10, debug: 20, info: 30, warn: 40, error: 50 };

export interface ConfiguredLevels {
  readonly level: LogLevel;
  readonly components: ReadonlyMap<LogComponent, LogLevel>;
}

/** null: every component that has no level of its own. */
type Target = LogComponent | null;

interface Override {
  readonly level: LogLevel;
  readonly untilMs: number | undefined;
  cancel(): void;
}

export class LevelTable {
  readonly #clock: Pick<Clock, "now" | "after">;
  readonly #onReverted: (target: Target) => void;
  readonly #overrides = new Map<Target, Override>();
  #configured: ConfiguredLevels;
  /** What follows from all that, for the question that every line asks. */
  #rank = 0;
  #ranks = new Map<string, number>();

  constructor(configured: ConfiguredLevels, clock: Pick<Clock, "now" | "after">, onReverted: (target: Target) => void) {
    this.#configured = configured;
    this.#clock = clock;
    this.#onReverted = onReverted;
    this.#derive();
  }

  isWritten(rank: number, component: string): boolean {
    return rank >= ((this.#ranks.size === 0 ? undefined : this.#ranks.get(component)) ?? this.#rank);
  }

  /** What was asked for at run time stays until it ends. */
  configure(configured: ConfiguredLevels): void {
    this.#configured = configured;
    this.#derive();
  }

  /** All at once; a newer change of the same component takes the place of the older one and of its end. */
  change(changes: readonly LevelChange[], forMs: number | undefined): void {
    const untilMs = forMs === undefined ? undefined : this.#clock.now() + forMs;
    for (const { component, level } of changes) {
      const target = component ?? null;
      this.#overrides.get(target)?.cancel();
      const cancel = forMs === undefined ? () => {} : this.#clock.after(forMs, () => this.#revert(target));
      this.#overrides.set(target, { level, untilMs, cancel });
    }
    this.#derive();
  }

  /** Back to what is configured. */
  reset(): void {
    for (const { cancel } of this.#overrides.values()) cancel();
    this.#overrides.clear();
    this.#derive();
  }

  view(): LevelsView {
    return {
      level: this.#levelOfTheRest(),
      components: Object.fromEntries(this.#own()),
      overrides: [...this.#overrides].map(([component, { level, untilMs }]) => ({
        component,
        level,
        until: untilMs === undefined ? null : new Date(untilMs).toISOString(),
      })),
    };
  }

  #revert(target: Target): void {
    this.#overrides.delete(target);
    this.#derive();
    this.#onReverted(target);
  }

  #levelOfTheRest(): LogLevel {
    return this.#overrides.get(null)?.level ?? this.#configured.level;
  }

  #own(): Map<LogComponent, LogLevel> {
    const own = new Map(this.#configured.components);
    for (const [target, { level }] of this.#overrides) if (target !== null) own.set(target, level);
    return own;
  }

  #derive(): void {
    this.#rank = levelRanks[this.#levelOfTheRest()];
    this.#ranks = new Map([...this.#own()].map(([component, level]) => [component, levelRanks[level]]));
  }
}
