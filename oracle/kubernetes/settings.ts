/** Where the load of machines comes from in Kubernetes. */

export interface KubernetesSettings {
  /** Of the API server: metrics-server is asked through it. */
  url: string;
  /** File with a bearer token; read anew each time, because Kubernetes turns it over. */
  tokenFile?: string;
  /** File with the certificate of whoever signed the server's. */
  caFile?: string;
  everySeconds: number;
  /** Our name of a node → Kubernetes' name of the machine it runs on. */
  nodes: Record<string, string>;
}

const KEYS = ['url', 'tokenFile', 'caFile', 'everySeconds', 'nodes'];
/** As often as metrics-server measures. */
const USUAL_SECONDS = 15;

/** Throws an Error that names the setting and says what it may be. Undefined when there is no such section. */
export function kubernetesSettings(given: unknown): KubernetesSettings | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== 'object' || Array.isArray(given)) throw new Error('kubernetes is a table of settings');
  const section = given as Record<string, unknown>;
  const unknown = Object.keys(section).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw new Error(`kubernetes.${unknown} is no setting; there are ${KEYS.join(', ')}`);
  const { url, tokenFile, caFile, everySeconds = USUAL_SECONDS, nodes = {} } = section;
  if (typeof url !== 'string' || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new Error('kubernetes.url is the http address of the API server');
  for (const [name, file] of [['tokenFile', tokenFile], ['caFile', caFile]] as const) {
    if (file !== undefined && (typeof file !== 'string' || file === '')) throw new Error(`kubernetes.${name} is the path of a file`);
  }
  if (typeof everySeconds !== 'number' || !(everySeconds >= 1)) throw new Error('kubernetes.everySeconds is a number from 1');
  if (typeof nodes !== 'object' || nodes === null || Array.isArray(nodes) || Object.values(nodes).some((each) => typeof each !== 'string')) {
    throw new Error('kubernetes.nodes is a table: our name of a node, and Kubernetes\' name of its machine');
  }
  return {
    url: url.replace(/\/+$/, ''), everySeconds, nodes: nodes as Record<string, string>,
    ...(tokenFile !== undefined && { tokenFile: tokenFile as string }), ...(caFile !== undefined && { caFile: caFile as string }),
  };
}
