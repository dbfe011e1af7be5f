package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
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
	record   recordFlags
	evidence evidenceFlags

	capture capture.LiveFilter // what the kernel hands over
	maxTime time.Duration      // 0: no limit
}

func newLiveCommand(a *app) *cobra.Command {
	var o liveOptions
	cmd := &cobra.Command{
		Use:   "live [-i DEV]...",
		Short: "Find desyncs on a live interface, as they happen",
		Long: `Live captures packets and prints findings as soon as they are certain enough to stand, a line of
figures every --interval, and at the end the whole report. It ends with SIGINT, SIGTERM, or a limit
(-c, -a); SIGHUP begins a new file of -w.

On Linux it needs CAP_NET_RAW to begin with, and gives it up as soon as the interfaces are open; a
build with cgo only with -Z.`,
		Example: `  sudo respsniff live -i eth0 --port 6379
  sudo respsniff live -i any --port 6379 -o ndjson --evidence /var/lib/respsniff --metrics 127.0.0.1:9121 -Z nobody
  sudo respsniff live -i eth0 --port 6379 -w /data/redis.pcapng -b filesize:100000 -b files:10 -a duration:3600`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(a); err != nil {
				return err
			}
			return o.run(cmd.Context(), a)
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.interfaces, "interface", "i", nil, "`DEV` to capture on, repeatable; see 'respsniff interfaces' (default any)")
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
	f.StringVar(&o.metrics, "metrics", "", "serve Prometheus metrics at `HOST:PORT`; without a host on loopback only")
	under(cmd, headOutput)
	o.record.add(cmd)
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

func (o *liveOptions) check(a *app) error {
	if err := o.analyze.check(); err != nil {
		return err
	}
	for _, p := range o.analyze.input.ports {
		o.capture.Ports = append(o.capture.Ports, uint16(p)) // analysisOptions refuses what does not fit
	}
	for _, word := range o.hosts {
		p, err := netip.ParsePrefix(word)
		if err != nil {
			addr, err := netip.ParseAddr(strings.Trim(word, "[]"))
			if err != nil || addr.Zone() != "" {
				return usagef("--host %s: want an address or a prefix; names are not resolved", word)
			}
			p = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		o.capture.Hosts = append(o.capture.Hosts, p)
	}
	for _, word := range o.autostop {
		what, value, _ := strings.Cut(word, ":")
		n, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil || n <= 0 || n > 1e12:
			return usagef("-a %s: want duration:SECONDS or packets:N", word)
		case what == "duration":
			o.maxTime = time.Duration(min(n*1e9, 1<<62))
		case what == "packets":
			o.count = int64(n)
		default:
			return usagef("-a %s: want duration:SECONDS or packets:N", word)
		}
	}
	if o.count < 0 || o.interval < 0 || o.bufferMiB <= 0 || o.bufferMiB > 4096 {
		return usagef("-c, -B and --interval take positive numbers; -B is in MiB")
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
	return errors.Join(o.record.check(), o.evidence.check())
}

// run captures until it is stopped, and gives the exit code.
func (o *liveOptions) run(ctx context.Context, a *app) error {
	known, err := o.analyze.input.analysisOptions(a)
	if err != nil {
		return err
	}
	source, err := live.Open(capture.LiveOptions{
		Interfaces: o.interfaces, Filter: o.capture, Expression: o.expression, Snaplen: o.snaplen, Buffer: o.bufferMiB << 20, Promiscuous: !o.noPromisc,
	})
	if err != nil {
		return liveError(err)
	}
	defer source.Close()
	doc, err := live.Run(ctx, source, o.options(a, known))
	if err != nil {
		return liveError(err)
	}
	return o.analyze.verdict.exit(doc)
}

// options gives what the run needs.
func (o *liveOptions) options(a *app, known analysis.Options) *live.Options {
	options := &live.Options{
		Analysis: known, Filter: &o.analyze.filter.Filter, Mask: o.analyze.input.masked(), Memory: int64(a.memory),
		Packets: o.count, Time: o.maxTime, Interval: o.interval,
		Force: o.analyze.output.force, Gate: o.analyze.verdict.gate(), Stdout: a.stdout, Log: *a.log(), Tool: tool(), Snaplen: o.snaplen,
		Record: o.record.options(o.analyze.output.force), Evidence: o.evidence.options(), Metrics: o.metrics,
		User: o.user, KeepRights: o.keepRights,
	}
	for _, out := range o.analyze.output.outputs {
		options.Outputs = append(options.Outputs, live.Output{Format: out.format, Path: out.path, Options: o.analyze.output.options(a, out)})
	}
	return options
}

// liveError gives an error of a live run its code.
func liveError(err error) error {
	if refused := (*live.RefusedError)(nil); errors.As(err, &refused) {
		return usage(err)
	}
	return unreadable(err)
}
