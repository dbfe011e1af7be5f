package pairing

import (
	"bytes"
	"fmt"

	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// Printer prints commands and replies as far as the user allows.
type Printer struct {
	MaskKeys   bool // stable tokens instead of keys
	ShowValues bool // values in evidence, never secrets
}

// CommandName returns the command's name in upper case, with its subcommand where it has one, safe to print.
func (ex *Exchange) CommandName() string {
	if ex.Command != nil {
		return ex.Command.String()
	}
	return ex.Word(32)
}

// Word returns, of a command that is not in the table, so many characters of the name as sent, in upper case. Where nothing shows
// that it is a name, and not a password that stands in its place, it is the length: its place must be certain, and it must
// be of letters or the server must know it.
func (ex *Exchange) Word(width int) string {
	name, text := ex.Name.Raw(), ex.Serves.Text.Raw()
	refused := ex.Serves.IsError() && (len(text) == 0 || commands.RepeatsSecret(string(text)) || bytes.HasPrefix(text, []byte("NOAUTH")))
	switch {
	case commands.IsName(name):
	case ex.Flags&(Misplaced|Uncertain|AfterHole) != 0, !commands.IsWord(name) && (!ex.Served || refused):
		return fmt.Sprintf("word of %d bytes", ex.Name.Len())
	}
	return resp.TextOf(bytes.ToUpper(name)).Short(width)
}

// KeyWidth is how much of a key is shown.
const KeyWidth = 64

// Key returns the command's first key as it may be printed.
func (p Printer) Key(ex *Exchange) string {
	if !ex.HasKey {
		return ""
	}
	if p.MaskKeys {
		return resp.MaskKey(ex.Key.Raw())
	}
	return resp.TextOf(ex.Key.Raw()).Short(KeyWidth)
}

// Describe describes a reply without its value: errors and status lines whole, anything else by type and
// size, unless values are to be shown.
func (p Printer) Describe(ex *Exchange, in *ReplyInfo) string {
	text := resp.TextOf(in.Text.Raw())
	switch in.Kind {
	case resp.NoKind:
		return fmt.Sprintf("encrypted, %d bytes", in.N)
	case resp.Null:
		return "nil"
	case resp.Integer:
		if p.ShowValues {
			return fmt.Sprintf("integer %d", in.N)
		}
		return "integer"
	case resp.Simple:
		return "+" + resp.TextOf([]byte(commands.HideRepeated(string(in.Text.Raw())))).Short(40)
	case resp.Error:
		return "-" + resp.TextOf([]byte(commands.HideRepeated(string(in.Text.Raw())))).Short(60)
	case resp.Array, resp.Map, resp.Set, resp.Push:
		return fmt.Sprintf("%s of %d", in.Kind, in.N)
	}
	if p.ShowValues && !ex.secretReply {
		return fmt.Sprintf("%s %q", in.Kind, text.Short(40))
	}
	return fmt.Sprintf("%s, %d bytes", in.Kind, in.Text.Len())
}
