/**
 * Runs the tests for the mutation tester: every file is loaded once, and each mutant, which is switched on
 * in the running process, is met by the tests alone that reach it.
 */
import { resolve } from 'node:path';
import { INSTRUMENTER_CONSTANTS, type InstrumenterContext, type StrykerOptions } from '@stryker-mutator/api/core';
import { commonTokens, declareClassPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin';
import {
  determineHitLimitReached, DryRunStatus, TestStatus, toMutantRunResult, type DryRunOptions, type DryRunResult,
  type MutantRunOptions, type MutantRunResult, type TestResult, type TestRunner, type TestRunnerCapabilities,
} from '@stryker-mutator/api/test-runner';
import Mocha from 'mocha';

interface SuiteOptions {
  spec: string[];
  /** A test that has not ended by then has noticed its mutant; missing: the mutation tester's own, longer time rules. */
  timeoutMs?: number;
}

class SuiteRunner implements TestRunner {
  static inject = tokens(commonTokens.options);
  readonly #suite: SuiteOptions;
  readonly #mocha: Mocha;
  readonly #context: InstrumenterContext;
  #onTest: ((title: string) => void) | undefined;
  #isLoaded = false;

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
    const onTest = (title: string) => this.#onTest?.(title);
    this.#mocha.suite.beforeEach(function noteTest() { onTest(this.currentTest!.fullTitle()); });
  }

  async dryRun(options: DryRunOptions): Promise<DryRunResult> {
    if (options.coverageAnalysis === 'perTest') this.#onTest = (title) => { this.#context.currentTestId = title; };
    const result = await this.#run(() => true, options.disableBail);
    this.#onTest = undefined;
    return result.status === DryRunStatus.Complete ? { ...result, mutantCoverage: this.#context.mutantCoverage } : result;
  }

  async mutantRun({ activeMutant, testFilter, disableBail, hitLimit, mutantActivation }: MutantRunOptions): Promise<MutantRunResult> {
    this.#context.hitLimit = hitLimit;
    this.#context.hitCount = hitLimit === undefined ? undefined : 0;
    const chosen = testFilter && new Set(testFilter);
    const result = await this.#run((title) => !chosen || chosen.has(title), disableBail, activeMutant.id, mutantActivation === 'static');
    return toMutantRunResult(result);
  }

  async #run(isChosen: (title: string) => boolean, disableBail: boolean, mutant?: string, isStatic = false): Promise<DryRunResult> {
    try {
      if (!this.#isLoaded) {
        this.#context.activeMutant = isStatic ? mutant : undefined;
        await this.#mocha.loadFilesAsync();
        this.#isLoaded = true;
      }
      this.#context.activeMutant = mutant;
      bail(this.#mocha.suite, !disableBail);
      // A set of titles: one pattern of thousands of alternatives would cost more than the tests.
      this.#mocha.grep({ test: isChosen } as RegExp);
      const tests = await this.#tests();
      return determineHitLimitReached(this.#context.hitCount, this.#context.hitLimit) ?? { status: DryRunStatus.Complete, tests };
    } catch (error) {
      return { status: DryRunStatus.Error, errorMessage: (error as Error).stack ?? String(error) };
    }
  }

  #tests(): Promise<TestResult[]> {
    const tests: TestResult[] = [];
    const base = (one: Mocha.Runnable) => ({ id: one.fullTitle(), name: one.fullTitle(), timeSpentMs: one.duration ?? 0 });
    return new Promise((done) => {
      this.#mocha.run(() => done(tests))
        .on('pass', (test) => tests.push({ ...base(test), status: TestStatus.Success }))
        .on('pending', (test) => tests.push({ ...base(test), status: TestStatus.Skipped }))
        .on('fail', (test, error: Error) => tests.push({ ...base(test), status: TestStatus.Failed, failureMessage: error.message ?? String(error) }));
    });
  }
}

function bail(suite: Mocha.Suite, isBailing: boolean): void {
  suite.bail(isBailing);
  for (const child of suite.suites) bail(child, isBailing);
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'suite', SuiteRunner)];
