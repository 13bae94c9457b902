/** What the parts of a daemon share while it comes up and goes down. */
import type { AdminServer } from "../admin/server.ts";
import type { Tokens } from "../admin/token/tokens.ts";
import type { Engine } from "../engine/engine.ts";
import type { Store } from "../engine/ports.ts";
import type { RunningConfig } from "./config/running-config.ts";
import type { DaemonLog } from "./log/log.ts";
import type { ServiceEnvironment } from "./service/environment.ts";
import type { StopRequest } from "./signals.ts";

/** What a daemon is given. */
export interface DaemonOptions {
  readonly stateDir: string;
  readonly socketPath: string;
  readonly config: RunningConfig;
  /** undefined: the state is not sealed. */
  readonly passphrase: Uint8Array | undefined;
  readonly version: string;
  readonly log: DaemonLog;
  readonly stop: StopRequest;
  /** What a service manager gave us. */
  readonly service: ServiceEnvironment;
}

/** How far the start is, for what was made before. */
export class Progress {
  /** The one that was given last, while the daemon runs. */
  passphrase: Uint8Array | undefined;
  admin: AdminServer | undefined;
  tokens: Tokens | undefined;
  store: Store | undefined;
  engine: Engine | undefined;
  readonly started = Promise.withResolvers<void>();
  /** Everything is on disk and the lock is free. */
  closed = false;

  constructor() {
    // Mostly nobody waits for it.
    this.started.promise.catch(() => {});
  }
}
