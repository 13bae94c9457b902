/** `umbrad chat`: a conversation for a person at a terminal. */
import { UmbradError } from "../../../engine/errors.ts";
import { type Session, shellWord } from "../../session.ts";
import { talk } from "./talk.ts";

export async function chat(session: Session, conversation: string): Promise<void> {
  const { output } = session;
  if (output.json || !process.stdin.isTTY || !process.stdout.isTTY) {
    const name = shellWord(conversation);
    throw new UmbradError("cli/needs-terminal", "umbrad chat is for a person at a terminal", {
      hint: `in a script: umbrad send ${name} TEXT, and umbrad listen ${name} --json`,
    });
  }
  await talk(await session.admin(), conversation, { input: process.stdin, output: process.stdout });
}
