/** How a supervisor is told to stop: the first signal asks for an ordered stop, the second one kills. */
const SIGNALS: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export function untilStopped(kill: () => Promise<void>, say: (line: string) => void): { asked: Promise<void>; forget(): void } {
  let isAsked = false;
  let resolveAsked: () => void;
  const asked = new Promise<void>((done) => { resolveAsked = done; });
  const hear = () => {
    if (isAsked) {
      void kill().finally(() => process.exit(1));
      return;
    }
    isAsked = true;
    say('stopping; once more kills');
    resolveAsked();
  };
  for (const each of SIGNALS) process.on(each, hear);
  return { asked, forget: () => SIGNALS.forEach((each) => process.off(each, hear)) };
}
