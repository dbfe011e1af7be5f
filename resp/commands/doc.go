// Package commands knows what each Redis command takes and may be answered with: its arguments, keys and flags, the
// replies that can answer one call of it (Call.Allows), and which arguments and replies hold secrets.
//
// The table is made from the command descriptions of Valkey 8.0.
package commands

//go:generate go run ./internal/gentable -commands $VALKEY_COMMANDS -out table_gen.go -markers internal/gentable/markers.txt
