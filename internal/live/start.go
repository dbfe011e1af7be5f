package live

import (
	"context"
	"fmt"
	"net"
	"os/signal"
	"slices"
	"sync"
	"syscall"

	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/metrics"
	"github.com/respsniff/respsniff/internal/notice"
)

// start opens what stands beside the analysis, in the order of rights: a port and key logs first, then rights are
// dropped, then files. finish closes it.
func (l *run) start(ctx context.Context) (finish func(), err error) {
	var closers []func()
	end := sync.OnceFunc(func() {
		for _, c := range slices.Backward(closers) {
			c()
		}
	})
	defer func() {
		if err != nil {
			end()
		}
	}()
	closers = append(closers, l.openLog())
	if l.o.Metrics != "" {
		stop, err := l.serveMetrics(ctx)
		if err != nil {
			return nil, err
		}
		closers = append(closers, stop)
	}
	closers = append(closers, l.keys.close)
	if err := l.keys.open(l.source, l.o, l.log); err != nil {
		return nil, err
	}
	if err := l.dropRights(); err != nil {
		return nil, err
	}
	if l.o.Record.Path != "" {
		if l.record, err = startRecorder(&l.o.Record, l.interfaceOf, l.log.Warn); err != nil {
			return nil, err
		}
		closers = append(closers, l.record.close)
	}
	if l.o.Evidence.Dir != "" {
		l.keeper = startKeeper(&l.o.Evidence, l.o.Analysis.Ports)
		l.keeper.name, l.keeper.warn, l.keeper.kept = l.interfaceOf, l.log.Warn, l.evidence
		closers = append(closers, l.keeper.close)
	}
	if err := l.outputs.open(l.o); err != nil {
		return nil, err
	}
	signal.Notify(l.hangups, syscall.SIGHUP)
	closers = append(closers, func() { signal.Stop(l.hangups) })
	return end, nil
}

// openLog puts a stream before the log, so that a reader who does not read stops nothing.
func (l *run) openLog() (stop func()) {
	s := newStream(l.o.Log.W)
	l.log = &notice.Log{W: logWriter{s}, Quiet: l.o.Log.Quiet, Verbose: l.o.Log.Verbose}
	return func() {
		_ = s.end(nil) // no reader: there is no place for a warning
		l.log = &l.o.Log
	}
}

func (l *run) serveMetrics(ctx context.Context) (stop func(), err error) {
	listener, err := net.Listen("tcp", l.o.Metrics)
	if err != nil {
		return nil, refusef("--metrics: %w", err)
	}
	var rules []string
	for _, d := range detectors.All() {
		rules = append(rules, d.ID)
	}
	l.metrics = metrics.New(rules...)
	var served sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	log := l.log
	served.Go(func() {
		if err := l.metrics.Serve(ctx, listener); err != nil {
			log.Warn("--metrics: %v", err)
		}
	})
	log.Detail("metrics at http://%s/metrics", listener.Addr())
	return func() {
		cancel()
		served.Wait()
	}, nil
}

func (l *run) dropRights() error {
	given, err := dropRights(l.o.User, l.o.KeepRights)
	if err != nil {
		return fmt.Errorf("live: cannot drop rights: %w", err)
	}
	for _, g := range given {
		l.log.Detail("dropped rights: %s", g)
	}
	return nil
}

// interfaceOf names the interface of a packet.
func (l *run) interfaceOf(p capture.Packet) string {
	if names := l.source.Interfaces(); int(p.Interface) < len(names) {
		return names[p.Interface]
	}
	return ""
}
