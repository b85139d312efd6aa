/** Says in its first piece when it wrote it, in ms since the epoch, and goes on for a moment: whoever buffers is found out. */
export default async function* timedStream(): AsyncGenerator<string> {
  yield String(performance.timeOrigin + performance.now());
  await new Promise((resolve) => setTimeout(resolve, 20));
  yield '.';
}
