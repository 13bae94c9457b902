/** One queue per conversation: turns of one conversation never overlap, conversations run independently. */

export interface Mailboxes {
  /** Runs `turn` after every earlier one of the same conversation has ended, whatever became of it. */
  post<T>(conversation: number, turn: () => Promise<T>): Promise<T>;
  /** Resolves when nothing posted so far is pending. */
  idle(): Promise<void>;
  pending(): number;
}

export function createMailboxes(): Mailboxes {
  const tails = new Map<number, Promise<void>>();
  const ready = Promise.resolve();
  let pending = 0;
  return {
    post(conversation, turn) {
      pending += 1;
      // Never called from within `post`: a turn that posts to its own conversation must find itself in the queue.
      const run = (tails.get(conversation) ?? ready).then(() => turn());
      const settle = (): void => {
        pending -= 1;
        if (tails.get(conversation) === tail) tails.delete(conversation);
      };
      // The tail never rejects: a failed turn must not fail the one behind it.
      const tail: Promise<void> = run.then(settle, settle);
      tails.set(conversation, tail);
      return run;
    },
    async idle() {
      while (tails.size > 0) await Promise.all(tails.values());
    },
    pending: () => pending,
  };
}
