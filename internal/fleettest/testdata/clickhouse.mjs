// Runs the SQL texts of a JSON array on standard input, in order, and prints for each the columns and rows of its last
// statement.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { Session } = createRequire(process.env.RESPSNIFF_CHDB + '/')('chdb')
const session = new Session()
const results = []
for (const sql of JSON.parse(readFileSync(0, 'utf8'))) {
  let text = ''
  for (const statement of sql.split(/;\s*(?:\n|$)/).filter((text) => text.trim() !== '')) {
    text = session.query(statement, 'JSONCompactStrings')
  }
  const { meta = [], data = [] } = text === '' ? {} : JSON.parse(text)
  results.push({ columns: meta.map((column) => column.name), rows: data })
}
session.cleanup()
process.stdout.write(JSON.stringify(results))
