/** Amounts of memory and processors as Kubernetes writes them. */

const FACTORS: Record<string, number> = {
  '': 1, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
};

/** `128Mi` → 134217728, `500m` → 0.5. Undefined for what is no quantity, or not above 0. */
export function quantity(text: string): number | undefined {
  const [, amount, unit = ''] = /^(\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?)([A-Za-z]{0,2})$/.exec(text.trim()) ?? [];
  const factor = Object.hasOwn(FACTORS, unit) ? FACTORS[unit] : undefined;
  if (amount === undefined || factor === undefined) return undefined;
  const value = Number(amount) * factor;
  return Number.isFinite(value) && value > 0 ? value : undefined;
}
