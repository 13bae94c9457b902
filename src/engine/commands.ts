/** What a caller asks of conversations, as turns. Refusals of a conversation become errors with its reason as their code. */
import type { Input } from "../conversation/contract.ts";
import { contentDigest, FILE_BYTES_MAX, type FileContent, isFileName } from "../wire/file-content.ts";
import type { MessageId } from "../wire/ids.ts";
import type { ConversationView, EngineApi, SendFileRequest, SendRequest } from "./api.ts";
import { type Conversations, handleOf } from "./conversations.ts";
import { UmbradError } from "./errors.ts";
import { INVITE_TEXT_BYTES_MAX, TEXT_BYTES_MAX } from "./limits.ts";
import type { MessageState, Store } from "./ports.ts";
import type { TurnOrigin } from "./turn/turn.ts";
import type { AcceptedTurn, Turns } from "./turn/turns.ts";

/** The default inbox is the first conversation of every state. */
const INBOX = 0;

export type Phase = "starting" | "running" | "draining";

interface CommandDeps {
  readonly store: Store;
  readonly turns: Turns;
  readonly conversations: Conversations;
  readonly phase: () => Phase;
}

interface Sending {
  readonly conversation: string;
  readonly key: string | undefined;
  readonly command: unknown;
  /** Equal for equal messages. */
  readonly fingerprint: string;
}

export class Commands {
  readonly #deps: CommandDeps;

  constructor(deps: CommandDeps) {
    this.#deps = deps;
  }

  async createInvite(request: Parameters<EngineApi["createInvite"]>[0]): ReturnType<EngineApi["createInvite"]> {
    const { reply } = await this.run(INBOX, { kind: "create-invite", ...request });
    return reply as Awaited<ReturnType<EngineApi["createInvite"]>>;
  }

  async acceptInvite(request: Parameters<EngineApi["acceptInvite"]>[0]): ReturnType<EngineApi["acceptInvite"]> {
    if (request.text !== undefined) requireText(request.text, INVITE_TEXT_BYTES_MAX);
    const { opened } = await this.run(INBOX, { kind: "accept-invite", ...request });
    const [conversation] = opened;
    const reply = conversation?.reply as { messageId?: string } | null | undefined;
    return { conversation: handleOf(conversation?.number ?? INBOX), messageId: reply?.messageId ?? null };
  }

  async send(request: SendRequest): ReturnType<EngineApi["send"]> {
    const { conversation, text, key } = request;
    requireText(text, TEXT_BYTES_MAX);
    return this.#sendOnce({ conversation, key, command: { kind: "send", text }, fingerprint: text });
  }

  async sendFile(request: SendFileRequest): ReturnType<EngineApi["sendFile"]> {
    const { conversation, key, ...file } = request;
    requireFile(file);
    // Not the bytes themselves: the fingerprint is kept for a month.
    const fingerprint = key === undefined ? "" : `file\u0000${file.name}\u0000${contentDigest(file.data)}`;
    return this.#sendOnce({ conversation, key, command: { kind: "send-file", ...file }, fingerprint });
  }

  async #sendOnce(request: Sending): ReturnType<EngineApi["send"]> {
    const { conversations } = this.#deps;
    const named = conversations.successorOf(conversations.find(request.conversation));
    // A conversation that was superseded between two calls is still the same addressee.
    const addressee = named.isHeard === null ? conversations.numberOf(named.handle) : named.peer;
    const fingerprint = `${addressee}\u0000${request.fingerprint}`;
    if (request.key !== undefined) {
      const known = this.#deps.store.idempotent(request.key);
      if (known !== undefined) return this.#repeated(known, fingerprint, named.handle);
    }
    // Without a pause for all others: what is asked in order is posted in order, and before a stop that comes next.
    const conversation = named.standing === "rolled-back" ? await this.#begunAnew(named) : named;
    const number = conversations.numberOf(conversation.handle);
    const origin = request.key === undefined ? {} : { idempotency: { key: request.key, fingerprint } };
    const answered = () => (request.key === undefined ? undefined : this.#deps.store.idempotent(request.key));
    let outcome: AcceptedTurn | undefined;
    try {
      // Asked again when earlier turns have ended: two callers may hold the same key.
      outcome = await this.run(number, request.command, origin, () => answered() === undefined);
    } catch (error) {
      // The key was taken by another conversation's turn in the same moment, or our own commit is durable after all.
      const known = answered();
      if (known === undefined) throw error;
      return this.#repeated(known, fingerprint, conversation.handle);
    }
    if (outcome === undefined) return this.#sendOnce(request);
    const { messageId } = outcome.reply as { messageId: string };
    return {
      messageId,
      state: this.#deps.store.message(messageId as MessageId)?.state ?? ("queued" as MessageState),
      conversation: conversation.handle,
    };
  }

  /** Nothing is sent in a conversation that was rolled back: its peer is invited to a new one, once (ADR 0034). */
  async #begunAnew(view: ConversationView): Promise<ConversationView> {
    const { conversations } = this.#deps;
    const current = () => conversations.successorOf(view);
    const isWanted = () => current().standing === "rolled-back";
    await this.run(INBOX, { kind: "begin-anew", peer: view.peer }, {}, isWanted);
    return current();
  }

  /** For a conversation that may have been closed meanwhile. */
  async runUnlessGone(number: number, command: unknown): Promise<void> {
    try {
      await this.run(number, command);
    } catch (error) {
      const isGone = error instanceof UmbradError && error.code === "conversation/unknown";
      if (!isGone) throw error;
    }
  }

  /** One command as a turn; a refusal is an error. */
  async run(number: number, command: unknown, origin?: TurnOrigin): Promise<AcceptedTurn>;
  async run(
    number: number,
    command: unknown,
    origin: TurnOrigin,
    isWanted: () => boolean,
  ): Promise<AcceptedTurn | undefined>;
  async run(
    number: number,
    command: unknown,
    origin: TurnOrigin = {},
    isWanted = () => true,
  ): Promise<AcceptedTurn | undefined> {
    const phase = this.#deps.phase();
    if (phase !== "running") {
      throw new UmbradError("daemon/not-running", `the daemon is ${phase} and takes no commands`, {
        hint: "try again when `umbrad status` says ready",
      });
    }
    const type = this.#deps.conversations.typeOf(number);
    if (type === undefined)
      throw new UmbradError("conversation/unknown", `there is no open conversation ${handleOf(number)}`);
    const parsed = type.command.safeParse(command);
    if (!parsed.success)
      throw new UmbradError("command/malformed", `${type.name} does not take this command: ${faultsOf(parsed.error)}`);
    const input: Input<unknown> = { kind: "command", command: parsed.data };
    let wasWanted = true;
    const outcome = await this.#deps.turns.run(number, () => {
      wasWanted = isWanted();
      return wasWanted ? { input, origin } : undefined;
    });
    if (!wasWanted) return undefined;
    if (outcome.kind === "accepted") return outcome;
    const detail = outcome.kind === "rejected" ? outcome.detail : undefined;
    throw new UmbradError(outcome.reason.includes("/") ? outcome.reason : "command/refused", detail ?? outcome.reason);
  }

  #repeated(
    known: { readonly fingerprint: string; readonly reply: unknown },
    fingerprint: string,
    conversation: string,
  ) {
    if (known.fingerprint !== fingerprint) {
      throw new UmbradError("message/key-conflict", "this key was used for another message", {
        hint: "use a new key for a new message, or repeat the same conversation and text to get the first message's id",
      });
    }
    const { messageId } = known.reply as { messageId: string };
    return {
      messageId,
      state: this.#deps.store.message(messageId as MessageId)?.state ?? ("queued" as MessageState),
      conversation,
    };
  }
}

/** Where the schema tells its faults one by one: its message is a text for programs. */
function faultsOf({ message, issues }: { readonly message: string; readonly issues?: Issues | undefined }): string {
  return issues?.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ") ?? message;
}

type Issues = readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];

function requireFile({ name, data }: FileContent): void {
  if (!isFileName(name))
    throw new UmbradError("message/bad-file-name", `${JSON.stringify(name)} is not the name of a file`, {
      hint: "give a name of at most 255 bytes without / and \\",
    });
  if (data.length > FILE_BYTES_MAX)
    throw new UmbradError("message/too-large", `the file has ${data.length} bytes, the limit is ${FILE_BYTES_MAX}`);
}

function requireText(text: string, bytesMax: number): void {
  const bytes = Buffer.byteLength(text);
  if (bytes === 0)
    throw new UmbradError("message/empty", "the message has no text", {
      hint: "give the text as an argument, or - to read it from standard input",
    });
  if (bytes > bytesMax) {
    throw new UmbradError("message/too-large", `the text has ${bytes} bytes, the limit is ${bytesMax}`, {
      hint: "send it as a file: umbrad send CONVERSATION --file F",
    });
  }
}
