/** What a command's environment says about the way it is run, in the classic watchdog's words. */

export interface CommandSettings {
  /** Headers and the rest of the request are in the process's environment. */
  cgiHeaders: boolean;
  /** Standard error is part of the answer; otherwise of the log. */
  combineOutput: boolean;
  /** Output goes to the log too. */
  writeDebug: boolean;
  /** The process reads JSON with headers and body instead of the body. */
  marshalRequest: boolean;
  /** Type of every answer; undefined: the request's. */
  contentType: string | undefined;
  /** Requests at once in one replica, 0 without a limit of its own. */
  maxInflight: number;
}

export function settingsOf(env: Record<string, string>): CommandSettings {
  const flag = (name: string, otherwise: boolean) => env[name] === undefined || env[name] === '' ? otherwise : /^(?:true|1|t)$/i.test(env[name]!);
  return {
    cgiHeaders: flag('cgi_headers', true), combineOutput: flag('combine_output', true), writeDebug: flag('write_debug', false),
    marshalRequest: flag('marshal_request', false), contentType: env['content_type'] || undefined,
    maxInflight: /^\d{1,6}$/.test(env['max_inflight'] ?? '') ? Number(env['max_inflight']) : 0,
  };
}
