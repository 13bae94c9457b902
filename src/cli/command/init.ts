/** `umbrad init`: an identity and a place for it. */
import { existsSync } from "node:fs";
import { loadConfig, resolveConfigFile } from "../../daemon/config/config.ts";
import { identityOfWords, importIdentity, type PortableIdentity } from "../../daemon/identity/identity.ts";
import { initialise, refuseInitialised } from "../../daemon/initialise.ts";
import { readPassphrase } from "../../daemon/passphrase.ts";
import { UmbradError } from "../../engine/errors.ts";
import { fieldLines } from "../output.ts";
import { chosen, given, typed } from "../passphrase/passphrase.ts";
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
  // Before anybody is asked for a passphrase that would be for nothing.
  refuseInitialised(stateDir);
  const found = givenPassphrase(session, options);
  const identity = await wantedIdentity(session, options, found);
  const passphrase = found ?? (await newPassphrase(session, options));
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

function givenPassphrase(session: Session, options: InitOptions): Uint8Array | undefined {
  const { passphraseFile: file, passphraseFd: fd, insecurePlaintextState: isPlaintext = false } = options;
  if (!isPlaintext) return given(session, options);
  if (file === undefined && fd === undefined) return undefined;
  throw new UmbradError("cli/usage", "--insecure-plaintext-state and a passphrase exclude each other", {
    hint: "leave one of them out",
  });
}

/** undefined: the state is not to be sealed. */
async function newPassphrase(session: Session, options: InitOptions): Promise<Uint8Array | undefined> {
  if (options.insecurePlaintextState === true) return undefined;
  const passphrase = await chosen(session, session.stateDir);
  if (passphrase !== undefined) return passphrase;
  throw new UmbradError("passphrase/missing", "init needs a passphrase: keys and messages are sealed with it", {
    hint: "(umask 077; head -c 32 /dev/urandom | base64 > FILE), then umbrad init --passphrase-file FILE; in a terminal it is asked for",
  });
}

/** undefined: a new one. */
async function wantedIdentity(
  session: Session,
  options: InitOptions,
  passphrase: Uint8Array | undefined,
): Promise<PortableIdentity | undefined> {
  const { identityFile: place, identityPassphraseFile, recoveryWordsFile: file, recoveryWordsFd: fd } = options;
  const words = readPassphrase({ file, fd });
  if (words !== undefined && place !== undefined) {
    throw new UmbradError("cli/usage", "--identity-file and recovery words exclude each other", {
      hint: "leave one of them out",
    });
  }
  if (words !== undefined) return identityOfWords(words);
  if (place === undefined) return undefined;
  const opens = (own: Uint8Array): Promise<unknown> => importIdentity(place, own);
  const own =
    readPassphrase({ file: identityPassphraseFile }) ?? passphrase ?? (await typed(session, { place, opens }));
  if (own !== undefined) return importIdentity(place, own);
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
