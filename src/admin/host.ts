/** What the admin API needs of the daemon around it. */
import type { EngineApi } from "../engine/api.ts";
import { UmbradError } from "../engine/errors.ts";
import type { Log } from "../engine/ports.ts";
import type { LogControl } from "./log/log-control.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { Tokens } from "./token/tokens.ts";
import type { BackupJson, ProcessIdentity, ReloadView } from "./views.ts";

export interface AdminHost {
  /** undefined until the engine has started. */
  engine(): EngineApi | undefined;
  /** Requests that come before it wait for it. Without it they are told to come back. */
  readonly whenStarted?: Promise<void> | undefined;
  draining(): boolean;
  readonly identity: ProcessIdentity;
  /** Asks for an orderly stop; returns at once, and may be called again. */
  requestStop(): void;
  /** A verified copy of the store in this directory. */
  backUp(directory: string): Promise<BackupJson>;
  /** Another passphrase for the state; both are wiped. `store/wrong-passphrase` changes nothing. */
  rekey(passphrase: Uint8Array, next: Uint8Array): Promise<void>;
  now(): number;
  /** Throws `daemon/starting` until the store is open. */
  readonly tokens: Tokens;
  readonly metrics: Metrics;
  readonly log: Log;
  /** What an operator changes while the daemon runs. */
  readonly operator: Operator;
}

export interface Operator {
  readonly log: LogControl;
  /** `config/invalid` changes nothing. */
  reload(): ReloadView;
}

/** The engine, or the error that tells a caller to come back. */
export function engineOf(host: AdminHost): EngineApi {
  if (host.draining()) throw new UmbradError("daemon/draining", "the daemon is stopping");
  const engine = host.engine();
  if (engine === undefined) throw startingError();
  return engine;
}

/** Nothing has been done for a request that meets it. */
export function startingError(): UmbradError {
  return new UmbradError("daemon/starting", "the daemon is starting", { hint: "umbrad wait ready" });
}
