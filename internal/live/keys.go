package live

import (
	"iter"

	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/keylog"
	"github.com/respsniff/respsniff/internal/notice"
	"github.com/respsniff/respsniff/internal/tlsrecord"
	"github.com/respsniff/respsniff/reassembly"
)

// keys are the secrets of TLS connections that a run has, and where more of them come from.
type keys struct {
	log      *keylog.Log
	follower *keylog.Follower // nil: no key log is named
}

// open opens the key logs, for which rights may be needed that are dropped next.
func (k *keys) open(source Source, o *Options, log *notice.Log) error {
	if s, ok := source.(*Stdin); ok {
		s.secrets = k.log.Stream().Block
	}
	if len(o.Keylogs) == 0 && o.KeylogDefault == "" {
		return nil
	}
	k.follower = k.log.Follow()
	for _, name := range o.Keylogs {
		there, err := k.follower.Add(name)
		if err != nil {
			return refusef("--keylog: %w", err)
		}
		if !there {
			log.Warn("--keylog: %s is not there yet; it is read as soon as it is", name)
		}
	}
	if name := o.KeylogDefault; name != "" {
		if _, err := k.follower.Add(name); err != nil {
			log.Warn("%s: %v", keylog.Environment, err)
		}
	}
	return nil
}

// segments reads the records of TLS. Where the log grows, connections wait for their secrets.
func (k *keys) segments(in iter.Seq2[*reassembly.Segment, error], bounds *bound.Set) iter.Seq2[*reassembly.Segment, error] {
	if k.follower != nil {
		in = tlsrecord.Wait(k.log, bounds, in)
	}
	return tlsrecord.New(k.log, bounds).Segments(in)
}

// arm lets a secret that is missing be looked for once until the next packet: a client writes it down before it sends what is
// encrypted with it.
func (k *keys) arm() {
	if k.follower != nil {
		k.log.Missing = k.follower.Poll
	}
}

// check looks at the files themselves. An error is returned once for each.
func (k *keys) check() error {
	if k.follower == nil {
		return nil
	}
	return k.follower.Check()
}

func (k *keys) close() {
	if k.follower != nil {
		k.follower.Close()
	}
}
