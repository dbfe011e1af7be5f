package report

import _ "embed" // the schema

// Schema is the JSON Schema (draft 2020-12) of everything that is written as JSON or NDJSON.
//
//go:embed schema.json
var Schema []byte
