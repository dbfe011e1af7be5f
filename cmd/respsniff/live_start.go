package main

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
	livemetrics "github.com/respsniff/respsniff/internal/metrics"
)

// start opens what stands beside the analysis, in the order of rights: a port first, then rights are dropped, then
// files. finish closes it.
func (l *liveRun) start(ctx context.Context) (finish func(), err error) {
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
	stderr := l.app.stderr
	l.log = newStream(stderr)
	l.app.stderr = logWriter{l.log}
	closers = append(closers, func() {
		_ = l.log.end(nil) // stderr takes nothing: there is nobody to tell
		l.app.stderr = stderr
	})
	if l.o.metrics != "" {
		listener, err := net.Listen("tcp", l.o.metrics)
		if err != nil {
			return nil, usagef("--metrics: %v", err)
		}
		var rules []string
		for _, d := range detectors.All() {
			rules = append(rules, d.ID)
		}
		l.metrics = livemetrics.New(rules...)
		var served sync.WaitGroup
		ctx, cancel := context.WithCancel(ctx)
		served.Go(func() {
			if err := l.metrics.Serve(ctx, listener); err != nil {
				l.app.warn("--metrics: %v", err)
			}
		})
		closers = append(closers, func() {
			cancel()
			served.Wait()
		})
		l.app.say("metrics at http://%s/metrics", listener.Addr())
	}
	given, kept, err := dropRights(l.o.user, l.o.keepRights)
	if err != nil {
		return nil, unreadable(fmt.Errorf("live: cannot drop rights: %w", err))
	}
	for _, g := range given {
		l.app.say("dropped rights: %s", g)
	}
	if kept {
		l.app.warn("all rights are kept: this build uses cgo; give -Z USER, or build with CGO_ENABLED=0")
	}
	name := func(p capture.Packet) string {
		if names := l.source.Interfaces(); int(p.Interface) < len(names) {
			return names[p.Interface]
		}
		return ""
	}
	if l.o.record.path != "" {
		l.o.record.force = l.o.analyze.output.force
		if l.record, err = startRecorder(&l.o.record, name, l.app.warn); err != nil {
			return nil, err
		}
		closers = append(closers, l.record.close)
	}
	if l.o.evidence.dir != "" {
		l.keeper = startKeeper(&l.o.evidence, l.o.filter.Ports)
		l.keeper.name, l.keeper.warn, l.keeper.said = name, l.app.warn, l.keptIn
		closers = append(closers, l.keeper.close)
	}
	if err := l.openOutputs(); err != nil {
		return nil, err
	}
	signal.Notify(l.hangups, syscall.SIGHUP)
	closers = append(closers, func() { signal.Stop(l.hangups) })
	return end, nil
}
