/** CSV to Parquet by DuckDB, which is loaded when it is first needed and given back afterwards. */

export async function csvToParquet(csv: string, parquet: string): Promise<void> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  try {
    const connection = await instance.connect();
    await connection.run(`COPY (SELECT * FROM read_csv(${quoted(csv)}, header = true, all_varchar = false)) TO ${quoted(parquet)} (FORMAT parquet)`);
    connection.closeSync();
  } finally {
    instance.closeSync();
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll('\'', '\'\'')}'`;
}
