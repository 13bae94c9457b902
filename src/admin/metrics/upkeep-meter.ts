/** What operators do and what the machine does to the daemon: reloads, backups, log lines, writes that the disk refused. */
import { Counter, Gauge, type Registry } from "prom-client";

/** What the log says of itself. */
export type LineCounts = Readonly<Record<"debug" | "info" | "warn" | "error", number>>;

/** Every code of `umbrad_store_errors_total`. */
const storeFaults = ["busy", "corrupt", "full", "io", "locked", "readonly"] as const;

interface UpkeepDeps {
  readonly now: () => number;
  readonly lines: () => LineCounts;
}

export class UpkeepMeter {
  readonly #reload: Gauge;
  readonly #reloadedAt: Gauge;
  readonly #backups: Counter<"result">;
  readonly #errors: Counter<"code">;
  readonly #schema: Gauge;
  readonly #now: () => number;

  constructor({ now, lines }: UpkeepDeps, registers: Registry[]) {
    this.#now = now;
    const gauge = (name: string, help: string): Gauge => new Gauge({ name: `umbrad_${name}`, help, registers });
    this.#reload = gauge("config_last_reload_success", "1 when the configuration was right when it was read last.");
    this.#reloadedAt = gauge(
      "config_last_reload_success_timestamp_seconds",
      "When the configuration that is in force was read.",
    );
    this.#schema = gauge("store_schema_version", "The schema of the database.");
    // Until the store is open.
    this.#schema.remove();
    this.#backups = new Counter({
      name: "umbrad_backups_total",
      help: "Backups by result; one counts as made when it was restored elsewhere and verified.",
      labelNames: ["result"],
      registers,
    });
    this.#errors = new Counter({
      name: "umbrad_store_errors_total",
      help: "Transactions that failed through the disk or another program.",
      labelNames: ["code"],
      registers,
    });
    new Counter({
      name: "umbrad_log_lines_total",
      help: "Lines that were written to the log, by level.",
      labelNames: ["level"],
      registers,
      collect() {
        this.reset();
        for (const [level, count] of Object.entries(lines())) this.inc({ level }, count);
      },
    });
    for (const result of ["made", "failed"]) this.#backups.inc({ result }, 0);
    for (const code of storeFaults) this.#errors.inc({ code }, 0);
    // A daemon does not start with a wrong configuration.
    this.reloaded(true);
  }

  reloaded(isRight: boolean): void {
    this.#reload.set(isRight ? 1 : 0);
    if (isRight) this.#reloadedAt.set(this.#now() / 1000);
  }

  backedUp(isMade: boolean): void {
    this.#backups.inc({ result: isMade ? "made" : "failed" });
  }

  opened(schema: number): void {
    this.#schema.set(schema);
  }

  /** `code` as in the error: `store/full`. */
  storeFailed(code: string): void {
    const known = storeFaults.find((fault) => code === `store/${fault}`);
    if (known !== undefined) this.#errors.inc({ code: known });
  }
}
