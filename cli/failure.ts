/** How a command ends when it cannot do what it was asked; scripts rely on these numbers. */
export const EXIT = { ok: 0, refused: 1, usage: 2, unreachable: 3 } as const;

/** Printed as one line after `error:`, without a stack. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';

  constructor(message: string, readonly exitCode: number = EXIT.refused, readonly details?: unknown) {
    super(message);
  }
}

export function wrongUsage(message: string): CliFailure {
  return new CliFailure(message, EXIT.usage);
}
