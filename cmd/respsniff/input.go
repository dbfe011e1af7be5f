package main

import (
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/bytesize"
	"github.com/respsniff/respsniff/internal/given"
	"github.com/respsniff/respsniff/internal/keylog"
	"github.com/respsniff/respsniff/internal/names"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/spf13/cobra"
)

// inputFlags are what is read and what is already known about it.
type inputFlags struct {
	ports           []uint
	readTimeouts    []string
	policies        []string
	drops           string
	date            string
	maxDecompressed bytesize.Size
	showValues      bool
	mask            []string
	params          ruleParams
	names           string
	state           string // of analyze
	keylogs         []string
	label           report.Label

	dropped capture.Drops // what drops says
}

// addReading adds the flags of how captures are read.
func (in *inputFlags) addReading(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&in.date, "date", "", "`YYYY-MM-DD` of times in text captures that lack it")
	f.StringVar(&in.drops, "drops", "", "packets that the kernel dropped: a `NUMBER`, or tcpdump's closing lines")
	f.Var(&in.maxDecompressed, "max-decompressed", "most bytes that one compressed file may unfold to (0: the built-in limit)")
	f.StringArrayVar(&in.keylogs, "keylog", nil, "`FILE` of TLS secrets in the format of SSLKEYLOGFILE, which is read too; repeatable")
	under(cmd, headInput)
	f.UintSliceVar(&in.ports, "port", nil, "server `PORT`: says which end is the server where the capture does not show it, and leaves out other ports; repeatable")
}

func (in *inputFlags) add(cmd *cobra.Command) {
	in.addReading(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&in.readTimeouts, "read-timeout", nil, "read timeout of clients, `[IP=]DURATION`, such as 198.18.0.2=300ms; repeatable")
	f.StringArrayVar(&in.policies, "policy", nil, "how clients use a connection, `[IP=]WORD`: lockstep (each call takes the next reply), pipelines, multiplex (each waits for its own) or async; repeatable")
	f.StringVar(&in.names, "names", "", "`FILE` of names: lines of an address or network, a port if it matters, and a label; findings keep their fingerprints on other addresses")
	f.StringVar(&in.label.Run, "run-name", "", "`NAME` of this run, in JSON and on each of its rows: numbers of connections count in a run")
	f.StringVar(&in.label.Host, "host-name", "", "`NAME` of the host that the captures are of, in JSON and on each row")
	under(cmd, headAnalysis)
	f.BoolVar(&in.showValues, "show-values", false, "show values in evidence; secrets are never shown")
	f.StringSliceVar(&in.mask, "mask", nil, "replace `keys,addresses` by stable tokens")
	under(cmd, headPrivacy)
	in.params.add(cmd)
	must(cmd.RegisterFlagCompletionFunc("mask", cobra.FixedCompletions([]string{"keys", "addresses"}, cobra.ShellCompDirectiveNoFileComp)))
}

// captureOptions says how files are read.
func (in *inputFlags) captureOptions(a *app, zone *time.Location) (capture.Options, error) {
	o := capture.Options{Stdin: a.stdin, MaxDecompressed: int64(in.maxDecompressed), Location: zone}
	if in.date != "" {
		day, err := time.ParseInLocation(time.DateOnly, in.date, zone)
		if err != nil {
			return o, usagef("--date %s: want YYYY-MM-DD", in.date)
		}
		o.Date = day
	}
	return o, nil
}

// masked says what --mask hides.
func (in *inputFlags) masked() report.Mask {
	return report.Mask{Keys: in.masks("keys"), Addresses: in.masks("addresses")}
}

// masks reports whether --mask names what.
func (in *inputFlags) masks(what string) bool {
	return slices.Contains(in.mask, what)
}

// analysisOptions says what is known beforehand.
func (in *inputFlags) analysisOptions(a *app) (analysis.Options, error) {
	var o analysis.Options
	var err error
	if o.Ports, err = given.Ports(in.ports); err != nil {
		return o, usage(err)
	}
	if o.ReadTimeouts, err = given.ReadTimeouts(in.readTimeouts); err != nil {
		return o, usage(err)
	}
	if o.Policies, err = given.Policies(in.policies); err != nil {
		return o, usage(err)
	}
	if in.dropped, err = given.Drops(in.drops); err != nil {
		return o, usage(err)
	}
	for _, m := range in.mask {
		if m != "keys" && m != "addresses" {
			return o, usagef("--mask %s: want keys, addresses or both", m)
		}
	}
	if in.names != "" {
		called, err := names.Open(in.names)
		if err != nil {
			return o, usagef("--names: %v", err)
		}
		o.Names = incident.Names{Client: called.Client, Server: called.Server}
	}
	o.ShowValues = in.showValues
	o.MaskKeys = in.masks("keys")
	in.params.warnRetired(a)
	return o, in.params.apply(&o)
}

// keys reads the key logs.
func (in *inputFlags) keys(a *app, bounds *bound.Set) (*keylog.Log, error) {
	keys := keylog.New(bounds)
	environment, _ := a.env(keylog.Environment)
	if err := keys.ReadFiles(in.keylogs, environment, a.log().Warn, a.log().Detail); err != nil {
		return nil, usagef("--keylog: %v", err)
	}
	return keys, nil
}
