/** The mutation tester's reports, as far as they are read. */
export interface Mutant {
  status: string;
  mutatorName: string;
  replacement?: string;
  statusReason?: string;
  location: { start: Position; end: Position };
}

interface Position {
  line: number;
  column: number;
}

export interface MutationReport {
  files: Record<string, { source: string; mutants: Mutant[] }>;
}

/**
 * `RuntimeError` and `Timeout`: the tests could not be run, or not to their end on a busy machine, so that nothing is known.
 * (A single test that does not end has failed: its mutant is killed.)
 */
const UNKNOWN = ['RuntimeError', 'Timeout'];
const SURVIVED = ['Survived', 'NoCoverage'];

/** It came by the same place a hundred times as often as without the mutant: that is an end, too. */
const isEndless = ({ status, statusReason }: Mutant): boolean => status === 'Timeout' && /hit limit/i.test(statusReason ?? '');

export const isAlive = (mutant: Mutant): boolean => SURVIVED.includes(mutant.status) || UNKNOWN.includes(mutant.status) && !isEndless(mutant);
export const isCounted = (mutant: Mutant): boolean => mutant.status === 'Killed' || isEndless(mutant) || isAlive(mutant);

/** Lines with mutants that were not killed, as the mutation tester wants to be told of them. */
export function linesAlive(report: MutationReport, file: string): string[] {
  return report.files[file]!.mutants.filter(isAlive).map(({ location: { start, end } }) => `${file}:${start.line}-${end.line}`);
}

/** A file's report, with the mutants that a later one has as they are there. */
export function merged(former: MutationReport, later: MutationReport, file: string): MutationReport {
  const keyOf = ({ mutatorName, replacement, location }: Mutant) => JSON.stringify([mutatorName, replacement, location.start, location.end]);
  const found = new Map(later.files[file]!.mutants.filter(isCounted).map((mutant) => [keyOf(mutant), mutant]));
  const mutants = former.files[file]!.mutants.map((mutant) => found.get(keyOf(mutant)) ?? mutant);
  return { ...former, files: { [file]: { ...former.files[file]!, mutants } } };
}

const STATUS: Record<string, string> = { killed: 'Killed', survived: 'Survived', timeout: 'Timeout', error: 'RuntimeError' };

/** What a run that did not come to its end found out about a file, from the lines that runner.ts wrote. */
export function ofPart(lines: string, file: string, source: string): MutationReport {
  const mutants = lines.trimEnd().split('\n').map((line) => JSON.parse(line) as Mutant & { fileName: string })
    .filter(({ fileName }) => fileName.endsWith(file))
    .map(({ location: { start, end }, ...mutant }): Mutant => ({ ...mutant, status: STATUS[mutant.status]!, location: { start: fromOne(start), end: fromOne(end) } }));
  return { files: { [file]: { source, mutants } } };
}

/** Inside the mutation tester lines and columns begin with 0, in its reports with 1. */
const fromOne = ({ line, column }: Position): Position => ({ line: line + 1, column: column + 1 });
