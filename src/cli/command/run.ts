/** `umbrad run`: the daemon in this process. */
import { loadConfig, resolveConfigFile } from "../../daemon/config/config.ts";
import type { FlagValues } from "../../daemon/config/layers.ts";
import { RunningConfig } from "../../daemon/config/running-config.ts";
import { runDaemon } from "../../daemon/daemon.ts";
import { createLog } from "../../daemon/log/log.ts";
import { readServiceEnvironment } from "../../daemon/service/environment.ts";
import { listenForReload, listenForStop } from "../../daemon/signals.ts";
import { stateKind } from "../../daemon/state-kind.ts";
import { checkNotInUse, checkSeal } from "../../daemon/store/store-files.ts";
import { UmbradError } from "../../engine/errors.ts";
import { VERSION } from "../package-version.ts";
import { given, typed } from "../passphrase/passphrase.ts";
import { globalFlags, type Session } from "../session.ts";

export interface RunOptions {
  readonly passphraseFile?: string;
  readonly passphraseFd?: number;
  readonly peer?: readonly string[];
  readonly network?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
}

export async function run(session: Session, options: RunOptions): Promise<void> {
  process.umask(0o077);
  const { stateDir, socketPath, env, configFlag } = session;
  const sources = { flags: settingsOf(options), env, file: resolveConfigFile(configFlag, stateDir, env) };
  const loaded = loadConfig(sources);
  const log = createLog(loaded.config.log);
  const config = new RunningConfig(loaded, () => loadConfig(sources), log);
  config.follow({ apply: (next) => log.configure(next.log) });
  // Before the passphrase: until somebody listens, the signal would end the process.
  using _reload = listenForReload(() => config.reload("SIGHUP"));
  const passphrase = await neededPassphrase(session, options);
  using stop = listenForStop(log);
  log.info({ event: "config.loaded", component: "daemon", files: loaded.files }, "configuration read");
  const service = readServiceEnvironment(env, process.pid);
  await runDaemon({ stateDir, socketPath, config, passphrase, version: VERSION, log, stop, service });
  log.info({ event: "daemon.stopped", component: "daemon" }, "stopped");
}

/** Flags stay above the files at every reload. */
function settingsOf({ network, peer, logLevel, logFormat }: RunOptions): FlagValues {
  return { "network.name": network, "network.peers": peer, "log.level": logLevel, "log.format": logFormat };
}

/** undefined for a state that `init` marked as unsealed. */
async function neededPassphrase(session: Session, options: RunOptions): Promise<Uint8Array | undefined> {
  const { stateDir, stateDirFlag } = session;
  const kind = stateKind(stateDir);
  const flags = globalFlags(stateDirFlag === undefined ? {} : { stateDir: stateDirFlag });
  if (kind === "none") {
    throw new UmbradError("store/not-initialised", `there is no umbrad state in ${stateDir}`, {
      hint: `umbrad init${flags} --passphrase-file FILE`,
    });
  }
  const { passphraseFile: file, passphraseFd: fd } = options;
  const isGiven = file !== undefined || fd !== undefined;
  // A credential that a unit always carries is no wish to unseal an unsealed state; a flag is, and the store refuses it.
  if (kind === "plaintext" && !isGiven) return undefined;
  // Whoever is asked for it, or has to bring it, learns first that there is no use for it now.
  checkNotInUse(stateDir);
  const opens = (passphrase: Uint8Array): Promise<void> => checkSeal(stateDir, passphrase);
  const passphrase = given(session, options) ?? (await typed(session, { place: stateDir, opens }));
  if (passphrase !== undefined) return passphrase;
  throw new UmbradError("passphrase/missing", "this state is sealed and no passphrase was given", {
    hint: `umbrad run${flags} --passphrase-file FILE (or --passphrase-fd N, or a systemd credential named passphrase; in a terminal it is asked for)`,
  });
}
