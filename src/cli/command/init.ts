/** `umbrad init`: an identity and a place for it. */
import { existsSync } from "node:fs";
import { loadConfig, resolveConfigFile } from "../../daemon/config/config.ts";
import { identityOfWords, importIdentity, type PortableIdentity } from "../../daemon/identity/identity.ts";
import { initialise } from "../../daemon/initialise.ts";
import { readPassphrase } from "../../daemon/passphrase.ts";
import { UmbradError } from "../../engine/errors.ts";
import { fieldLines } from "../output.ts";
import { globalFlags, type Session, shellWord } from "../session.ts";

export interface InitOptions {
  readonly name?: string;
  readonly passphraseFile?: string;
  readonly passphraseFd?: number;
  readonly insecurePlaintextState?: boolean;
  readonly network?: string;
  readonly peer?: readonly string[];
  readonly clusterId?: number;
  readonly shards?: number;
  readonly identityFile?: string;
  readonly identityPassphraseFile?: string;
  readonly recoveryWordsFile?: string;
  readonly recoveryWordsFd?: number;
}

export async function init(session: Session, options: InitOptions): Promise<void> {
  process.umask(0o077);
  const { stateDir, stateDirFlag, configFlag, env, output } = session;
  const file = resolveConfigFile(configFlag, stateDir, env);
  refuseSecondConfig(file.path, options);
  const { name, network, peer: peers, clusterId, shards } = options;
  // The file that --config names may be one that this command is about to write.
  const { config } = loadConfig({
    flags: {
      name,
      "network.name": network,
      "network.peers": peers,
      "network.cluster_id": clusterId,
      "network.shards": shards,
    },
    env,
    file: { path: file.path, required: false },
  });
  const passphrase = wantedPassphrase(session, options);
  const identity = await wantedIdentity(options, passphrase);
  const result = await initialise({ stateDir, passphrase, config, configFile: file.path, identity });
  const global = {
    ...(stateDirFlag === undefined ? {} : { stateDir: stateDirFlag }),
    ...(configFlag === undefined ? {} : { config: configFlag }),
  };
  output.answer(
    result,
    fieldLines([
      ["address", result.clientAddress],
      [
        "state",
        `${result.stateDir} (${result.sealed ? "sealed" : "NOT sealed: whoever reads the disk reads your messages"})`,
      ],
      ["network", result.network],
    ]),
  );
  if (identity !== undefined)
    output.note(
      "Your address is the old one; conversations and links are not part of it: give your contacts a new link.",
    );
  output.note(`Next: umbrad run${globalFlags(global)}${passphraseFlags(options)}${peerHint(config.peers)}`);
}

/** Flags that would be silently overruled by a file on every later run must not look as if they counted. */
function refuseSecondConfig(path: string, { name, network, peer, clusterId, shards }: InitOptions): void {
  if (![name, network, peer, clusterId, shards].some((value) => value !== undefined) || !existsSync(path)) return;
  throw new UmbradError("config/exists", `${path} exists already, so --name, --network and --peer would not be kept`, {
    hint: `edit ${path} and leave these flags out, or remove it`,
  });
}

function wantedPassphrase({ env }: Session, options: InitOptions): Uint8Array | undefined {
  const { passphraseFile: file, passphraseFd: fd, insecurePlaintextState: isPlaintext = false } = options;
  const isGiven = file !== undefined || fd !== undefined;
  if (isPlaintext && isGiven) {
    throw new UmbradError("cli/usage", "--insecure-plaintext-state and a passphrase exclude each other", {
      hint: "leave one of them out",
    });
  }
  if (isPlaintext) return undefined;
  const passphrase = readPassphrase({ file, fd, credentialsDirectory: env["CREDENTIALS_DIRECTORY"] });
  if (passphrase !== undefined) return passphrase;
  throw new UmbradError("passphrase/missing", "init needs a passphrase: keys and messages are sealed with it", {
    hint: "(umask 077; head -c 32 /dev/urandom | base64 > FILE), then umbrad init --passphrase-file FILE",
  });
}

/** undefined: a new one. */
async function wantedIdentity(
  options: InitOptions,
  passphrase: Uint8Array | undefined,
): Promise<PortableIdentity | undefined> {
  const { identityFile, identityPassphraseFile, recoveryWordsFile: file, recoveryWordsFd: fd } = options;
  const words = readPassphrase({ file, fd });
  if (words !== undefined && identityFile !== undefined) {
    throw new UmbradError("cli/usage", "--identity-file and recovery words exclude each other", {
      hint: "leave one of them out",
    });
  }
  if (words !== undefined) return identityOfWords(words);
  if (identityFile === undefined) return undefined;
  const own = readPassphrase({ file: identityPassphraseFile }) ?? passphrase;
  if (own !== undefined) return importIdentity(identityFile, own);
  throw new UmbradError("passphrase/missing", "the identity file is sealed: its passphrase is needed", {
    hint: "--identity-passphrase-file F",
  });
}

function passphraseFlags({ passphraseFile, passphraseFd }: InitOptions): string {
  if (passphraseFile !== undefined) return ` --passphrase-file ${shellWord(passphraseFile)}`;
  return passphraseFd === undefined ? "" : ` --passphrase-fd ${passphraseFd}`;
}

function peerHint(peers: readonly string[]): string {
  return peers.length > 0 ? "" : " --peer MULTIADDR   (umbrad devnet prints one)";
}
