/** `umbrad run`: the daemon in this process. */
import { loadConfig, resolveConfigFile } from "../../daemon/config.ts";
import { runDaemon } from "../../daemon/daemon.ts";
import { createLog } from "../../daemon/log.ts";
import { readPassphrase } from "../../daemon/passphrase.ts";
import { listenForStop } from "../../daemon/signals.ts";
import { stateKind } from "../../daemon/state-kind.ts";
import { UmbradError } from "../../engine/errors.ts";
import { VERSION } from "../package-version.ts";
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
  const { network, peer: peers, logLevel, logFormat } = options;
  const config = loadConfig({
    flags: { network, peers, logLevel, logFormat },
    env,
    file: resolveConfigFile(configFlag, stateDir, env),
  });
  const passphrase = neededPassphrase(session, options);
  const log = createLog(config.log);
  using stop = listenForStop(log);
  await runDaemon({ stateDir, socketPath, config, passphrase, version: VERSION, log, stop });
  log.info({ event: "daemon.stopped", component: "daemon" }, "stopped");
}

/** undefined for a state that `init` marked as unsealed. */
function neededPassphrase({ stateDir, stateDirFlag, env }: Session, options: RunOptions): Uint8Array | undefined {
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
  const passphrase = readPassphrase({ file, fd, credentialsDirectory: env["CREDENTIALS_DIRECTORY"] });
  if (passphrase !== undefined) return passphrase;
  throw new UmbradError("passphrase/missing", "this state is sealed and no passphrase was given", {
    hint: `umbrad run${flags} --passphrase-file FILE (or --passphrase-fd N, or a systemd credential named passphrase)`,
  });
}
