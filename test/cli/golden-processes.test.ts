// Goal: what commands that run on, or that look at this machine, print for people and for programs changes only when somebody
// means it. Method: a real daemon without a network, a real devnet and a sealed state, held against files in golden/; what
// differs from run to run is replaced.
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { asJson, asText, checkGolden, stable } from "../support/cli/golden.ts";
import {
  type CommandResult,
  type RunningCommand,
  startUmbrad,
  temporaryDirectory,
  umbrad,
} from "../support/cli/umbrad-command.ts";

const folder = join(import.meta.dirname, "golden");
const bin = fileURLToPath(new URL("../../src/umbrad.ts", import.meta.url));
const forms = ["txt", "json"] as const;
type Form = (typeof forms)[number];

/** One golden file: commands in turn, with all that they print. */
class Scene {
  readonly form: Form;
  readonly #parts: string[] = [];

  constructor(form: Form) {
    this.form = form;
  }

  add(args: readonly string[], result: CommandResult): void {
    this.#parts.push(this.form === "json" ? asJson(args, result) : asText(args, result));
  }

  check(name: string, directory: string): void {
    const text = this.form === "json" ? `[${this.#parts.join(",\n")}]\n` : this.#parts.join("");
    checkGolden(join(folder, `${name}.${this.form}`), ofAnyRun(stable(text, [directory, "/nonexistent/other"])));
  }
}

/** What is this run's alone, beside what `stable` knows. */
function ofAnyRun(text: string): string {
  return text
    .replaceAll(bin, "UMBRAD")
    .replaceAll(process.execPath, "/usr/bin/node")
    .replaceAll(/\b\d\d:\d\d:\d\d\.\d{3}\b/g, "TIME")
    .replaceAll(/127\.0\.0\.1\/tcp\/\d+/g, "127.0.0.1/tcp/PORT")
    .replaceAll(/\b(?:12D3Koo|16Uiu2)\w+/g, "PEER")
    .replaceAll(/umbrad-\d{8}T\d{6}Z/g, "umbrad-STAMP")
    .replaceAll(/\d+ ms\b|"ms": \d+/g, (found) => found.replace(/\d+/, "N"))
    .replaceAll(/pid \d+|"pid": \d+|"(?:wal)?[bB]ytes": \d+|"seed": \d+/g, (found) => found.replace(/\d+/, "N"));
}

/** What a command has printed that was told to end when it had said something. */
async function untilSaid(command: RunningCommand, said: (line: string) => boolean): Promise<CommandResult> {
  await command.line(said);
  command.child.kill("SIGTERM");
  return await command.ended;
}

for (const form of forms) {
  const json = form === "json" ? ["--json"] : [];

  test(`a sealed state and its daemon, ${form}`, { timeout: 300_000 }, async (t) => {
    const directory = await temporaryDirectory(t);
    const env = { UMBRAD_STATE_DIR: join(directory, "state") };
    writeFileSync(join(directory, "passphrase"), "secret\n", { mode: 0o600 });
    const seal = ["--passphrase-file", join(directory, "passphrase")];
    const scene = new Scene(form);
    const run = async (...args: string[]): Promise<CommandResult> => {
      const result = await umbrad(t, [...args, ...json], { env });
      scene.add(args, result);
      return result;
    };
    await run("init", ...seal, "--network", "devnet", "--name", "ada");
    const args = ["run", ...seal, "--log-format", form === "json" ? "json" : "pretty"];
    const daemon = startUmbrad(t, args, { env });
    await daemon.line((line) => line.includes("daemon.started"));
    await run("store", "backup", join(directory, "backups"));
    const made = await umbrad(t, ["store", "backup", join(directory, "again"), "--json"], { env });
    await run("store", "verify", JSON.parse(made.stdout).file, ...seal);
    await run("store", "verify", JSON.parse(made.stdout).file);
    await run("doctor", ...seal);
    await run("stop");
    // What happened in between depends on the moment.
    scene.add(args, onlyLines(await daemon.ended, /"?event"?[:=]"?(?:config\.loaded|daemon\.\w+)/));
    await run("stop");
    await run("store", "info");
    scene.check("sealed", directory);
  });

  test(`a devnet, ${form}`, { timeout: 180_000 }, async (t) => {
    const directory = await temporaryDirectory(t);
    const scene = new Scene(form);
    const where = ["--state-dir", join(directory, "devnet")];
    const node = startUmbrad(t, ["devnet", "--seed", "7", ...where, ...json]);
    await node.line((line) => /^multiaddr |devnet\.ready/.test(line));
    for (const args of [["status"], ["fault", "drop=0.5", "next=3"], ["fault", "reset"]]) {
      scene.add(["devnet", ...args], await umbrad(t, ["devnet", ...args, ...where, ...json]));
    }
    scene.add(["devnet", "--seed", "7"], await untilSaid(node, () => true));
    scene.check("devnet", directory);
  });

  test(`the files of a service, ${form}`, { timeout: 180_000 }, async (t) => {
    const scene = new Scene(form);
    // A warning belongs to places that a service does not see: whether this is one differs.
    const args = ["service", "print"];
    scene.add(args, { ...(await umbrad(t, [...args, ...json])), stderr: "" });
    scene.check("service", "/nonexistent/state");
  });

  test(`a doctor who finds much, ${form}`, { timeout: 180_000 }, async (t) => {
    const directory = await temporaryDirectory(t);
    const env = { UMBRAD_STATE_DIR: join(directory, "state") };
    const scene = new Scene(form);
    const examine = async (): Promise<void> => scene.add(["doctor"], await umbrad(t, ["doctor", ...json], { env }));
    await examine();
    await umbrad(t, ["init", "--insecure-plaintext-state", "--network", "devnet"], { env });
    chmodSync(env.UMBRAD_STATE_DIR, 0o755);
    writeFileSync(join(env.UMBRAD_STATE_DIR, "config.toml"), '[network]\nname = "devnet"\npeer = "x"\n', {
      mode: 0o600,
    });
    await examine();
    scene.check("doctor", directory);
  });
}

function onlyLines(result: CommandResult, wanted: RegExp): CommandResult {
  const lines = result.stdout.split("\n").filter((line) => wanted.test(line));
  return { ...result, stdout: `${lines.join("\n")}\n` };
}
