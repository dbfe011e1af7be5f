package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/evidence"
	"github.com/respsniff/respsniff/internal/tally"
	"github.com/respsniff/respsniff/internal/tlsrecord"
	"github.com/respsniff/respsniff/internal/wholefile"
	"github.com/spf13/cobra"
)

// cutOptions are the flags of cut.
type cutOptions struct {
	analyze  analyzeOptions
	findings []string
	path     string
	raw      bool
	keys     bool
	secrets  []byte // of --keys
}

func newCutCommand(a *app) *cobra.Command {
	var o cutOptions
	cmd := &cobra.Command{
		Use:   "cut FILE... (--finding FINGERPRINT | --conn NUMBER) -o OUT.pcapng",
		Short: "Write the packets of a finding or a connection, with comments that describe what they show",
		Long: `Cut writes the packets of the connections that are examples of a finding, and of those it rests on,
or of connections by number, as pcapng: original times, and on the frames that matter a comment,
which Wireshark shows. Passwords are overwritten, with their lengths kept, unless --raw is given.
Everything else is as captured: keys and values are in it, and --mask changes the comments only. At
the end it says what it wrote, and why each connection is in it.`,
		Example: `  respsniff cut incident.pcap --finding RS101-7d751a0ac563 -o dirty.pcapng
  respsniff cut incident.pcap --finding dirty-reuse -o dirty.pcapng
  respsniff cut incident.pcap --conn 7 --conn 9 -o two.pcapng`,
		RunE: func(cmd *cobra.Command, names []string) error {
			switch {
			case o.path == "":
				return usagef("cut: give -o OUT.pcapng")
			case slices.Contains(o.findings, ""), len(o.findings)+len(o.analyze.filter.Conns) == 0:
				return usagef("cut: give --finding or --conn; 'respsniff analyze' prints fingerprints and connection numbers")
			case slices.Contains(names, "-"):
				return usagef("cut: standard input cannot be read twice: save the capture to a file")
			}
			if o.keys && !o.raw {
				return usagef("cut: --keys lets whoever has the file read the passwords in it: say so with --raw")
			}
			o.analyze.output.specs, o.analyze.output.clock = []string{"text"}, "abs"
			if err := o.analyze.check(); err != nil {
				return err
			}
			if o.path != "-" {
				if err := checkOutput("-o "+o.path, o.path, o.analyze.output.force); err != nil {
					return err
				}
			}
			return o.run(cmd.Context(), a, names)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.findings, "finding", nil, "the connections of this finding's examples, by `FINGERPRINT`, its beginning, or the rule's name; repeatable")
	f.Int64SliceVar(&o.analyze.filter.Conns, "conn", nil, "this connection `NUMBER`; repeatable")
	f.StringVarP(&o.path, "output", "o", "", "pcapng `FILE` to write, - for standard output")
	f.BoolVar(&o.analyze.output.force, "force", false, "overwrite the file")
	f.BoolVar(&o.raw, "raw", false, "leave passwords in")
	f.BoolVar(&o.keys, "keys", false, "put the TLS secrets of these connections into the file; needs --raw")
	under(cmd, headCommand)
	takesFiles(cmd)
	o.analyze.input.add(cmd)
	o.analyze.output.addZone(cmd)
	o.analyze.verdict.failOn = "none"
	return cmd
}

// maxCutRows bounds the connections among which those are looked for that a finding rests on.
const maxCutRows = 1 << 16

// run reads the captures several times: to find the connections of findings, to try which others they rest on, to learn
// what is secret on them, and to copy their packets.
func (o *cutOptions) run(ctx context.Context, a *app, names []string) error {
	conns := o.analyze.filter.Conns
	account := evidence.Account{Asked: conns, Clients: map[int64]netip.AddrPort{}, Mask: o.analyze.input.masked()}
	if len(o.findings) > 0 {
		finder := o.analyze
		finder.filter.Conns = nil
		var p *pipeline
		var all []*analysis.ConnSummary
		var limits bound.Set
		rows := limits.New(bound.Bound{Name: "connections of the capture", Limit: maxCutRows, Hides: "further connections that a finding rests on", Loses: bound.Detail})
		doc, err := finder.document(ctx, a, names, &p, func(event pairing.Event) {
			if c, ok := event.(*analysis.ConnSummary); ok && rows.Admits(len(all)) {
				row := *c
				all = append(all, &row)
				account.Clients[c.ID] = c.Client
			}
		})
		if err != nil {
			return err
		}
		found, err := o.choose(doc)
		if err != nil {
			return err
		}
		for _, limit := range tally.Reached(&limits) {
			a.warn("cut: %s", limit)
		}
		for i := range found {
			for j := range found[i].Examples {
				if c := found[i].Examples[j].Conn; c > 0 && !slices.Contains(conns, c) {
					conns = append(conns, c)
				}
			}
		}
		account.Found, account.Incidents = found, doc.Incidents
		if conns, account.Witnesses, err = o.widen(ctx, a, names, doc, all, found, conns); err != nil {
			return err
		}
	}
	cutter := evidence.New(conns, o.raw)
	p, err := openPipeline(a, names, &o.analyze.input, o.analyze.output.location, false)
	if err != nil {
		return err
	}
	defer p.close()
	p.through = cutter.Segments
	if o.keys {
		p.records.Kept = tlsrecord.Keep(conns)
	}
	for event, err := range p.events(ctx) {
		if err != nil {
			return err
		}
		cutter.Watch(event)
	}
	if cutter.Found() == 0 {
		return usagef("cut: the captures have no connection %s", strings.Trim(fmt.Sprint(conns), "[]"))
	}
	cutter.Comments(p.source.Files(), slices.Concat(account.Found, account.Witnesses))
	if o.keys {
		if o.secrets = p.records.Kept.Text; len(o.secrets) == 0 {
			a.warn("cut: no TLS secrets of these connections are known")
		}
	}
	complete := p.document().Complete
	write := func(w io.Writer) error { return o.copy(ctx, a, names, w, cutter, &account) }
	messages := a.stdout
	if o.path == "-" {
		messages, err = a.stderr, write(a.stdout)
	} else {
		err = wholefile.Write(o.path, o.analyze.output.force, write)
	}
	if err != nil {
		return unreadable(err)
	}
	if o.path != "-" || !a.quiet {
		if err := account.Write(messages, o.path, slices.DeleteFunc(slices.Clone(conns), func(c int64) bool { return !cutter.Saw(c) })); err != nil {
			return unreadable(err)
		}
	}
	if !complete {
		return &exitError{code: exitIncomplete}
	}
	return nil
}

// choose finds the findings that were asked for, by fingerprint or its beginning, or by the rule's name.
func (o *cutOptions) choose(doc *report.Document) ([]incident.Finding, error) {
	var found []incident.Finding
	for _, want := range o.findings {
		n := len(found)
		rule, _ := detectors.Named(want) // nil: none of that name
		for _, f := range doc.Findings {
			if strings.HasPrefix(f.Fingerprint, want) || rule != nil && f.Rule == rule.ID {
				found = append(found, f)
			}
		}
		if len(found) == n {
			return nil, usagef("cut: no finding %s in the captures; 'respsniff analyze' prints the fingerprints", want)
		}
	}
	return found, nil
}

// copy writes the packets to cut.
func (o *cutOptions) copy(ctx context.Context, a *app, names []string, w io.Writer, cutter *evidence.Cutter, account *evidence.Account) error {
	co, err := o.analyze.input.captureOptions(a, o.analyze.output.location)
	if err != nil {
		return err
	}
	source, err := capture.Open(names, co)
	if err != nil {
		return err
	}
	defer source.Close()
	return cutter.Copy(ctx, w, source.Packets(), names, o.secrets, account)
}
