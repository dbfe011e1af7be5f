package reader

import "github.com/respsniff/respsniff/analysis/client"

// closing is the chance that a connection is closed right after a reply was read: callers that got another's reply find
// errors and close more often.
func closing(par *client.Params, own bool, o *Options) float64 {
	if own || o.Without.Has(TermEnds) {
		return par.Closing
	}
	return par.ClosingOdd
}
