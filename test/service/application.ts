// The application as an image or a package has it: built in a scratch directory from what the Dockerfile copies, with the
// production dependencies of the lockfile and nothing else, and with no right to write for anybody.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export const root: string = join(import.meta.dirname, "..", "..");

export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** Continued lines are joined; comments go. */
export function dockerInstructions(): readonly Instruction[] {
  const text = readFileSync(join(root, "Dockerfile"), "utf8")
    .replace(/^#.*\n/gm, "")
    .replace(/\\\n\s*/g, "");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, name = "", rest = ""] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
      assert.notEqual(name, "", `no instruction: ${line}`);
      return { name, text: rest };
    });
}

/** Of the repository, in the order of the file. */
export function copiedSources(): readonly string[] {
  const copies = dockerInstructions().filter(({ name, text }) => name === "COPY" && !text.startsWith("--from="));
  return copies.flatMap(({ text }) => text.split(" ").slice(0, -1));
}

interface LockedPackage {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
}

/** Paths like `node_modules/a/node_modules/b`, without what only developers need. */
export function productionPackages(): readonly string[] {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, LockedPackage>;
  };
  return Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== "" && dev !== true && devOptional !== true)
    .map(([path]) => path);
}

/** Declarations, maps and sources are of no use at run time, and half of all bytes. */
const unused = /\.(?:map|ts|cts|mts|md)$/;

function copyPackage(path: string, to: string): void {
  const from = join(root, path);
  const inner = join(from, "node_modules");
  cpSync(from, to, { recursive: true, filter: (source) => source !== inner && !unused.test(source) });
}

export class Application {
  /** Everything, open for other users to pass. */
  readonly directory: string = mkdtempSync(join(tmpdir(), "umbrad-app-"));
  /** `/app` of the image. */
  readonly app: string = join(this.directory, "app");
  readonly node: string = join(this.directory, "node");
  readonly script: string = join(this.app, "dist", "umbrad.js");

  constructor() {
    chmodSync(this.directory, 0o755);
    this.#build();
    for (const path of productionPackages()) copyPackage(path, join(this.app, path));
    for (const name of ["package.json", "config"]) cpSync(join(root, name), join(this.app, name), { recursive: true });
    // Another user may not reach the one that runs this.
    try {
      linkSync(process.execPath, this.node);
    } catch {
      copyFileSync(process.execPath, this.node);
      chmodSync(this.node, 0o755);
    }
    this.#changeModes(0o555, 0o444);
  }

  remove(): void {
    this.#changeModes(0o755, 0o644);
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Of everything in it: what a run has changed shows. */
  fingerprint(): string {
    const entries = readdirSync(this.app, { recursive: true, encoding: "utf8" }).sort();
    return entries.map((name) => `${name} ${lstatSync(join(this.app, name)).mtimeMs}`).join("\n");
  }

  /** The build stage: only what the Dockerfile copies is there. */
  #build(): void {
    const build = join(this.directory, "build");
    for (const source of copiedSources()) cpSync(join(root, source), join(build, source), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(build, "node_modules"));
    const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/build.ts"], {
      cwd: build,
      encoding: "utf8",
    });
    assert.equal(status, 0, stdout + stderr);
    mkdirSync(dirname(this.script), { recursive: true });
    cpSync(join(build, "dist"), join(this.app, "dist"), { recursive: true });
    rmSync(build, { recursive: true });
  }

  #changeModes(directoryMode: number, fileMode: number): void {
    const change = (path: string): void => {
      if (!lstatSync(path).isDirectory()) return chmodSync(path, fileMode);
      chmodSync(path, 0o755);
      for (const name of readdirSync(path)) change(join(path, name));
      chmodSync(path, directoryMode);
    };
    change(this.app);
  }
}
