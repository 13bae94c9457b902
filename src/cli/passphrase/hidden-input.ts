/**
 * A question at the terminal whose answer is not shown. The terminal is as it was before on every way out: an answer,
 * Ctrl-C, a signal, the end of the process. The answer is in no string, which could not be erased.
 */
import { isatty } from "node:tty";
import { exitCodes } from "../../admin/problem.ts";
import { UmbradError } from "../../engine/errors.ts";
import { printable } from "../output.ts";
import { type Asked, TypedLine } from "./typed-line.ts";

/** Whether somebody sits there: who reads the question and who types the answer. */
export function isAtTerminal(): boolean {
  return isatty(process.stdin.fd) && isatty(process.stderr.fd);
}

/** By a signal the process ends as its default action would, after the terminal is in order. */
const signals = { SIGTERM: 143, SIGHUP: 129, SIGINT: exitCodes.interrupted } as const;

/** undefined: Ctrl-D, or the terminal is gone. `cli/interrupted`, `passphrase/too-long`. */
export async function askHidden(question: string, bytesMax: number): Promise<Uint8Array | undefined> {
  const { stdin, stderr } = process;
  const show = (): void => void stderr.write(printable(question));
  const resume = (): void => {
    // Whoever stopped us (a shell) has set the terminal to its own wishes.
    stdin.setRawMode(false).setRawMode(true);
    show();
  };
  const restore = (): void => void stdin.setRawMode(false);
  const leave = (signal: keyof typeof signals): void => {
    restore();
    stderr.write("\n");
    process.exit(signals[signal]);
  };
  const names = Object.keys(signals) as (keyof typeof signals)[];
  for (const name of names) process.on(name, leave);
  process.on("SIGCONT", resume).once("exit", restore);
  try {
    // Before the question: what is typed as soon as it stands there must not be shown.
    stdin.setRawMode(true);
    show();
    return await readLine(stdin, bytesMax);
  } finally {
    stdin.pause();
    restore();
    stderr.write("\n");
    for (const name of names) process.off(name, leave);
    process.off("SIGCONT", resume).off("exit", restore);
  }
}

/** What was typed after it stays in the stream, for the next question. */
async function readLine(input: NodeJS.ReadStream, bytesMax: number): Promise<Uint8Array | undefined> {
  const line = new TypedLine(bytesMax);
  try {
    const asked = await untilAsked(input, line);
    if (asked === "interrupt")
      throw new UmbradError("cli/interrupted", "interrupted: nothing was changed", { hint: "the same command again" });
    if (asked === "end") return undefined;
    const bytes = line.bytes();
    if (bytes !== undefined) return bytes;
    throw new UmbradError("passphrase/too-long", `that is more than ${bytesMax} bytes`, {
      hint: "was something else in the clipboard? The same command again",
    });
  } finally {
    line.erase();
  }
}

function untilAsked(input: NodeJS.ReadStream, line: TypedLine): Promise<Asked> {
  return new Promise((resolve) => {
    const settle = (asked: Asked): void => {
      input.off("data", take).off("end", end).off("error", end);
      resolve(asked);
    };
    const end = (): void => settle("end");
    const take = (chunk: Buffer): void => {
      for (const [at, byte] of chunk.entries()) {
        const asked = line.take(byte);
        if (asked === undefined) continue;
        settle(asked);
        input.pause();
        if (at + 1 < chunk.length) input.unshift(Buffer.from(chunk.subarray(at + 1)));
        break;
      }
      chunk.fill(0);
    };
    input.on("data", take).on("end", end).on("error", end);
    input.resume();
  });
}
