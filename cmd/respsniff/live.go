package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/keylog"
	"github.com/respsniff/respsniff/internal/live"
	"github.com/respsniff/respsniff/internal/report"
)

// liveOptions are the flags of live. Letters mean what they mean in tcpdump and dumpcap.
type liveOptions struct {
	analyze analyzeOptions

	interfaces []string
	expression string
	hosts      []string
	snaplen    int
	bufferMiB  int
	noPromisc  bool
	user       string
	keepRights bool
	interval   time.Duration
	metrics    string

	count    int64
	autostop []string
	record   string
	ring     []string
	evidence evidenceFlags
	quiet    time.Duration

	capture capture.LiveFilter // what the kernel hands over
}

func newLiveCommand(a *app) *cobra.Command {
	var o liveOptions
	cmd := &cobra.Command{
		Use:   "live [-i DEV|-]...",
		Short: "Find desyncs on a live interface, as they happen",
		Long: `Live captures packets and prints findings as soon as they are certain enough to stand, a line of
figures every --interval, and at the end the whole report. It ends with SIGINT, SIGTERM, or a limit
(-c, -a); SIGHUP begins a new file of -w.

With -i - it reads a capture from standard input while that is written, by a tcpdump on another
host for instance. Where interfaces are captured on, Linux wants CAP_NET_RAW to begin with; it is
given up as soon as they are open.`,
		Example: `  sudo respsniff live -i eth0 --port 6379
  sudo respsniff live -i any --port 6379 -o ndjson --evidence /var/lib/respsniff --metrics 127.0.0.1:9121 -Z nobody
  ssh redis-host sudo tcpdump -i eth0 -U -w - port 6379 | respsniff live -i -
  sudo respsniff live -i eth0 --port 6379 -w /data/redis.pcapng -b filesize:100000 -b files:10 -a duration:3600`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(a, cmd.Flags().Changed); err != nil {
				return err
			}
			return o.run(cmd.Context(), a)
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.interfaces, "interface", "i", nil, "`DEV` to capture on, repeatable; see 'respsniff interfaces'; - reads a capture from standard input while it is written (default any)")
	f.StringVarP(&o.expression, "filter", "f", "", "capture filter, an `EXPRESSION` of pcap-filter(7); needs a build with libpcap (default: from --port and --host)")
	f.StringArrayVar(&o.hosts, "host", nil, "capture only packets from or to this `ADDR` or prefix; repeatable")
	f.IntVarP(&o.snaplen, "snapshot-length", "s", capture.DefaultSnaplen, "`BYTES` of each packet to capture; less than the whole hides replies")
	f.IntVarP(&o.bufferMiB, "buffer-size", "B", capture.DefaultBuffer>>20, "the kernel's ring for packets, in `MiB` for each interface")
	f.BoolVarP(&o.noPromisc, "no-promiscuous-mode", "p", false, "do not ask the interface for packets to other hosts")
	f.Int64VarP(&o.count, "count", "c", 0, "stop after so many `PACKETS`")
	f.StringArrayVarP(&o.autostop, "autostop", "a", nil, "stop after a `LIMIT`: duration:SECONDS or packets:N; repeatable")
	f.StringVarP(&o.user, "relinquish-privileges", "Z", "", "become this `USER` once the interfaces are open")
	f.BoolVar(&o.keepRights, "keep-privileges", false, "do not give up capabilities once the interfaces are open")
	under(cmd, headCapture)
	f.DurationVar(&o.interval, "interval", time.Minute, "`TIME` between two lines of figures; 0 for none")
	f.DurationVar(&o.quiet, "quiet-time", 5*time.Minute, "a finding of which nothing happened for this `TIME` is over, and is told of again when it comes back")
	f.StringVar(&o.metrics, "metrics", "", "serve Prometheus metrics at `HOST:PORT`; without a host on loopback only")
	under(cmd, headOutput)
	f.StringVarP(&o.record, "write", "w", "", "also write the packets to this pcapng `FILE`")
	f.StringArrayVarP(&o.ring, "ring-buffer", "b", nil, "begin a new file of -w after a `LIMIT`: filesize:KB or duration:SECONDS; files:N keeps the last N; repeatable")
	o.evidence.add(cmd)
	under(cmd, headRecording)
	o.analyze.input.add(cmd)
	for _, name := range []string{"drops", "date", "max-decompressed"} {
		must(f.MarkHidden(name)) // they are about files
	}
	o.analyze.filter.add(cmd, true)
	o.analyze.output.add(cmd, report.Formats)
	o.analyze.output.shown.add(cmd)
	o.analyze.verdict.add(cmd)
	return cmd
}

func (o *liveOptions) check(a *app, changed func(flag string) bool) error {
	if err := o.analyze.check(); err != nil {
		return err
	}
	for _, p := range o.analyze.input.ports {
		o.capture.Ports = append(o.capture.Ports, uint16(p)) // analysisOptions refuses what does not fit
	}
	var err error
	if o.capture.Hosts, err = live.Hosts(o.hosts); err != nil {
		return usage(err)
	}
	if o.count < 0 || o.interval < 0 || o.quiet <= 0 || o.bufferMiB <= 0 || o.bufferMiB > 4096 {
		return usagef("-c, -B, --interval and --quiet-time take positive numbers; -B is in MiB")
	}
	if o.metrics != "" {
		host, port, err := net.SplitHostPort(o.metrics)
		if err != nil {
			return usagef("--metrics %s: want HOST:PORT or :PORT", o.metrics)
		}
		if host == "" {
			o.metrics = net.JoinHostPort("127.0.0.1", port)
		} else if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
			a.warn("--metrics %s: other hosts can read the figures", o.metrics)
		}
	}
	growing := 0
	for _, out := range o.analyze.output.outputs {
		if live.Streams(out.format) {
			growing++
		}
	}
	if growing > live.MaxStreams {
		return usagef("-o: at most %d outputs of text and ndjson", live.MaxStreams)
	}
	if live.IsStdin(o.interfaces) {
		if err := live.OfStdin(changed, o.interfaces); err != nil {
			return usage(err)
		}
	}
	return o.evidence.check()
}

// run captures until it is stopped, and gives the exit code.
func (o *liveOptions) run(ctx context.Context, a *app) error {
	known, err := o.analyze.input.analysisOptions(a)
	if err != nil {
		return err
	}
	options, err := o.options(a, known)
	if err != nil {
		return usage(err)
	}
	source, err := o.open(a)
	if err != nil {
		return liveError(err)
	}
	defer source.Close()
	doc, err := live.Run(ctx, source, options)
	switch {
	case errors.Is(err, capture.ErrNoInterface): // it was said; whatever was found, a service is to begin again
		return &exitError{code: exitIncomplete}
	case err != nil:
		return liveError(err)
	}
	return o.analyze.verdict.exit(doc)
}

// open opens what packets come from.
func (o *liveOptions) open(a *app) (live.Closer, error) {
	if live.IsStdin(o.interfaces) {
		return live.ReadFrom(a.stdin), nil
	}
	return live.Open(capture.LiveOptions{
		Interfaces: o.interfaces, Filter: o.capture, Expression: o.expression, Snaplen: o.snaplen, Buffer: o.bufferMiB << 20, Promiscuous: !o.noPromisc,
	})
}

// options gives what the run needs.
func (o *liveOptions) options(a *app, known analysis.Options) (*live.Options, error) {
	known.Quiet = o.quiet
	options := &live.Options{
		Analysis: known, Filter: &o.analyze.filter.Filter, Mask: o.analyze.input.masked(), Memory: int64(a.memory),
		Packets: o.count, Interval: o.interval,
		Force: o.analyze.output.force, Gate: o.analyze.verdict.gate(), Stdout: a.stdout, Log: *a.log(), Tool: tool(), Label: o.analyze.input.label, Snaplen: o.snaplen,
		Record: live.RecordOptions{Path: o.record, Force: o.analyze.output.force}, Evidence: o.evidence.options(), Metrics: o.metrics,
		Keylogs: o.analyze.input.keylogs, User: o.user, KeepRights: o.keepRights,
	}
	options.KeylogDefault, _ = a.env(keylog.Environment)
	for _, out := range o.analyze.output.outputs {
		options.Outputs = append(options.Outputs, live.Output{Format: out.format, Path: out.path, Options: o.analyze.output.options(a, out)})
	}
	return options, errors.Join(options.Record.Ring(o.ring), options.StopAfter(o.autostop))
}

// liveError gives an error of a live run its code.
func liveError(err error) error {
	if refused := (*live.RefusedError)(nil); errors.As(err, &refused) {
		return usage(err)
	}
	return unreadable(err)
}
