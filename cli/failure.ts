/** How a command ends when it cannot do what it was asked; scripts rely on these numbers. */
export const EXIT = { ok: 0, refused: 1, usage: 2, unreachable: 3 } as const;

/** Printed as one line after `error:`, without a stack. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';

  constructor(message: string, readonly exitCode: number = EXIT.refused, readonly details?: unknown) {
    super(message);
  }
}

/** What kept a file from being read, in words. */
export function reasonOfFile(error: unknown, file: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    ENOENT: `there is no ${file}`, ENOTDIR: `there is no ${file}`, EACCES: `this user may not read ${file}`, EISDIR: `${file} is a folder`,
  };
  return reasons[code ?? ''] ?? message;
}

export function wrongUsage(message: string): CliFailure {
  return new CliFailure(message, EXIT.usage);
}
