/**
 * `umbrad complete KIND`, which completion scripts call: names that only the daemon knows, one a line. Somebody has
 * pressed a key and waits, so it is quick, and without a daemon it says nothing.
 */
import type { AdminClient } from "../../../admin/client.ts";
import type { ConsumerJson, ContactJson, ConversationJson, InviteJson, TokenJson } from "../../../admin/views.ts";
import type { LiveKind } from "../../command-table.ts";
import type { Session } from "../../session.ts";

/** Longer than any answer of a local daemon, shorter than patience. */
const answerMs = 1_000;

/** A word that a shell could not show or take as one line. */
const unusable = /[\p{Cc}\u2028\u2029]/u;

export async function complete({ admin }: Session, kind: string): Promise<void> {
  const list = lists[kind as LiveKind];
  if (!Object.hasOwn(lists, kind)) return;
  try {
    const words = await list(await admin(answerMs));
    const usable = [...new Set(words)].filter((word) => word !== "" && !unusable.test(word));
    process.stdout.write(usable.map((word) => `${word}\n`).join(""));
  } catch {
    // Nobody is to read an error in the middle of a line that they are typing.
  }
}

const lists: Readonly<Record<LiveKind, (admin: AdminClient) => Promise<string[]>>> = {
  conversations: async (admin) => {
    const { conversations } = await admin.get<{ conversations: ConversationJson[] }>("/v1/conversations");
    return conversations.flatMap(({ name, handle }) => [...(name === null ? [] : [name]), handle]);
  },
  contacts: async (admin) => {
    const { contacts } = await admin.get<{ contacts: ContactJson[] }>("/v1/contacts");
    return contacts.flatMap(({ name, conversations }) => [...(name === null ? [] : [name]), ...conversations]);
  },
  requests: async (admin) => {
    const { requests } = await admin.get<{ requests: ConversationJson[] }>("/v1/requests");
    return requests.map(({ handle }) => handle);
  },
  invites: async (admin) => {
    const { invites } = await admin.get<{ invites: InviteJson[] }>("/v1/invites");
    return invites.map(({ id }) => id);
  },
  consumers: async (admin) => {
    const { consumers } = await admin.get<{ consumers: ConsumerJson[] }>("/v1/consumers");
    return consumers.map(({ name }) => name);
  },
  tokens: async (admin) => {
    const { tokens } = await admin.get<{ tokens: TokenJson[] }>("/v1/tokens");
    return tokens.map(({ name }) => name);
  },
};
