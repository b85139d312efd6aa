/**
 * Runs the tests for the mutation tester: every file is loaded once, and each mutant, which is switched on
 * in the running process, is met by the tests alone that reach it.
 */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { INSTRUMENTER_CONSTANTS, type InstrumenterContext, type MutantCoverage, type StrykerOptions } from '@stryker-mutator/api/core';
import { commonTokens, declareClassPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin';
import {
  determineHitLimitReached, DryRunStatus, TestStatus, toMutantRunResult, type DryRunOptions, type DryRunResult,
  type MutantRunOptions, type MutantRunResult, type TestResult, type TestRunner, type TestRunnerCapabilities,
} from '@stryker-mutator/api/test-runner';
import Mocha from 'mocha';

interface SuiteOptions {
  spec: string[];
  /** A test or hook that has not ended by then has noticed its mutant; missing: the mutation tester's own, longer time rules. */
  timeoutMs?: number;
  /** Tests with such words in their titles are left out: they take long. */
  without?: string[];
}

/** What runs between the tests, the hooks around them first of all, belongs to every test. */
const AROUND = 'around the tests';
const STRAY = { id: 'all of them', name: 'all of them', timeSpentMs: 0 };
const LOADING = { id: 'loading the tests', name: 'loading the tests', timeSpentMs: 0 };
/** After the answer is on its way. */
const FAREWELL_MS = 20;
/** What is known so far, a line a mutant, for a run that does not come to its end. Beside the mutation tester's copy of the project. */
const TESTED = '../tested.jsonl';
/** How long each test takes without a mutant, in ms: every process of a run reads it. In the mutation tester's copy of the project. */
const DURATIONS = 'durations.json';
/** A test that takes so many times as long as it took without a mutant, and no less than PATIENCE_MS, has noticed the mutant. */
const PATIENCE = 50;
const PATIENCE_MS = 20_000;

class SuiteRunner implements TestRunner {
  static inject = tokens(commonTokens.options);
  readonly #suite: SuiteOptions;
  readonly #mocha: Mocha;
  readonly #context: InstrumenterContext;
  #isLoaded = false;
  #isCovering = false;
  /** A test was given up: whatever it still waits for must not disturb the next mutant, which gets a process of its own. */
  #hasLeftovers = false;
  #stray: { reason: unknown } | undefined;

  constructor(readonly options: StrykerOptions) {
    this.#suite = (options as unknown as { suite: SuiteOptions }).suite;
    this.#mocha = new Mocha({ timeout: this.#suite.timeoutMs ?? 0, reporter: Mocha.reporters.Base });
    const everywhere = globalThis as unknown as Record<string, InstrumenterContext>;
    this.#context = everywhere[INSTRUMENTER_CONSTANTS.NAMESPACE] ??= {} as InstrumenterContext;
  }

  capabilities(): TestRunnerCapabilities {
    return { reloadEnvironment: false };
  }

  async init(): Promise<void> {
    for (const file of this.#suite.spec) this.#mocha.addFile(resolve(file));
    this.#mocha.cleanReferencesAfterRun(false);
    const now = (title: string) => this.#now(title);
    this.#mocha.suite.beforeEach(function noteTest() { now(this.currentTest!.fullTitle()); });
    this.#mocha.suite.afterEach(() => now(AROUND));
    // As with mocha's own command nothing passes where something fails that nobody catches.
    process.on('unhandledRejection', (reason) => { this.#stray ??= { reason }; });
  }

  async dryRun(options: DryRunOptions): Promise<DryRunResult> {
    this.#isCovering = options.coverageAnalysis === 'perTest';
    const result = await this.#run(() => true, options.disableBail);
    this.#isCovering = false;
    if (result.status !== DryRunStatus.Complete) return result;
    await writeFile(DURATIONS, JSON.stringify(Object.fromEntries(result.tests.map(({ id, timeSpentMs }) => [id, timeSpentMs]))));
    await this.#endPatience();
    return { ...result, mutantCoverage: spread(this.#context.mutantCoverage, result.tests) };
  }

  async mutantRun({ activeMutant, testFilter, disableBail, hitLimit, mutantActivation }: MutantRunOptions): Promise<MutantRunResult> {
    this.#context.hitLimit = hitLimit;
    this.#context.hitCount = hitLimit === undefined ? undefined : 0;
    const chosen = testFilter && new Set(testFilter);
    const result = await this.#run((title) => !chosen || chosen.has(title), disableBail, activeMutant.id, mutantActivation === 'static');
    if (this.#hasLeftovers) setTimeout(() => process.exit(), FAREWELL_MS);
    const answer = toMutantRunResult(result);
    await appendFile(TESTED, `${JSON.stringify({ ...activeMutant, status: answer.status })}\n`);
    return answer;
  }

  async #run(isChosen: (title: string) => boolean, disableBail: boolean, mutant?: string, isStatic = false): Promise<DryRunResult> {
    try {
      if (!this.#isLoaded) {
        this.#context.activeMutant = isStatic ? mutant : undefined;
        await this.#mocha.loadFilesAsync();
        this.#isLoaded = true;
        await this.#endPatience();
      }
      this.#context.activeMutant = mutant;
      this.#now(AROUND);
      bail(this.#mocha.suite, !disableBail);
      // A set of titles: one pattern of thousands of alternatives would cost more than the tests.
      this.#mocha.grep({ test: (title: string) => isChosen(title) && !this.#suite.without?.some((words) => title.includes(words)) } as RegExp);
      const tests = await this.#tests();
      return determineHitLimitReached(this.#context.hitCount, this.#context.hitLimit) ?? { status: DryRunStatus.Complete, tests };
    } catch (error) {
      const failureMessage = (error as Error).stack ?? String(error);
      // Tests that cannot even be loaded with a mutant have noticed it.
      if (mutant !== undefined) return { status: DryRunStatus.Complete, tests: [{ ...LOADING, status: TestStatus.Failed, failureMessage }] };
      return { status: DryRunStatus.Error, errorMessage: failureMessage };
    }
  }

  /** Limits each test by what it took. Nothing is known before the first run. */
  async #endPatience(): Promise<void> {
    const known = await readFile(DURATIONS, 'utf8').catch(() => undefined);
    if (this.#suite.timeoutMs === undefined || known === undefined) return;
    const durations = JSON.parse(known) as Record<string, number>;
    this.#mocha.suite.eachTest((test) => { test.timeout(Math.max(PATIENCE * (durations[test.fullTitle()] ?? 0), PATIENCE_MS)); });
  }

  /** Whose the mutants are that are reached from now on. */
  #now(title: string): void {
    if (this.#isCovering) this.#context.currentTestId = title;
  }

  #tests(): Promise<TestResult[]> {
    const tests: TestResult[] = [];
    const base = (one: Mocha.Runnable) => ({ id: one.fullTitle(), name: one.fullTitle(), timeSpentMs: one.duration ?? 0 });
    return new Promise((done) => {
      this.#mocha.run(() => setImmediate(() => {
        if (this.#stray) tests.push({ ...STRAY, status: TestStatus.Failed, failureMessage: String(this.#stray.reason) });
        this.#hasLeftovers ||= this.#stray !== undefined;
        done(tests);
      }))
        .on('pass', (test) => tests.push({ ...base(test), status: TestStatus.Success }))
        .on('pending', (test) => tests.push({ ...base(test), status: TestStatus.Skipped }))
        .on('fail', (test, error: Error & { code?: string; uncaught?: boolean }) => {
          // Of a former mutant's test, that is: nothing is said about this one, and it is tried again in a process of its own.
          if (error.code === 'ERR_MOCHA_MULTIPLE_DONE') process.exit(1);
          if (error.code === 'ERR_MOCHA_TIMEOUT' || error.uncaught) this.#hasLeftovers = true;
          tests.push({ ...base(test), status: TestStatus.Failed, failureMessage: error.message ?? String(error) });
        });
    });
  }
}

function bail(suite: Mocha.Suite, isBailing: boolean): void {
  suite.bail(isBailing);
  for (const child of suite.suites) bail(child, isBailing);
}

/**
 * What was reached around the tests as reached by each of them. Static, and in need of a process of its own, is only what no test
 * reaches: the others are met where they are reached, without loading everything again.
 */
function spread(coverage: MutantCoverage | undefined, tests: TestResult[]): MutantCoverage | undefined {
  if (!coverage) return undefined;
  const { [AROUND]: around = {}, ...perTest } = coverage.perTest;
  for (const { id } of tests) {
    const mine = perTest[id] ??= {};
    for (const [mutant, hits] of Object.entries(around)) mine[mutant] = (mine[mutant] ?? 0) + hits;
  }
  const reached = new Set(Object.values(perTest).flatMap((mine) => Object.keys(mine)));
  return { static: Object.fromEntries(Object.entries(coverage.static).filter(([mutant]) => !reached.has(mutant))), perTest };
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'suite', SuiteRunner)];
