/** Questions to the oracle of a domain. */
import { CliFailure, EXIT } from './failure.js';
import type { Target } from './target.js';

export function oracleOf({ oracleUrl }: Target): string {
  if (oracleUrl !== undefined) return oracleUrl;
  throw new CliFailure('the oracle is known through a domain\'s state folder only: use --domain FOLDER', EXIT.unreachable);
}

export function askOracle<T>(target: Target, path: string): Promise<T> {
  return target.client.json<T>(oracleOf(target), 'GET', path);
}
