/**
 * The mirror's settings, by the names that EDGELESS gives them: `[proxy]` of an orchestrator's TOML, or the
 * same in YAML.
 */
export interface DatasetSettings {
  dataset_path: string;
  append: boolean;
  /** Values put before every row; `additional_header` names them. */
  additional_fields: string;
  additional_header: string;
}

export interface ProxySettings {
  proxy_type: 'Redis' | 'None';
  redis_url: string;
  proxy_gc_period_seconds: number;
  dataset_settings?: DatasetSettings;
  /** Which of the two layouts of performance keys is written. */
  performance_keys: 'both' | 'seed' | 'current';
  /** `proxy_type = "None"` was said, and not only left out. */
  is_off: boolean;
}

const DEFAULT_GC_SECONDS = 60;

/** Throws an Error that names the setting and says what it may be. */
export function proxySettings(given: unknown): ProxySettings {
  const section = objectOf(given, 'proxy');
  const type = section.proxy_type ?? 'None';
  if (type !== 'Redis' && type !== 'None') throw new Error(`proxy_type is Redis or None, not ${JSON.stringify(type)}`);
  const url = section.redis_url ?? '';
  if (typeof url !== 'string' || (type === 'Redis' && !/^(redis|rediss|unix):\/\//.test(url))) throw new Error('redis_url is an address such as redis://127.0.0.1:6379');
  const seconds = section.proxy_gc_period_seconds ?? DEFAULT_GC_SECONDS;
  if (typeof seconds !== 'number' || !(seconds > 0)) throw new Error('proxy_gc_period_seconds is a number above 0');
  const keys = section.performance_keys ?? 'both';
  if (keys !== 'both' && keys !== 'seed' && keys !== 'current') throw new Error('performance_keys is both, seed or current');
  const dataset = datasetSettings(section);
  return { proxy_type: type, redis_url: url, proxy_gc_period_seconds: seconds, performance_keys: keys, is_off: section.proxy_type === 'None', ...(dataset && { dataset_settings: dataset }) };
}

/** In a section of its own, or beside the other settings. */
function datasetSettings(section: Record<string, unknown>): DatasetSettings | undefined {
  const { dataset_path: path, append = true, additional_fields: fields = '', additional_header: header = '' } = {
    ...section, ...(section.dataset_settings === undefined ? {} : objectOf(section.dataset_settings, 'dataset_settings')),
  } as Record<string, unknown>;
  if (path === undefined || path === '') return undefined;
  if (typeof path !== 'string') throw new Error('dataset_path is the path of a folder');
  if (typeof append !== 'boolean') throw new Error('append is true or false');
  if (typeof fields !== 'string' || typeof header !== 'string') throw new Error('additional_fields and additional_header are texts');
  if (columnsOf(fields) !== columnsOf(header)) throw new Error('additional_fields and additional_header have the same number of columns');
  return { dataset_path: path, append, additional_fields: fields, additional_header: header };
}

function columnsOf(text: string): number {
  return text === '' ? 0 : text.split(',').length;
}

function objectOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`${name} is a table of settings`);
}
