// A reader's terminals: a fresh directory in which commands run as they are typed, in a real shell, with `umbrad` and
// `npx umbrad` being those of this checkout. What runs on ends with Ctrl-C. Knows no page.
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { inTime, until } from "../../e2e/stage/processes.ts";

const root = join(import.meta.dirname, "..", "..", "..");

/** How a command ended. */
interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What it printed on both streams so far, in one order, and its end. */
interface Started {
  readonly text: string;
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly printed: () => string;
}

export class Terminals {
  /** Where the reader is. */
  readonly directory: string;
  readonly #place: string = mkdtempSync(join(tmpdir(), "umbrad-page-"));
  readonly #running = new Set<Started>();
  readonly #deadlineMs: number;
  #count = 0;

  constructor(t: TestContext, deadlineMs = 120_000) {
    this.#deadlineMs = deadlineMs;
    this.directory = join(this.#place, "here");
    const tools = join(this.#place, "bin");
    for (const folder of [this.directory, tools, join(this.#place, "output"), this.#package()]) {
      mkdirSync(folder, { recursive: true });
    }
    this.#tool("umbrad", `exec node ${join(root, "src", "umbrad.ts")} "$@"`);
    this.#tool("npx", '[ "$1" = umbrad ] || { echo "npx $1: not in a test" >&2; exit 70; }\nexec "$@"');
    this.#providePackage();
    const onExit = (): void => this.#clear();
    process.once("exit", onExit);
    t.after(() => {
      process.off("exit", onExit);
      this.#clear();
    });
  }

  /** A file that the page tells to save. */
  save(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text);
  }

  /** Runs one command to its end. */
  async run(text: string): Promise<{ readonly printed: string; readonly code: number | null }> {
    const started = this.#start(text);
    try {
      const { code } = await inTime(`the end of: ${text}`, started.ended, this.#deadlineMs);
      return { printed: started.printed(), code };
    } catch (error) {
      throw new Error(`${String(error)}\nIt printed:\n${started.printed()}`);
    } finally {
      signal(started.child, "SIGKILL");
      this.#running.delete(started);
    }
  }

  /** Starts what runs on, and returns when `isUp` has seen enough of its output. */
  async start(text: string, isUp: (printed: string) => boolean): Promise<void> {
    const started = this.#start(text);
    let ended: Ended | undefined;
    void started.ended.then((end) => {
      ended = end;
    });
    try {
      await until(
        `what is shown of: ${text}`,
        () => {
          if (isUp(started.printed())) return true;
          if (ended !== undefined) throw new Error(`it has ended with ${ended.code ?? ended.signal}: ${text}`);
          return undefined;
        },
        this.#deadlineMs,
      );
    } catch (error) {
      isUp(started.printed());
      throw new Error(`${String(error)}\nIt printed:\n${started.printed()}`);
    }
  }

  /** Ctrl-C in every terminal, the newest first. Returns what did not end as it should. */
  async interrupt(): Promise<readonly string[]> {
    const faults: string[] = [];
    for (const started of [...this.#running].reverse()) {
      signal(started.child, "SIGINT");
      const { code } = await inTime(`the end of: ${started.text}`, started.ended, this.#deadlineMs);
      this.#running.delete(started);
      // Readers of a stream end by the signal, as such programs do.
      const isOurs = /^(?:npx )?umbrad (?:run|devnet)\b/.test(started.text);
      const errors = started
        .printed()
        .split("\n")
        .filter((line) => line.includes('"level":"error"'));
      if (isOurs && (code !== 0 || errors.length > 0)) {
        faults.push(`${started.text}\nended with ${code}\n${errors.join("\n")}`);
      }
    }
    return faults;
  }

  #start(text: string): Started {
    this.#count += 1;
    const file = join(this.#place, "output", String(this.#count));
    const descriptor = openSync(file, "a", 0o600);
    const child = spawn("bash", ["-c", text], {
      cwd: this.directory,
      // A group of its own, so that Ctrl-C reaches what the shell started. Nothing of the developer's environment decides.
      detached: true,
      stdio: ["ignore", descriptor, descriptor],
      env: {
        PATH: [join(this.#place, "bin"), dirname(process.execPath), process.env["PATH"] ?? ""].join(":"),
        HOME: this.directory,
        LANG: "C.UTF-8",
        TZ: "UTC",
        // A command starts in a third of the time when it need not read TypeScript again.
        NODE_COMPILE_CACHE: join(this.#place, "compiled"),
      },
    });
    closeSync(descriptor);
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on("error", reject).on("close", (code, name) => resolve({ code, signal: name }));
    });
    const started: Started = { text, child, ended, printed: () => readFileSync(file, "utf8") };
    this.#running.add(started);
    return started;
  }

  #tool(name: string, script: string): void {
    const file = join(this.#place, "bin", name);
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  }

  #package(): string {
    return join(this.directory, "node_modules", "umbrad");
  }

  /** `npm install umbrad`, of the sources: what package.json exports from dist is taken from src. */
  #providePackage(): void {
    const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const client = String(exports["./client"].default).replace("./dist/", "./src/").replace(/\.js$/, ".ts");
    writeFileSync(
      join(this.#package(), "package.json"),
      JSON.stringify({ name: "umbrad", type: "module", exports: { "./client": client } }),
    );
    symlinkSync(join(root, "src"), join(this.#package(), "src"));
  }

  #clear(): void {
    for (const { child } of this.#running) signal(child, "SIGKILL");
    // Who was killed just now may be in the middle of a write.
    rmSync(this.#place, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** To the whole group of a command; it may be gone. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
