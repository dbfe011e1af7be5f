// Runs the SQL texts of a JSON array on standard input, in order, and prints for each the columns and rows of its last
// statement.
import { readFileSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'

const connection = await (await DuckDBInstance.create(':memory:')).connect()
const results = []
for (const sql of JSON.parse(readFileSync(0, 'utf8'))) {
  let reader
  for (const statement of sql.split(/;\s*(?:\n|$)/).filter((text) => text.trim() !== '')) {
    reader = await connection.runAndReadAll(statement)
  }
  results.push({
    columns: reader.columnNames(),
    rows: reader.getRows().map((row) => row.map((value) => (value === null ? '' : String(value)))),
  })
}
process.stdout.write(JSON.stringify(results))
