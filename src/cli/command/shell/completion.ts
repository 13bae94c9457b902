/** `umbrad completion SHELL`: prints the script that teaches a shell our commands. */
import { UmbradError } from "../../../engine/errors.ts";
import { commandTable } from "../../command-table.ts";
import { createProgram } from "../../program.ts";
import type { Session } from "../../session.ts";
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { zshScript } from "./zsh.ts";

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

const uses: Readonly<Record<keyof typeof scripts, string>> = {
  bash: "source <(umbrad completion bash)   in ~/.bashrc",
  zsh: "source <(umbrad completion zsh)   in ~/.zshrc, after compinit",
  fish: "umbrad completion fish > ~/.config/fish/completions/umbrad.fish",
};

export async function completion({ output }: Session, shell: string): Promise<void> {
  if (!isShell(shell)) {
    throw new UmbradError("cli/usage", `there is no completion for ${JSON.stringify(shell)}`, {
      hint: "umbrad completion bash, zsh or fish",
    });
  }
  const script = scripts[shell](commandTable(createProgram(() => {})));
  output.answer({ shell, script }, script);
  // Whoever redirects it has read this before.
  if (process.stdout.isTTY) output.note(`To use it: ${uses[shell]}`);
}

function isShell(text: string): text is keyof typeof scripts {
  return Object.hasOwn(scripts, text);
}
